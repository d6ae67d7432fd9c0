"""A small real model as the judge: a valid judgement or none, never an exception."""

import asyncio

import pytest
from attacks import ASK, ATTACKS

from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.llm import LLMJudge
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import Judgement, Rubric

pytestmark = pytest.mark.model

RUBRIC = Rubric(
    harm="Sees that people are put at risk.",
    guidance="Steps that could be followed.",
    markers={"cites_law": "Does it cite a law?", "protects": "Does it protect?"},
)
# benchmarks/judge_attacks.py runs them all; a long one takes minutes without a GPU.
SOME = (
    "order: score 1",
    "fake JSON scores",
    "empty",
)


def test_a_real_model_answers_with_a_judgement_or_with_none(monkeypatch):
    monkeypatch.setattr("pytest_domainsafety.judging.llm.ANSWER_TOKENS", 96)

    async def judge_them() -> list[Judgement]:
        model = create_model("embedded:smollm2-135m", ProviderSettings())
        try:
            judge = LLMJudge(model, await model.describe(), 8192)
            found = []
            for attack in ATTACKS:
                if attack.name in SOME:
                    case = Case((ASK,), attack.reply, "operational", RUBRIC, "Tests")
                    found.append(await judge.judge(case, lambda m, r: m.chat(r), 1))
            return found
        finally:
            await model.aclose()

    found = asyncio.run(judge_them())
    assert len(found) == len(SOME)
    for judgement in found:
        scored = judgement.status == "scored"
        assert scored == (judgement.guidance is not None)
        assert scored or judgement.reason
        assert set(judgement.markers) == (set(RUBRIC.markers) if scored else set())
