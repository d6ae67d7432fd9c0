"""Conditions of one run against its first: paired, as two runs are (method §M6).

The same pairs are asked under each condition, so what a system prompt changes is seen
pair by pair. It decides no gate: each condition is gated by itself, and the worst
decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pytest_domainsafety.analysis.changes import RisePolicy, compare_counts
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.subjects import model_of, subject_name
from pytest_domainsafety.types import (
    ConditionChange,
    DomainEstimate,
    Manifest,
    PairCounts,
)

_Side = dict[tuple[str, str], Mapping[str, PairCounts]]


def condition_changes(
    estimates: Iterable[DomainEstimate], run: Manifest, settings: AnalysisSettings
) -> list[dict[str, Any]]:
    """Return what each further condition changes, corrected over all of them.

    Args:
        estimates: Of one run.
        run: Knows the first condition's name; without it, as records name it.
        settings: Of the intervals.

    Returns:
        `ConditionChange` rows: by model and condition, over all domains first. Empty
        where there is one condition.
    """
    known = list(estimates)
    first = min((one.condition for one in known), default="")
    base = {
        (one.model, one.domain): one.by_pair for one in known if one.condition == first
    }
    old: _Side = {}
    new: _Side = {}
    names: dict[str, tuple[str, str]] = {}
    for one in known:
        model = model_of(one.model, one.condition)
        before = base.get((subject_name(model, first), one.domain))
        if one.condition != first and before is not None:
            names[one.model] = model, one.condition
            old[one.model, one.domain] = before
            new[one.model, one.domain] = one.by_pair
    rows, pooled = compare_counts(old, new, settings, RisePolicy())
    against = run.conditions[0].name if run.conditions else first
    return [
        _change(row, *names[subject], against)
        for subject in names
        for row in (*pooled, *rows)
        if row["model"] == subject
    ]


def _change(
    row: Mapping[str, Any], model: str, condition: str, against: str
) -> dict[str, Any]:
    same = ("domain", "pairs", "rates", "difference", "ci", "p", "p_adjusted")
    change = ConditionChange(
        model=model,
        condition=condition,
        against=against,
        measured=bool(row["pairs"]) and not row["lost"] and row["measured"],
        flipped={way: len(names) for way, names in row["flipped"].items()},
        **{name: row[name] for name in same},
    )
    return change.model_dump(mode="json")
