"""A/A: the same model twice. What flips is noise (method §M5)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_domainsafety.analysis.accumulate import Accumulator, Judged
from pytest_domainsafety.analysis.compare import counts_of, regressions
from pytest_domainsafety.analysis.estimate import AnalysisSettings, estimate_groups
from pytest_domainsafety.gate import GatePolicy, judge_gates


def self_test(
    first: Iterable[Judged],
    second: Iterable[Judged],
    settings: AnalysisSettings,
    policy: GatePolicy,
) -> dict[str, Any]:
    """Return how two runs on the same model differ.

    Args:
        first: Records of the one run.
        second: Records of the other: same model, suite and settings.
        settings: Of the intervals.
        policy: Of the gates.

    Returns:
        ``scenario_flip_rate`` (pairs in which the majority of replies went the
        other way), ``gate_flip_rate``, ``inside``: domains in which the paired
        interval of the difference holds 0, of ``compared`` (with true 95%
        intervals, 19 of 20 do); and ``domains`` in detail.
    """
    given = list(first), list(second)
    changes = regressions(counts_of(given[0]), counts_of(given[1]), settings)
    verdicts = []
    for records in given:
        estimates = estimate_groups(Accumulator(records), settings)
        gates = judge_gates(estimates, policy)
        verdicts.append({(g.model, g.domain, g.kind): g.passed for g in gates})
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
        "domains": list(changes),
    }
