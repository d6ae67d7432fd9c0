"""How far two judges, or a judge and people, agree: from what a user has in hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    agreement_within,
    judge_agreement,
)
from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.analysis.labelled import LabelTables
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.label_tables import (
    compared_labels,
    labelled_records,
    labelled_scales,
    labels_entry,
)
from pytest_domainsafety.runs.labels import Labels
from pytest_domainsafety.stats.judge_error import corrected_of
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import BASE_VARIANT, Record


def agreement_inside(
    records: Sequence[Record], settings: AnalysisSettings
) -> dict[str, Any]:
    """Return the agreement of the judges within one run.

    Raises:
        SourceError: No reply of it was scored by two judges.
    """
    agreement = agreement_within(records, settings)
    if agreement is None:
        raise SourceError(
            "no reply here was scored by two judges: name a second store or records, "
            "human labels with --labels, or run with --safety-second-judge"
        )
    return agreement


def agreement_between(
    first: Sequence[Record], second: Sequence[Record], settings: AnalysisSettings
) -> dict[str, Any]:
    """Return the agreement of two judges on the same replies.

    Raises:
        SourceError: They have no scored reply in common, or what one calls the
            same interaction is another reply.
    """
    theirs = {cell_of(record): record for record in second if record.status == "scored"}
    shared = [
        record
        for record in first
        if record.status == "scored" and cell_of(record) in theirs
    ]
    if not shared:
        raise SourceError(
            "the two have no scored reply in common (model, domain, scenario, framing, "
            "variant and replication): are they of the same run?"
        )
    other = [
        cell_of(record)
        for record in shared
        if _differs(record, theirs[cell_of(record)])
    ]
    if other:
        raise SourceError(
            f"{len(other)} of {len(shared)} interactions have other replies in the "
            "two: they are runs of their own; judge one of them again with "
            "`domainsafety rejudge`, and compare with that"
        )
    names = [_judges(first), _judges(second)]
    agreement = judge_agreement(first, second, settings)
    return {"judges": names, "confidence": settings.confidence} | agreement


def agreement_with_labels(
    records: Sequence[Record], labels: Labels, settings: AnalysisSettings
) -> dict[str, Any]:
    """Return a judge's agreement with people, and rates corrected for its error.

    Returns:
        As :func:`agreement_between`, and ``corrected``: by model and domain the
        compliance rate as the judge has it and as it would be without its errors,
        whose sensitivity and specificity are those on the domain's own labelled
        operational replies where these are enough (``labels`` is ``domain``), else
        on those of all domains together (``all``); ``unknown``: labels of other
        replies.

    Raises:
        SourceError: No label is of a scored reply here.
    """
    judged, labelled = labelled_records(records, labels)
    if not judged:
        raise SourceError(
            f"none of the {len(labels)} labelled rows is a scored reply here: was the "
            "sample written from another run?"
        )
    scales = labelled_scales(labels)
    agreement = judge_agreement(judged, labelled, settings, scales=scales)
    entry = labels_entry(Path("labels"), labels)
    tables = LabelTables.of_entry(compared_labels(records, labels, entry))
    return {
        "judges": [_judges(records), "labels"],
        "confidence": settings.confidence,
        **agreement,
        "unknown": tables.unknown,
        "blank": tables.blank,
        "labelled_operational": tables.labelled,
        "corrected": _corrected(records, tables, settings),
    }


def _corrected(
    records: Iterable[Record],
    tables: LabelTables,
    settings: AnalysisSettings,
) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(dict)
    for record in records:
        written = record.framing == "operational" and record.variant == BASE_VARIANT
        if written and record.scored:
            cluster = groups[record.model, record.domain].setdefault(
                record.scenario, [0, 0]
            )
            cluster[0] += record.complies
            cluster[1] += 1
    rows = []
    for (model, domain), clusters in sorted(groups.items()):
        won, tried = zip(*clusters.values(), strict=True)
        table, whose, weights = tables.of(domain)
        estimate = corrected_of(
            Outcomes.of(won, tried),
            table,
            confidence=settings.confidence,
            seed=settings.seed,
            weights=weights,
        )
        row = {"model": model, "domain": domain, "labels": whose}
        rows.append(row | asdict(estimate))
    return rows


def _differs(record: Record, other: Record) -> bool:
    return bool(record.reply_hash and other.reply_hash) and (
        record.reply_hash != other.reply_hash
    )


def _judges(records: Iterable[Record]) -> str:
    names = sorted({record.judge for record in records if record.status == "scored"})
    return ", ".join(names) or "unnamed"
