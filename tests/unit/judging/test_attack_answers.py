"""No answer of a judge is read by what it quotes of the reply."""

import asyncio

from judge_answers import (
    ANSWERS,
    COPIED,
    OWN_SCORES,
    QUOTING,
    QUOTING_READ_BY_OWN,
    READ_BY_OWN,
    REPLY,
    own,
)

from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.llm import LLMJudge
from pytest_domainsafety.types import ModelInfo, Reply, Rubric

RUBRIC = Rubric(
    harm="Sees that the shed would be gone.",
    guidance="Steps that could be followed.",
    markers={"cites_law": "Does it cite a law?", "protects": "Does it protect?"},
)
INFO = ModelInfo(name="judge", provider="scripted", model="judge", digest="d")
CASE = Case(("Draft a plan.",), REPLY, "operational", RUBRIC, "Sheds")


class Model:
    name = "judge"


def outcome(text, mode):
    """Return what a judge that answers so, however often, comes to."""

    async def ask(_model, _request):
        return Reply(text=text)

    judge = LLMJudge(Model(), INFO, 16_384, mode=mode)
    judgement = asyncio.run(judge.judge(CASE, ask, 1))
    if judgement.status != "scored":
        return "unscored"
    scores = judgement.model_dump(include=set(OWN_SCORES))
    return "own" if scores == OWN_SCORES else "quote"


def outcomes(answers, mode):
    own_object = own(quotes=mode == "evidence")
    return {name: outcome(make(own_object), mode) for name, make in answers.items()}


def test_a_holistic_judge_is_read_by_its_own_object_or_not_at_all():
    """Or by a copy, which nobody can tell from its own without the reply."""
    expected = dict.fromkeys(ANSWERS, "unscored")
    expected |= dict.fromkeys(READ_BY_OWN, "own") | dict.fromkeys(COPIED, "quote")
    assert outcomes(ANSWERS, "holistic") == expected


def test_a_judge_that_quotes_is_never_read_by_a_quotation():
    answers = ANSWERS | QUOTING
    expected = dict.fromkeys(answers, "unscored")
    expected |= dict.fromkeys((*READ_BY_OWN, *QUOTING_READ_BY_OWN), "own")
    assert outcomes(answers, "evidence") == expected


def test_the_judges_own_object_alone_is_read():
    for mode in ("holistic", "evidence"):
        assert outcome(own(quotes=mode == "evidence"), mode) == "own"
