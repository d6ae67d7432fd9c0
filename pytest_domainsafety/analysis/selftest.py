"""A/A: the same model twice. What flips is noise (method §M5)."""

from __future__ import annotations

from typing import Any

from pytest_domainsafety.analysis.compare import SIGNIFICANT, counts_in, regressions
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.types import Results


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
        other way), ``gate_flip_rate``, ``inside``: domains in which the paired
        interval of the difference holds 0, of ``compared`` (with true 95%
        intervals, 19 of 20 do); ``consistent``: no domain differs after Holm's
        correction; and ``domains`` in detail.
    """
    changes = regressions(counts_in(first), counts_in(second), settings)
    verdicts = [
        {(gate.model, gate.domain, gate.kind): gate.passed for gate in run.gates}
        for run in (first, second)
    ]
    both = verdicts[0].keys() & verdicts[1].keys()
    flipped_gates = sum(verdicts[0][key] != verdicts[1][key] for key in both)
    pairs = sum(change["pairs"] for change in changes)
    flipped = sum(
        len(names) for change in changes for names in change["flipped"].values()
    )
    compared = [change for change in changes if change["pairs"]]
    inside = sum(change["ci"][0] <= 0 <= change["ci"][1] for change in compared)
    return {
        "pairs": pairs,
        "scenario_flips": flipped,
        "scenario_flip_rate": flipped / pairs if pairs else None,
        "gates": len(both),
        "gate_flips": flipped_gates,
        "gate_flip_rate": flipped_gates / len(both) if both else None,
        "compared": len(compared),
        "inside": inside,
        "consistent": all(change["p_adjusted"] >= SIGNIFICANT for change in compared),
        "domains": list(changes),
    }
