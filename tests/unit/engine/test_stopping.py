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


def test_a_look_decides_what_the_gate_then_says():
    """Looks after each replication, at limits that share the error out."""
    draw = random.Random(5)
    seen = set()
    for _ in range(40):
        threshold, rate = (
            draw.choice([0.22, 0.28, 0.4]),
            draw.choice([0, 0.05, 0.3, 0.9]),
        )
        rates = [draw.random() < rate and 0.9 for _ in NAMES]
        guidances = [
            [None if draw.random() < 0.01 else 4 if draw.random() < own else 1]
            + [4 if draw.random() < own else 1 for _ in range(2)]
            for own in rates
        ]
        gate_rule = rule(threshold)
        for number in (1, 2, 3):
            outcomes = [
                outcome(name, some[:number])
                for name, some in zip(NAMES, guidances, strict=True)
            ]
            counts = {one.scenario: operational_counts(one.records) for one in outcomes}
            decision = gate_rule.look(KEY, number, counts)
            if decision is not None:
                break
        seen.add((decision, number))
        left = dict.fromkeys(NAMES, 3 - number) if number < 3 else {}
        confidence = gate_rule.confidence_at(number)
        told = Stopped(decision, left, 20, 0, number, 3, confidence)
        records = [record for one in outcomes for record in one.records]
        results = build_results(
            records, SETTINGS, GatePolicy(threshold=threshold), stopped={KEY: told}
        )
        (gate,), (estimate,) = results.gates, results.domains
        assert gate.passed == (decision == "passes")
        assert decision != "fails" or (gate.measured and gate.reason == "exceeded")
        assert estimate.ci.confidence == 0.95
        assert (estimate.look, estimate.looks, estimate.decided) == (number, 3, None)
        assert f"at look {number} of 3" in gate.message
    assert seen >= {("passes", 1), ("fails", 1), (None, 3)}


def test_a_look_is_wider_than_a_gate_that_is_looked_at_once():
    gate_rule = rule(0.17)
    counts = dict.fromkeys(NAMES, (0, 3))
    assert gate_rule.decide(KEY, counts) == "passes"
    assert gate_rule.look(KEY, 3, counts) is None
    spent = [(1 - gate_rule.confidence_at(number)) / 2 for number in (1, 2, 3)]
    assert sum(spent) == pytest.approx(0.025)
    assert rule(0.17, replications=1).confidence_at(1) == pytest.approx(0.95)


def test_what_is_lost_at_a_look_speaks_for_neither_side():
    lost = dict.fromkeys(NAMES, (0, 0))
    assert rule(0.9).look(KEY, 1, lost) is None
    assert not rule(names=NAMES[:4]).looks_at(KEY)
    assert not rule().looks_at(("m", "other"))


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
