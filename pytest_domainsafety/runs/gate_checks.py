"""Does a gate's verdict follow from the numbers behind it? For `runs.soundness`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_domainsafety.analysis.changes import SIGNIFICANT
from pytest_domainsafety.analysis.doubt import silence_of
from pytest_domainsafety.analysis.subdomains import subdomain_gate
from pytest_domainsafety.runs.estimate_checks import (
    SLACK,
    part_count_faults,
    same,
    share,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import (
    FEWEST_PAIRS,
    DomainEstimate,
    GateVerdict,
    Manifest,
    OverRefusal,
)

_AT_MOST = ("compliance", "zero_tolerance", "over_refusal")
"""Gates that pass at or under their threshold."""


def gate_faults(gate: GateVerdict) -> Iterator[str]:
    """Yield what in a gate can't be so, given the rest of it."""
    name = f"its {gate.kind} gate"
    if gate.passed is not (gate.reason == "passed"):
        word = "passed" if gate.passed else "not passed"
        yield f"{name} says {word}, and as the reason {gate.reason}"
    if not gate.measured and gate.reason in ("passed", "exceeded"):
        yield f"{name} says {gate.reason}, and that it was not measured"
    if not gate.passed:
        return
    if gate.upper is None:
        yield f"{name} says passed, but there is no limit"
    elif gate.kind in _AT_MOST and gate.upper > gate.threshold:
        yield (
            f"{name} says passed, but its upper limit {gate.upper:.1%} is above the "
            f"threshold {gate.threshold:.1%}"
        )
    elif gate.kind == "engagement" and gate.upper < gate.threshold:
        yield (
            f"{name} says passed, but its lower limit {gate.upper:.1%} is below the "
            f"{gate.threshold:.1%} wanted"
        )


def own_faults(
    gate: GateVerdict,
    estimate: DomainEstimate | None,
    change: Mapping[str, Any] | None,
    run: Manifest,
) -> Iterator[str]:
    """Hold a gate to the estimate, the comparison and the threshold behind it."""
    name = f"its {gate.kind} gate"
    if gate.kind == "regression":
        if gate.passed and (change is None or change.get("regressed")):
            yield f"{name} says passed, but the comparison does not"
        elif change is not None and not same(gate.upper, change.get("difference")):
            yield (
                f"{name} has a rise of {share(gate.upper)}, the comparison one of "
                f"{share(change.get('difference'))}"
            )
        else:
            yield from _margin_faults(gate, change or {})
            yield from _rise_faults(gate, change or {}, run)
        return
    if gate.kind == "budget":
        if gate.passed:
            yield f"{name} says passed, and there is one where something was not asked"
        return
    recorded = run.thresholds.of(gate.kind, gate.domain)
    if recorded is not None and recorded != gate.threshold:
        yield (
            f"{name} has the threshold {share(gate.threshold)}, and the run was to "
            f"be held to {share(recorded)}"
        )
    if estimate is None:
        if gate.passed:
            yield f"{name} says passed, but there is no estimate"
        return
    if gate.passed and estimate.conflicts:
        yield f"{name} says passed, but replies have rows whose scores differ"
    if gate.passed and silence_of(estimate) and not run.allow_silence:
        yield f"{name} says passed, but too many replies were empty"
    if gate.kind == "compliance":
        yield from _compliance_faults(gate, estimate, holm=run.holm)
    elif gate.kind == "engagement" and not same(gate.upper, estimate.engagement_low):
        yield (
            f"{name} has the limit {share(gate.upper)}, its estimate "
            f"{share(estimate.engagement_low)}"
        )
    elif gate.kind == "over_refusal":
        yield from _over_refusal_faults(gate, estimate.over_refusal)


def _margin_faults(gate: GateVerdict, change: Mapping[str, Any]) -> Iterator[str]:
    """Hold a gate that had to rule a rise out to the limit behind it."""
    if gate.margin is None or not gate.passed:
        return
    ends = change.get("ci")
    seen = ends[1] if isinstance(ends, (list, tuple)) and len(ends) == 2 else None
    limits = [1.0 if limit is None else limit for limit in (gate.highest, seen)]
    if max(limits) > gate.margin + SLACK:
        yield (
            f"its regression gate says passed, but a rise of {share(max(limits))} is "
            f"not ruled out, and {share(gate.margin)} is the margin"
        )


def _rise_faults(
    gate: GateVerdict, change: Mapping[str, Any], run: Manifest
) -> Iterator[str]:
    """Hold a regression gate to its comparison, and that to what the run was told."""
    name, held = "its regression gate", run.baseline
    if held is not None and held.margin is not None and "margin" in change:
        told = held.margins.get(gate.domain, held.margin)
        if not same(change["margin"], told):
            yield (
                f"{name} has the margin {share(change['margin'])}, and the run was to "
                f"be held to {share(told)}"
            )
    decides = change.get("decides")
    if decides is not None:
        if not same(gate.margin, change.get("margin") if decides else None):
            yield f"{name} has the margin {share(gate.margin)}, its comparison another"
        if not same(gate.threshold, change.get("tolerance")):
            yield f"{name} tolerates {share(gate.threshold)}, its comparison another"
    if not gate.passed:
        return
    if change.get("lost"):
        yield f"{name} says passed, but pairs of the baseline are lost"
    if change.get("measured") is False or not change.get("pairs"):
        yield f"{name} says passed, but the comparison was not measured"
    p, rise = change.get("p_adjusted"), change.get("difference")
    least = gate.threshold
    low = change["ci"][0] if least and change.get("ci") else 1.0
    if p is not None and rise is not None and p < SIGNIFICANT and rise > least < low:
        yield (
            f"{name} says passed, but its comparison shows a rise of {share(rise)} "
            f"(corrected p {p:.3g})"
        )


def _over_refusal_faults(gate: GateVerdict, twins: OverRefusal | None) -> Iterator[str]:
    known = twins is not None and twins.scored > 0
    limit = twins.upper if twins is not None and known else None
    if not same(gate.upper, limit):
        yield (
            f"its over_refusal gate has the limit {share(gate.upper)}, its estimate "
            f"{share(limit)}"
        )
    too_few = twins is None or twins.pairs < FEWEST_PAIRS
    if gate.passed and too_few and gate.threshold < 1:
        yield f"its over_refusal gate says passed on fewer than {FEWEST_PAIRS} twins"


def part_faults(
    estimate: DomainEstimate, gates: list[GateVerdict], run: Manifest
) -> Iterator[str]:
    """Hold what is said of sub-domains to the counts of their pairs."""
    yield from part_count_faults(estimate)
    if any(gate.passed for gate in gates):
        yield "its subdomain gate says passed, and none of that kind ever does"
    if run.subdomain_threshold in (None, "off"):
        if gates:
            yield "has a subdomain gate, and the run held sub-domains to nothing"
        return
    limit = _part_limit(estimate, run)
    if limit is None:
        return
    due = subdomain_gate(estimate, limit)
    if due is None or len(gates) != 1:
        if due is not None or gates:
            there = counted(len(gates), "subdomain gate is", "subdomain gates are")
            yield f"{there} there, and its pairs come to {0 if due is None else 1}"
        return
    (gate,) = gates
    alike = gate.subdomains == due.subdomains and gate.threshold == limit
    if gate.reason in ("exceeded", "unproven") and not (
        alike and same(gate.upper, due.upper)
    ):
        yield "its subdomain gate fails on something else than its pairs come to"
    if due.reason == "exceeded" and gate.reason != "exceeded":
        yield f"its subdomain gate says {gate.reason}, and its pairs exceeded"


def _part_limit(estimate: DomainEstimate, run: Manifest) -> float | None:
    """Return what the sub-domains were held to; None where nobody wrote it down."""
    told = run.subdomain_threshold
    if isinstance(told, float | int):
        return float(told)
    return run.thresholds.of("compliance", estimate.domain)


def _compliance_faults(
    gate: GateVerdict, estimate: DomainEstimate, *, holm: bool
) -> Iterator[str]:
    if not same(gate.upper, estimate.ci.high):
        yield (
            f"its compliance gate has the upper limit {share(gate.upper)}, its "
            f"estimate {share(estimate.ci.high)}"
        )
    if not gate.passed:
        return
    if not estimate.scored:
        yield "its compliance gate says passed, but no reply was scored"
    if estimate.pairs < FEWEST_PAIRS and gate.threshold < 1:
        yield (
            f"its compliance gate says passed on {estimate.pairs} pairs, and fewer "
            f"than {FEWEST_PAIRS} prove nothing"
        )
    if estimate.plan is not None and estimate.decision != "passes":
        yield "its compliance gate says passed, but no look decided so"
    if estimate.decided == "fails":
        yield "its compliance gate says passed, but it was decided to fail"
    least = (1 - estimate.ci.confidence) / 2
    p = gate.p_adjusted
    if (p is None and holm) or (p is not None and p > least + SLACK):
        shown = "none" if p is None else f"{p:.3g}"
        yield (
            f"its compliance gate says passed, but its corrected p is {shown}, where "
            f"{least:.3g} is needed"
        )
