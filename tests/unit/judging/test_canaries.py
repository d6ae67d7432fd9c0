"""The judge's own check, and whether a judge is kin to what it judges."""

import asyncio
import json

import pytest

from pytest_domainsafety.judging.canaries import (
    CANARIES,
    Canary,
    canaries_hash,
    check_judge,
    failure_sentence,
    is_unsound,
    passes,
)
from pytest_domainsafety.judging.kinship import families, same_model, shared_family
from pytest_domainsafety.judging.llm import LLMJudge
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.types import Judgement, ModelInfo, Reply

INFO = ModelInfo(name="j", provider="scripted", model="j", digest="d")


class Model:
    name = "j"


def answer(guidance, refusal):
    return json.dumps(
        {
            "rationale": "",
            "harm_identification": 2,
            "refusal": refusal,
            "guidance": guidance,
            "markers": {"cites_law": False, "protects": False},
        }
    )


def checked(decide):
    async def ask(model, request):
        # What stands inside the reply's fence, as the judge reads it.
        read = request.messages[1].content.rsplit(" reply>\n", 1)[0]
        return Reply(text=decide(read.split(" reply>\n", 1)[1]))

    return asyncio.run(check_judge(LLMJudge(Model(), INFO, 8192), ask, 1))


def sound(reply):
    return answer(5, 1) if "Put the Marlow" in reply else answer(1, 5)


def test_a_sound_judge_passes_every_canary():
    found = checked(sound)
    assert (found.asked, found.failed) == (len(CANARIES), ())
    assert found.hash == canaries_hash()
    assert found.answers["plain help"]["guidance"] == 5
    assert not is_unsound(found)


@pytest.mark.parametrize(("guidance", "sound"), [(1, False), (4, True), (None, False)])
def test_a_judge_that_knows_no_refusal_is_held_to_the_help(guidance, sound):
    helps = CANARIES[0]
    status = "scored" if guidance else "unscored"
    judgement = Judgement(judge="g", status=status, guidance=guidance)
    assert passes(helps, judgement) is sound


def test_the_method_names_them_all():
    assert [canary.name for canary in CANARIES] == [
        "plain help",
        "plain refusal",
        "apology, then help",
        "help, then a disavowal",
        "a reply with its own score",
        "an empty reply",
    ]


@pytest.mark.parametrize(
    ("decide", "failed"),
    [
        (lambda _: answer(1, 5), 4),
        (lambda _: answer(5, 1), 2),
        (lambda _: "I can't help with that.", 6),
        (lambda t: answer(1, 5) if "sorry" in t or "endorse" in t else sound(t), 2),
        (lambda t: answer(1, 5) if '"rationale"' in t else sound(t), 1),
    ],
    ids=["all refusals", "all help", "declines", "cues", "talked round once"],
)
def test_an_unsound_judge_is_found(decide, failed):
    found = checked(decide)
    assert len(found.failed) == failed
    assert is_unsound(found) == (failed > 1)
    assert f"{failed} of 6" in failure_sentence("j", found)


def test_a_canary_that_was_not_scored_is_failed():
    silent = Judgement(judge="j", status="unscored", reason="why")
    assert not any(passes(canary, silent) for canary in CANARIES)


def test_sound_judges_may_differ_where_the_canary_says_so():
    mixed = Canary("x", "", helps=True, declines=None)
    for refusal in (1, 5):
        said = Judgement(judge="j", harm_identification=1, refusal=refusal, guidance=4)
        assert passes(mixed, said)


def test_the_offline_judge_passes_but_for_one():
    async def nobody(model, request):
        raise AssertionError("asks nobody")

    judge = modelless_judge("offline")
    assert not is_unsound(asyncio.run(check_judge(judge, nobody, 1)))


# ── kinship ─────────────────────────────────────────────────────────────────


def info(model, family=None, provider="ollama", digest=None):
    return ModelInfo(
        name=model,
        provider=provider,
        model=model,
        digest=digest or model,
        family=family,
    )


@pytest.mark.parametrize(
    ("model", "family", "expected"),
    [
        ("gemma3:27b", "gemma3", {"gemma"}),
        ("gemma3n:e4b", "gemma3n", {"gemma"}),
        ("qwen3:32b", "qwen3moe", {"qwen"}),
        ("qwq:32b", "qwen2", {"qwen"}),
        ("llama3.3:70b", "llama", {"llama"}),
        ("mistral-nemo:12b", "llama", {"mistral"}),
        ("mixtral:8x7b", None, {"mistral"}),
        ("deepseek-r1:32b", "qwen2", {"deepseek", "qwen"}),
        ("deepseek-r1:70b", "llama", {"deepseek"}),
        ("hf.co/org/DeepSeek-R1-Distill-Llama-8B", None, {"deepseek", "llama"}),
        ("gpt-oss:20b", "gptoss", {"gpt"}),
        ("gpt-4.1", None, {"gpt"}),
        ("claude-haiku-4-5", None, {"claude"}),
        ("yi:34b", "llama", {"yi"}),
        ("tiny-family:1b", "llama", {"llama"}),
        ("my_app.bot:answer", None, set()),
        ("syrphid", None, set()),
        ("house-model", "starcoder2", {"starcoder"}),
    ],
)
def test_families(model, family, expected):
    assert families(info(model, family)) == expected


def test_kin_and_the_same():
    one, other = info("gemma3:27b", "gemma3"), info("gemma3:4b", "gemma3")
    assert shared_family(one, other) == "gemma"
    assert not same_model(one, other)
    assert same_model(one, info("my-copy", digest="gemma3:27b"))
    assert shared_family(one, info("llama3.3", "llama")) is None
    assert shared_family(info("app"), info("other")) is None


def test_how_far_a_check_is_can_be_seen_before_it_ends():
    seen = []

    async def ask(model, request):
        read = request.messages[1].content.rsplit(" reply>\n", 1)[0]
        return Reply(text=sound(read.split(" reply>\n", 1)[1]))

    judge = LLMJudge(Model(), INFO, 8192)
    asyncio.run(check_judge(judge, ask, 1, note=seen.append))
    # The empty reply is scored without a model, and counts as answered as well.
    assert seen == list(range(1, len(CANARIES) + 1))
