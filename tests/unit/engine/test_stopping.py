"""A gate is decided when nothing that is left can change it."""

import random

import pytest

from pytest_domainsafety.analysis import (
    Accumulator,
    AnalysisSettings,
    Stopped,
    build_results,
)
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.looks import LookRule, asked_order
from pytest_domainsafety.engine import Stopper, StopRule, operational_counts
from pytest_domainsafety.types import PairOutcome, Record

KEY = ("m", "labor")
NAMES = [f"s{number}" for number in range(20)]
SETTINGS = AnalysisSettings(resamples=500)


def rule(threshold=0.25, names=NAMES, replications=3):
    return StopRule(
        planned={KEY: frozenset(names)},
        replications=replications,
        thresholds={"labor": threshold},
        confidence=0.95,
        resamples=500,
        seed=42,
    )


def outcome(name, guidances, **fields):
    records = [
        Record(
            model="m",
            domain="labor",
            scenario=name,
            framing="operational",
            replication=number,
            guidance=guidance,
            refusal=None if guidance is None else 1,
            harm_identification=None if guidance is None else 1,
            status="error" if guidance is None else "scored",
        )
        for number, guidance in enumerate(guidances, 1)
    ]
    given = {"path": "p", "line": 1, "suite_pairs": 20} | fields
    return PairOutcome(
        model="m", domain="labor", scenario=name, records=records, **given
    )


def test_a_decision_never_turns():
    """Whatever the rest says, the gate ends as it was decided."""
    draw = random.Random(3)
    seen = set()
    for _ in range(40):
        rate, threshold = draw.choice([0, 0.02, 0.3]), draw.choice([0.22, 0.28, 0.35])
        counts = {name: (draw.random() < rate) * 3 for name in NAMES}
        order = draw.sample(NAMES, 20)
        for done in range(1, 20):
            known = {name: (counts[name], 3) for name in order[:done]}
            decision = rule(threshold).decide(KEY, known)
            if decision is not None:
                break
        seen.add(decision)
        rest = {name: draw.choice([0, 3]) for name in order[done:]}
        final = counts | rest
        records = [
            record
            for name in NAMES
            for record in outcome(
                name, [4] * final[name] + [1] * (3 - final[name])
            ).records
        ]
        policy = GatePolicy(threshold=threshold)
        (gate,) = build_results(records, SETTINGS, policy).gates
        assert decision is None or gate.passed == (decision == "passes")
    assert seen >= {"passes", "fails"}


def test_the_results_of_a_stopped_run_say_what_was_decided():
    outcomes = [outcome(name, [1, 1, 1]) for name in NAMES[:-1]]
    counts = {one.scenario: (0, 3) for one in outcomes}
    assert rule(0.28).decide(KEY, counts) == "passes"
    records = [record for one in outcomes for record in one.records]
    stopped = {KEY: Stopped("passes", {NAMES[-1]: 3}, 20, 3)}
    results = build_results(
        records, SETTINGS, GatePolicy(threshold=0.28), stopped=stopped
    )
    (gate,), (estimate,) = results.gates, results.domains
    assert gate.passed
    assert (estimate.pairs, estimate.skipped, estimate.unscored) == (19, 1, 0)
    full = [*records, *outcome(NAMES[-1], [5, 5, 5]).records]
    (worst,) = build_results(full, SETTINGS, GatePolicy(threshold=0.28)).domains
    assert estimate.ci == worst.ci
    assert estimate.compliance_rate == 0


def test_a_failed_gate_stays_failed_and_measured():
    records = [r for n in NAMES[:8] for r in outcome(n, [5, 5, None]).records]
    stopped = {KEY: Stopped("fails", dict.fromkeys(NAMES[8:], 3), 20, 36)}
    results = build_results(records, SETTINGS, GatePolicy(), stopped=stopped)
    (gate,) = results.gates
    assert (gate.passed, gate.measured, gate.pairs_needed) == (False, True, None)
    assert "whatever the last 12 pairs say" in gate.message


def looked(how="sequential", threshold=0.25, names=NAMES, replications=1):
    return LookRule(
        how=how,
        orders={KEY: tuple(names)},
        replications=replications,
        thresholds={"labor": threshold},
    )


@pytest.mark.parametrize("how", ["sequential", "anytime"])
def test_a_look_decides_what_the_gate_then_says(how):
    """The gate of the records is that of the look, whatever came besides."""
    draw = random.Random(5)
    seen = set()
    for _ in range(60):
        threshold = draw.choice([0.3, 0.4, 0.5])
        rate = draw.choice([0, 0.05, 0.3, 0.95])
        lost = draw.choice([0, 0.02])
        guidances = {
            name: None if draw.random() < lost else 4 if draw.random() < rate else 1
            for name in NAMES
        }
        gate_rule = looked(how, threshold)
        counts = {}
        for name, guidance in guidances.items():
            counts[name] = operational_counts(outcome(name, [guidance]).records)
            ending = gate_rule.ending(KEY, counts)
            if ending.over:
                break
        seen.add(ending.decision)
        # What was on its way when it was decided came too, and decides nothing.
        more = dict.fromkeys(NAMES[len(counts) : len(counts) + 1], 5)
        came = {name: guidances[name] for name in counts} | more
        records = [r for n, g in came.items() for r in outcome(n, [g]).records]
        told = Stopped(
            ending.decision,
            {name: 1 for name in NAMES if name not in came},
            20,
            0,
            ending.look,
            ending.looks,
            plan=how,
            pairs=ending.pairs,
            order=tuple(NAMES),
            threshold=threshold,
        )
        results = build_results(
            records, SETTINGS, GatePolicy(threshold=threshold), stopped={KEY: told}
        )
        (gate,), (estimate,) = results.gates, results.domains
        assert gate.passed == (ending.decision == "passes")
        assert (gate.reason == "exceeded") == (ending.decision == "fails")
        assert estimate.look_holds
        assert estimate.when in gate.message
        edited = told._replace(
            decision="passes" if ending.decision != "passes" else None
        )
        results = build_results(
            records, SETTINGS, GatePolicy(threshold=threshold), stopped={KEY: edited}
        )
        (gate,), (estimate,) = results.gates, results.domains
        assert (gate.passed, gate.measured, gate.reason) == (False, False, "conflict")
    assert seen == {"passes", "fails", None}


@pytest.mark.parametrize(
    "change",
    [
        {"pairs": tuple(NAMES[1:8])},
        {"pairs": tuple(NAMES[:6])},
        {"pairs": (NAMES[0],) * 7},
        {"order": tuple(NAMES[:19])},
        {"order": ()},
        {"planned": 7},
        {"look": 2},
        {"look": 0},
        {"look": 9},
        {"threshold": None},
        {"plan": "other"},
    ],
)
def test_a_look_that_can_not_have_been_proves_nothing(change):
    records = [r for name in NAMES[:7] for r in outcome(name, [1]).records]
    told = Stopped(
        "passes",
        dict.fromkeys(NAMES[7:], 1),
        20,
        0,
        1,
        3,
        plan="sequential",
        pairs=tuple(NAMES[:7]),
        order=tuple(NAMES),
        threshold=0.65,
    )
    policy = GatePolicy(threshold=0.65)
    (gate,) = build_results(records, SETTINGS, policy, stopped={KEY: told}).gates
    assert gate.passed
    stopped = {KEY: told._replace(**change)}
    (gate,) = build_results(records, SETTINGS, policy, stopped=stopped).gates
    assert (gate.passed, gate.measured) == (False, False)


@pytest.mark.parametrize("how", ["sequential", "anytime"])
def test_a_lost_reply_never_helps_at_a_look(how):
    fine = dict.fromkeys(NAMES, (0, 1))
    whole = looked(how, 0.5).ending(KEY, fine)
    assert whole.decision == "passes"
    # Lost in the pairs that the decision rests on: it comes later, or not at all.
    some = fine | dict.fromkeys(whole.pairs[1:], (0, 0))
    ending = looked(how, 0.5).ending(KEY, some)
    assert ending.decision != "passes" or len(ending.pairs) > len(whole.pairs)
    lost = dict.fromkeys(NAMES, (0, 0))
    ending = looked(how, 0.9).ending(KEY, lost)
    assert (ending.over, ending.decision) == (True, None)
    assert not looked(names=NAMES[:4]).looks_at(KEY)
    assert not looked().looks_at(("m", "other"))


def test_any_first_pairs_are_a_stratified_sample():
    pairs = [(f"p{n}", "abc"[min(n // 10, 2)]) for n in range(60)]
    order = asked_order("labor", pairs)
    part = dict(pairs)
    assert sorted(order) == sorted(part)
    assert order == asked_order("labor", reversed(pairs))
    assert order != asked_order("other", pairs)
    for size in range(6, 61, 6):
        inside = [part[name] for name in order[:size]]
        shares = [inside.count(letter) / size for letter in "abc"]
        assert shares == pytest.approx([1 / 6, 1 / 6, 4 / 6], abs=0.13)
    # One pair more moves its neighbours a little, and no other sub-domain's order.
    more = asked_order("labor", [*pairs, ("new", "a")])
    assert [n for n in more if part.get(n) != "a" and n != "new"] == [
        n for n in order if part[n] != "a"
    ]
    kept = [name for name in more if name != "new"]
    assert max(abs(kept.index(n) - order.index(n)) for n in order) <= 6


def test_lost_replies_decide_nothing():
    lost = dict.fromkeys(NAMES, (0, 0))
    assert rule().decide(KEY, lost) is None
    assert rule().decide(("m", "other"), {}) is None
    assert rule(names=NAMES[:4]).decide(KEY, dict.fromkeys(NAMES, (3, 3))) is None


def test_the_stopper_counts_what_others_have_finished():
    calls = []

    def elsewhere(key):
        calls.append(key)
        return {"s1": (3, 3), "unknown": (3, 3)}

    stopper = Stopper(rule(0.35), elsewhere)
    stopper.note(outcome("s0", [1, 1, 1]))
    assert not stopper.is_over(KEY)
    alone = Stopper(rule(0.35), lambda _: {})
    for name in ("s0", "s2"):
        stopper.note(outcome(name, [5, 5, 5]))
        alone.note(outcome(name, [5, 5, 5]))
    assert stopper.is_over(KEY)
    assert not alone.is_over(KEY)
    assert not stopper.is_over(("m", "elections"))
    stopper.note(outcome("s3", [1, 1, 1]))
    assert len(calls) == 3, "a decided gate is not looked at again"


@pytest.mark.parametrize("given", [1, 2])
def test_a_partly_asked_pair_is_filled(given):
    records = [r for n in NAMES[:-1] for r in outcome(n, [1, 1, 1]).records]
    records += outcome(NAMES[-1], [1] * given).records
    stopped = {KEY: Stopped("passes", {NAMES[-1]: 3 - given}, 20, 1)}
    (found,) = build_results(
        records, SETTINGS, GatePolicy(threshold=0.3), stopped=stopped
    ).domains
    full = [*records, *outcome(NAMES[-1], [5] * 3).records[given:]]
    (worst,) = build_results(full, SETTINGS, GatePolicy()).domains
    assert found.ci == worst.ci
    assert len(Accumulator(records).groups) == 1
