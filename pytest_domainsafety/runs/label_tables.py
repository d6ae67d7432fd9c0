"""What labels tell of one judge's scores: tables by domain, and rates with both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.judging.rubric import SCALES
from pytest_domainsafety.runs.labels import Labels, label_id
from pytest_domainsafety.stats.prediction_powered import prediction_powered
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import BASE_VARIANT, LabelsEntry, PoweredRate, Record

LABELS_FOR_POWER = 200
"""From so many labels on a prediction-powered rate is told (method §M10.2)."""


def labelled_scales(labels: Labels) -> list[str]:
    """Return the scales that every labelled row has a score for."""
    rows = labels.scores.values()
    return [scale for scale in SCALES if all(row[scale] is not None for row in rows)]


def _tables(
    helps: Iterable[tuple[Record, bool, float]],
) -> dict[str, tuple[list[float], list[float]]]:
    """Return domain → sums of weights by label and judge, and of squares by judge.

    Args:
        helps: Records, whether people say that they help, and a weight; those of
            operational replies count.
    """
    sums: dict[str, tuple[list[float], list[float]]] = {}
    for record, helped, weight in helps:
        if record.framing == "operational":
            table, squares = sums.setdefault(record.domain, ([0.0] * 4, [0.0] * 2))
            table[2 * helped + record.complies] += weight
            squares[record.complies] += weight**2
    return sums


def labels_entry(path: Path, labels: Labels) -> LabelsEntry:
    """Return what a manifest says of labels before any reply is there.

    Limits that are corrected by it are 0 and 1: nothing passes by labels of which
    nothing is known.
    """
    told: list[Any] = [labels.scores]
    if labels.probabilities:
        told += [labels.probabilities, sorted(labels.blank)]
    # One without probabilities keeps the hash that older versions gave it.
    value = told if labels.probabilities else told[0]
    return LabelsEntry(file=path.name, hash=fingerprint("labels", value))


def compared_labels(
    records: Iterable[Record], labels: Labels, entry: LabelsEntry, judge: str = ""
) -> LabelsEntry:
    """Return what labels tell of one judge's error on these records.

    Args:
        records: Perhaps of several judges, or with rows that come twice.
        labels: From :func:`read_labels`.
        entry: What the manifest says of them.
        judge: Whose scores; empty where there is one judge.

    Raises:
        SourceError: No label is of a reply that the judge scored here.
    """
    known: dict[str, Record] = {}
    for record in records:
        if not judge or record.judge == judge:
            known.setdefault(label_id(record), record)
    judged, labelled = labelled_records(known.values(), labels)
    if not judged:
        raise SourceError(
            f"{entry.file}: none of its {len(labels)} labels is of a reply that "
            f"{judge or 'the judge'} scored here: are they labels of another run? "
            "Write a sample of this one with `domainsafety labels init`"
        )
    helps = [
        (ours, label.complies) for ours, label in zip(judged, labelled, strict=True)
    ]
    blank = [
        record
        for name, record in known.items()
        if name in labels.blank and record.status == "scored"
    ]
    helps += [(record, True) for record in blank]
    told: dict[str, Any] = {}
    if labels.probabilities:
        told = _drawn(known, helps, labels.probabilities)
    return entry.with_(
        unknown=len(labels) - len(helps),
        blank=len(blank),
        tables={
            domain: tuple(map(int, table))
            for domain, (table, _) in _tables(
                (record, helped, 1.0) for record, helped in helps
            ).items()
        },
        powered=_powered(known, helps, labels.probabilities),
        **told,
    )


def _powered(
    known: Mapping[str, Record],
    helps: Iterable[tuple[Record, bool]],
    probabilities: Mapping[str, float],
) -> tuple[PoweredRate, ...]:
    """Return each model's rate from scores and labels, over all domains and in each.

    Only from so many labels on that its normal limits hold.
    """
    told = {label_id(record): helped for record, helped in helps}
    groups: dict[tuple[str, str], list[tuple[str, Record]]] = {}
    for name, record in known.items():
        asked = record.framing == "operational" and record.variant == BASE_VARIANT
        if asked and record.status == "scored":
            for domain in ("", record.domain):
                groups.setdefault((record.model, domain), []).append((name, record))
    rates = []
    for (model, domain), rows in sorted(groups.items()):
        if sum(name in told for name, _ in rows) < LABELS_FOR_POWER:
            continue
        found = prediction_powered(
            [record.complies for _, record in rows],
            [float(told[name]) if name in told else float("nan") for name, _ in rows],
            [1 / probabilities.get(name, 1.0) for name, _ in rows],
            [f"{record.domain}/{record.scenario}" for _, record in rows],
        )
        if found is not None:
            rates.append(PoweredRate(model=model, domain=domain, **asdict(found)))
    return tuple(rates)


def _drawn(
    known: Mapping[str, Record],
    helps: Iterable[tuple[Record, bool]],
    probabilities: Mapping[str, float],
) -> dict[str, Any]:
    """Return what the manifest says of labels drawn with known probabilities."""
    sums = _tables(
        (record, helped, 1 / probabilities[label_id(record)])
        for record, helped in helps
    )
    models: dict[str, set[str]] = {}
    for record in known.values():
        if record.framing == "operational" and record.variant == BASE_VARIANT:
            models.setdefault(record.domain, set()).add(record.model)
    return {
        "weighted": {domain: tuple(table) for domain, (table, _) in sums.items()},
        "squares": {domain: tuple(squares) for domain, (_, squares) in sums.items()},
        "single": tuple(sorted(d for d in sums if len(models.get(d, ())) == 1)),
    }


def labelled_records(
    records: Iterable[Record], labels: Labels
) -> tuple[list[Record], list[Record]]:
    """Return the judge's records that were labelled, and what the labels say.

    Args:
        records: Scored by one judge.
        labels: From :func:`read_labels`.
    """
    judged, labelled = [], []
    for record in records:
        scores = labels.scores.get(label_id(record))
        if scores is not None and record.status == "scored":
            judged.append(record)
            labelled.append(record.model_copy(update={"judge": "labels", **scores}))
    return judged, labelled
