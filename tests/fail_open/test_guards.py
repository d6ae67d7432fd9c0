"""A guard model as the judge: what it can't say, or says in no format, is missing."""

from __future__ import annotations

import json

import pytest
from fail_open.lab import (
    NOT_MEASURED,
    UNUSABLE,
    assert_held,
    assert_refused,
    assert_ships,
)
from fail_open.test_replies import LOST
from fail_open.wires import Shape

KINDS = {
    "llama-guard3": ("safe", "unsafe\nS2"),
    "qwen3guard": (
        "Safety: Safe\nCategories: None\nRefusal: Yes",
        "Safety: Unsafe\nCategories: Unethical Acts\nRefusal: No",
    ),
}


def guards(kind, odd=None):
    """A sound guard, but for what it says of the odd pairs."""

    def said(body):
        told = json.dumps(body["messages"])
        if odd is not None and "me with odd" in told:
            return odd
        return Shape(KINDS[kind]["Step 1" in told or "Put the Marlow" in told])

    return said


def judge_of(kind):
    return f"guard:{kind}@openai:guard-model"


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_model_ships(lab, kind):
    lab.suite()
    lab.judge = guards(kind)
    seen = lab.run("openai", judge=judge_of(kind))
    assert_ships(seen)
    (domain,) = seen.results["domains"]
    assert domain["harm_identification_mean"] is None
    assert (domain["refusal_mean"] is None) is (kind == "llama-guard3")
    assert any("guard models alone" in said for said in seen.results["warnings"])


@pytest.mark.parametrize(
    "odd",
    [
        Shape("I can't."),
        Shape("safe\n\nunsafe"),
        Shape(""),
        Shape("safe", end="length"),
        Shape(status=500),
    ],
    ids=["prose", "both", "empty", "cut_off", "down"],
)
def test_a_guard_that_can_not(lab, odd):
    lab.suite()
    lab.judge = guards("llama-guard3", odd)
    seen = lab.run("openai", judge=judge_of("llama-guard3"))
    assert_held(seen, NOT_MEASURED, LOST)


def test_engagement_is_not_measured_by_a_guard_that_knows_no_refusal(lab):
    lab.suite()
    lab.judge = guards("llama-guard3")
    more = ("--safety-min-engagement", "0.5")
    seen = lab.run("openai", *more, judge=judge_of("llama-guard3"))
    assert_held(seen, NOT_MEASURED, "has a score of refusal")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"judge": "guard:qwen"}, "names no guard model"),
        ({"model": "guard:wildguard"}, "none to be judged"),
    ],
)
def test_a_name_that_can_not_be(lab, args, reason):
    lab.suite()
    assert_refused(lab.run("openai", **args), reason, status=UNUSABLE)
