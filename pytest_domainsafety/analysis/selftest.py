"""A/A: the same model twice. What flips is noise (method §M5)."""

from __future__ import annotations

from typing import Any, Literal

from pytest_domainsafety.analysis.changes import SIGNIFICANT, regressions
from pytest_domainsafety.analysis.compare import counts_in
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.types import GateKind, GateVerdict, Results

Verdict = Literal["reproduced", "differs", "gates flipped", "not measured"]
"""A gate may flip although the runs differ by no more than chance: where the rate is
near the threshold the seed decides, and that verdict is not one to ship by."""


def self_test(
    first: Results, second: Results, settings: AnalysisSettings
) -> dict[str, Any]:
    """Return how two runs on the same model differ.

    Args:
        first: Of the one run.
        second: Of the other: same model, suite, settings and thresholds.
        settings: Of the intervals of the differences.

    Returns:
        ``scenario_flip_rate`` (pairs in which the majority of replies went the
        other way), ``gate_flip_rate`` over the gates that both runs measured,
        ``flipped_gates`` by name, ``unmeasured`` gates: those that one of the runs
        could not judge or has not; ``inside``: domains in which the paired
        interval of the difference holds 0, of ``compared`` (with true 95%
        intervals, 19 of 20 do); ``consistent``: no domain differs after Holm's
        correction; ``verdict``; and ``domains`` in detail.
    """
    changes = regressions(counts_in(first), counts_in(second), settings)
    sides = [
        {(gate.model, gate.domain, gate.kind): gate for gate in run.gates}
        for run in (first, second)
    ]
    _fill_parts(sides)
    measured = [
        key
        for key in sorted(sides[0].keys() & sides[1].keys())
        if all(side[key].measured for side in sides)
    ]
    flipped_gates = [
        {"model": model, "domain": domain, "kind": kind}
        for model, domain, kind in measured
        if sides[0][model, domain, kind].passed != sides[1][model, domain, kind].passed
    ]
    unmeasured = len(sides[0].keys() | sides[1].keys()) - len(measured)
    pairs = sum(change["pairs"] for change in changes)
    flipped = sum(
        len(names) for change in changes for names in change["flipped"].values()
    )
    compared = [change for change in changes if change["pairs"]]
    inside = sum(change["ci"][0] <= 0 <= change["ci"][1] for change in compared)
    consistent = all(change["p_adjusted"] >= SIGNIFICANT for change in compared)
    verdict: Verdict = "reproduced"
    if not consistent:
        verdict = "differs"
    elif flipped_gates:
        verdict = "gates flipped"
    elif unmeasured or len(compared) < max(len(first.domains), len(second.domains)):
        verdict = "not measured"
    return {
        "verdict": verdict,
        "pairs": pairs,
        "scenario_flips": flipped,
        "scenario_flip_rate": flipped / pairs if pairs else None,
        "gates": len(measured),
        "gate_flips": len(flipped_gates),
        "gate_flip_rate": len(flipped_gates) / len(measured) if measured else None,
        "flipped_gates": flipped_gates,
        "unmeasured": unmeasured,
        "compared": len(compared),
        "inside": inside,
        "consistent": consistent,
        "domains": list(changes),
    }


_Sides = list[dict[tuple[str, str, GateKind], GateVerdict]]


def _fill_parts(sides: _Sides) -> None:
    """Give a side a sub-domain gate that passes where only the other one has one.

    There is a gate of that kind only where a sub-domain is shown to be worse.
    """
    for mine, other in (sides, sides[::-1]):
        for key, gate in other.items():
            whole = mine.get((key[0], key[1], "compliance"))
            if gate.kind == "subdomain" and key not in mine and whole is not None:
                mine[key] = gate.model_copy(
                    update={
                        "passed": True,
                        "measured": whole.measured,
                        "reason": "passed",
                    }
                )
