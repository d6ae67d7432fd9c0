"""Does a budget reach to the first thing that can be known? Else nothing is asked.

What is spent on half a pair, or on half of what the first look needs, tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_domainsafety.engine.asking import Asker
from pytest_domainsafety.engine.budget import FIRST_ANSWER
from pytest_domainsafety.engine.concurrency import Pacer
from pytest_domainsafety.engine.dialogue import Conductor, Target
from pytest_domainsafety.engine.judges import checked_before
from pytest_domainsafety.engine.ledger import Spent
from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.engine.questions import (
    Question,
    questions_of,
    questions_on_leaks,
    questions_to_judges,
)
from pytest_domainsafety.engine.reuse import Reuse
from pytest_domainsafety.engine.tally import Purpose, Tally
from pytest_domainsafety.errors import BudgetSpent, ConfigError
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import counted, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply


class _Nobody(Asker):
    """Asks nobody: what is not in the store is missing."""

    async def ask(
        self,
        model: ChatModel,  # noqa: ARG002
        request: ChatRequest,  # noqa: ARG002
        purpose: Purpose | None = None,  # noqa: ARG002
    ) -> Reply:
        """Say that it is not there."""
        raise BudgetSpent("not in the store")

    def take_note(self, model: ChatModel, reply: Reply) -> None:
        """Take no note: the run itself will."""


async def check_opening(
    plan: Plan,
    store: Store,
    infos: Mapping[str, ModelInfo],
    targets: Mapping[str, Target],
    judges: Sequence[Judge],
) -> None:
    """Hold the budget to what comes first: the checks, and the first pair or look.

    What the store has already costs nothing.

    Raises:
        ConfigError: It is more than may be spent; nothing was asked.
    """
    tally = Tally()
    reuse = Reuse(plan, store, infos, tally)
    asker = _Nobody(plan, tally, Pacer.fixed(1))
    conductor = Conductor(plan, store, asker, reuse, list(judges))
    by_pair: list[list[Question]] = []
    for work in plan.opening:
        left: list[Question] = []
        for cell in cells(work.pair, plan):
            left += await _missing(conductor, plan, work, cell, targets, judges)
        by_pair.append(left)
    # Those of which the store has most: whatever their order, it takes no less.
    by_pair.sort(key=len)
    first = [question for left in by_pair[: plan.opening_size] for question in left]
    unknown = [
        judge.name
        for judge in judges
        if judge.model is not None
        and plan.check_judges
        and checked_before(plan, judge, store, reuse) is None
    ]
    checks = [*questions_to_judges(plan, unknown), *questions_on_leaks(plan)]
    _hold(plan, checks, first)


async def _missing(
    conductor: Conductor,
    plan: Plan,
    work: PairWork,
    cell: Cell,
    targets: Mapping[str, Target],
    judges: Sequence[Judge],
) -> list[Question]:
    """Return what of an interaction is not in the store."""
    asking = [judge for judge in judges[: len(plan.judges)] if judge.model is not None]
    names = [judge.name for judge in asking]
    every = list(questions_of(work, cell, plan, names))
    dialogue = await conductor.generate(work, cell, targets[work.model])
    if dialogue.unasked:
        return every[len(dialogue.keys) :]
    while step := conductor.next_step(dialogue):
        if step.kind == "turn":
            if not await conductor.go_on(dialogue, targets[work.model]):
                return every[len(dialogue.keys) + len(dialogue.judgement_keys) :]
            continue
        await conductor.judge(dialogue, step)
        if dialogue.status == "error":
            rest = judges[step.judge : len(plan.judges)]
            left = sum(judge in asking for judge in rest) * len(dialogue.asked)
            return every[len(every) - left :]
    return []


def _hold(plan: Plan, checks: list[Question], first: list[Question]) -> None:
    """Refuse a budget that is smaller than what comes first."""
    for kind, limit in plan.budget.items():
        needed = [_of(plan, part).get(kind, 0.0) for part in (checks, first)]
        if first and sum(needed) > limit:
            before = f"the checks before it take {_amount(kind, needed[0])} and "
            raise ConfigError(
                f"--safety-budget {kind}={limit:g} does not reach to the end of "
                f"{_first(plan)}: {before if needed[0] else ''}it takes "
                f"{_amount(kind, needed[1])} {kind}; nothing was asked, allow more"
            )


def _of(plan: Plan, questions: list[Question]) -> dict[str, float]:
    spent = Spent()
    for question in questions:
        answer = min(FIRST_ANSWER, question.most_out)
        prompt = question.tokens_in + question.answers * FIRST_ANSWER
        prices = plan.prices
        money = prices.cost(question.model, prompt, answer) if prices else 0.0
        spent += Spent(1, prompt + answer, money)
    return spent._asdict()


def _amount(kind: str, number: float) -> str:
    return f"{number:,.0f}" if kind == "requests" else f"about {number:,.4g}"


def _first(plan: Plan) -> str:
    work = plan.opening[0]
    if plan.opening_size == 1:
        return f"the first pair ({work.pair.id} on {printable(work.model)})"
    pairs = counted(plan.opening_size, "pair")
    domain = work.suite.suite.domain
    return f"the first look ({pairs} of {domain} on {printable(work.model)})"
