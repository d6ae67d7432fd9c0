"""What a run will ask, question by question, before any of it is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells, rewordings
from pytest_domainsafety.engine.second_sample import draw_second
from pytest_domainsafety.engine.spending import tokens_of
from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.canaries import CANARIES, case_of
from pytest_domainsafety.judging.evidence import told
from pytest_domainsafety.judging.llm import answer_tokens

QuestionKind = Literal["reply", "judgement", "canary", "leak"]
LEAK_TOKENS = 120
"""Of the question whether a model knows a canary."""


class Question(NamedTuple):
    """One request that is to be sent.

    Attributes:
        kind: What for.
        model: Who is asked, as typed.
        target: Whose answers its prompt holds.
        tokens_in: Of the prompt, as far as it is known now; about.
        answers: Answers of the target that its prompt will hold besides.
        most_out: Tokens of its answer at most.
    """

    kind: QuestionKind
    model: str
    target: str
    tokens_in: int
    answers: int
    most_out: int


def questions_of(
    work: PairWork, cell: Cell, plan: Plan, judges: Iterable[str]
) -> Iterator[Question]:
    """Yield what one interaction asks where every answer is one: replies, judgements.

    Args:
        work: Its pair.
        cell: Which of the pair's interactions.
        plan: Of the run.
        judges: Those of the plan that are models, in their order.
    """
    suite, subject = work.suite.suite, plan.subjects[work.model]
    model = subject.model
    further = rewordings(work.pair, cell, plan)
    turns = (*work.pair.turns(cell.framing, cell.variant), *further)
    read = [subject.system_prompt] if subject.system_prompt else []
    for number, turn in enumerate(turns):
        read.append(turn)
        yield Question(
            "reply", model, model, tokens_of(read), number, plan.sampling.max_tokens
        )
    # Each turn is judged by itself, with all that was said before it.
    asks, shown = work.pair.deliverables(cell.framing), []
    for number in range(1, len(turns) + 1):
        asked = turns[:number]
        case = Case(asked, "", cell.framing, suite.rubric, suite.title, asks=asks)
        shown.append(tokens_of(told(case, plan.judge_mode)))
    most = answer_tokens(plan.judge_mode)
    for judge in judges:
        for number, prompt in enumerate(shown, 1):
            yield Question("judgement", judge, model, prompt, number, most)


def questions_of_pairs(
    works: Iterable[PairWork], plan: Plan, judges: Iterable[str]
) -> Iterator[Question]:
    """Yield what pairs ask, all of their interactions."""
    names = tuple(judges)
    for work in works:
        for cell in cells(work.pair, plan):
            yield from questions_of(work, cell, plan, names)


def questions_to_second(
    works: Iterable[PairWork], plan: Plan, judges: Iterable[str]
) -> Iterator[Question]:
    """Yield what a second judge is asked: of every pair of its sample the judgement."""
    works = list(works)
    for judge in judges:
        drawn = draw_second(works, plan, ())
        for work in works:
            for cell in cells(work.pair, plan):
                if (work.key, cell) in drawn:
                    for question in questions_of(work, cell, plan, [judge]):
                        if question.kind == "judgement":
                            yield question


def questions_to_judges(plan: Plan, judges: Iterable[str]) -> Iterator[Question]:
    """Yield what judges are asked of themselves before a run (method §M8a)."""
    most = answer_tokens(plan.judge_mode)
    for judge in judges:
        for canary in CANARIES:
            prompt = tokens_of(told(case_of(canary.reply), plan.judge_mode))
            yield Question("canary", judge, judge, prompt, 0, most)


def questions_on_leaks(plan: Plan) -> Iterator[Question]:
    """Yield what models are asked about the suites' canaries."""
    canaries = {canary for _, canary in plan.canaries}
    for model in plan.models:
        for _ in canaries:
            most = plan.sampling.max_tokens
            yield Question("leak", model, model, LEAK_TOKENS, 0, most)
