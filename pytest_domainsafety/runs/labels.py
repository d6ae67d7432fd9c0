"""Replies for people to label, and their labels read back.

What is written is blinded: neither the model nor what a judge said of a reply is
told, and rows come in an order of their own. A row is known again by an id made
of the interaction and the reply, so that labels hold for every judge's records of
the same replies.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pytest_domainsafety.analysis.labelled import Confusion
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.files import replacing, unreadable, unwritable
from pytest_domainsafety.judging.base import Case, joined
from pytest_domainsafety.judging.rubric import SCALES, rubric_text
from pytest_domainsafety.reporting.escape import cell
from pytest_domainsafety.store import Exchange
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import LabelsEntry, Record, Suite

COLUMNS = ("id", "domain", "asked", "reply", *SCALES, "note", "rubric")
Labels = dict[str, dict[str, int | None]]
"""Id of a reply → its three scales, as far as they were given."""


def label_id(record: Record) -> str:
    """Return the id by which a reply is known to those who label it."""
    return fingerprint(
        "label",
        [
            record.model,
            record.domain,
            record.scenario,
            record.framing,
            record.variant,
            record.replication,
            record.reply_hash,
        ],
    )[:16]


def draw_for_labelling(records: Iterable[Record], count: int, seed: int) -> list[str]:
    """Return the ids of a stratified sample of scored replies.

    Strata are domain, framing, whether the judge has it as compliance, and model;
    each gets its share to within one (systematic sampling within a seeded order),
    so that shares in the sample are those in the run.

    Args:
        records: Of one run.
        count: How many at most.
        seed: Of the order within a stratum.

    Returns:
        Ids in a seeded order that tells nothing.
    """
    rows = sorted(
        (
            record.domain,
            record.framing,
            record.complies,
            record.model,
            fingerprint("draw", [seed, label_id(record)]),
            label_id(record),
        )
        for record in records
        if record.status == "scored"
    )
    wanted = min(count, len(rows))
    step = len(rows) / wanted if wanted else 0.0
    drawn = [rows[int((number + 0.5) * step)] for number in range(wanted)]
    return [row[-1] for row in sorted(drawn, key=lambda row: row[-2])]


def write_for_labelling(
    path: Path,
    exchanges: Iterable[Exchange],
    ids: Sequence[str],
    suites: Mapping[str, Suite],
) -> int:
    """Write the sample as CSV, safe to open in a spreadsheet.

    Args:
        path: The file.
        exchanges: Records with their texts.
        ids: Which of them, in the order to write.
        suites: By domain, for the rubric that the judge is given as well.

    Returns:
        The rows written.

    Raises:
        ConfigError: The file can't be written, or a domain has no suite.
    """
    wanted = set(ids)
    rows_by_id = {}
    for exchange in exchanges:
        name = label_id(exchange.record)
        if name in wanted:
            rows_by_id[name] = _row(name, exchange, suites)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    rows = [rows_by_id[name] for name in ids if name in rows_by_id]
    writer.writerows(rows)
    try:
        with replacing(path) as file:
            file.write(text.getvalue().encode("utf-8-sig", "replace"))
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None
    return len(rows)


def _row(name: str, exchange: Exchange, suites: Mapping[str, Suite]) -> dict[str, str]:
    record = exchange.record
    suite = suites.get(record.domain)
    if suite is None:
        raise ConfigError(
            f"there is no suite of the domain {record.domain!r}, whose rubric the "
            "labellers need: name its file or folder with --suite"
        )
    reply = joined(exchange.replies)
    case = Case(exchange.prompt, reply, record.framing, suite.rubric, suite.title)
    fields = {
        "id": name,
        "domain": record.domain,
        "asked": "\n\n".join(exchange.prompt),
        "reply": reply,
        "rubric": rubric_text(case),
    }
    return {column: cell(text) for column, text in fields.items()}


# ── labels ──────────────────────────────────────────────────────────────────


def read_labels(path: Path) -> Labels:
    """Read a labelled file; rows without a guidance score are not labelled yet.

    Raises:
        SourceError: It can't be read, has no column `id` or `guidance`, holds a
            score that is none, or one reply twice; names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SourceError(unreadable(path, error)) from None
    except UnicodeDecodeError:
        raise SourceError(f"{path}: is not UTF-8 text; save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    # Spreadsheets in much of Europe write semicolons.
    mark = ";" if head.count(";") > head.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=mark)
    labels: Labels = {}
    try:
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            line = reader.line_num
            name = (row["id"] or "").strip()
            scores = {scale: _score(path, line, row, scale) for scale in SCALES}
            if not name or scores["guidance"] is None:
                continue
            if name in labels:
                raise SourceError(f"{path}:{line}: {printable(name)} is labelled twice")
            labels[name] = scores
    except csv.Error as error:
        raise SourceError(f"{path}:{reader.line_num}: {error}") from None
    if not labels:
        raise SourceError(f"{path}: no row has a guidance score yet")
    return labels


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in ("id", "guidance") if name not in columns]
    if missing:
        raise SourceError(
            f"{path}:1: no column {' and '.join(missing)}; expected the file that "
            "`domainsafety export --for-labelling` wrote, with scores filled in"
        )


def _score(
    path: Path, line: int, row: Mapping[str, str | None], scale: str
) -> int | None:
    text = (row.get(scale) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value not in (1.0, 2.0, 3.0, 4.0, 5.0):
        raise SourceError(
            f"{path}:{line}: {scale} is {printable(repr(text), 40)}; expected a whole "
            "number from 1 to 5, or nothing"
        )
    return int(value)


def labelled_scales(labels: Labels) -> list[str]:
    """Return the scales that every labelled row has a score for."""
    rows = labels.values()
    return [scale for scale in SCALES if all(row[scale] is not None for row in rows)]


def confusions(
    judged: Iterable[Record], labelled: Iterable[Record]
) -> dict[str, Confusion]:
    """Return domain → its operational replies by label and judge.

    Args:
        judged: The judge's records, of :func:`labelled_records`.
        labelled: The same replies as labelled.
    """
    counts: dict[str, list[int]] = {}
    for ours, label in zip(judged, labelled, strict=True):
        if ours.framing == "operational":
            table = counts.setdefault(ours.domain, [0, 0, 0, 0])
            table[2 * label.complies + ours.complies] += 1
    return {domain: (t[0], t[1], t[2], t[3]) for domain, t in counts.items()}


def labels_entry(path: Path, labels: Labels) -> LabelsEntry:
    """Return what a manifest says of labels before any reply is there.

    Limits that are corrected by it are 0 and 1: nothing passes by labels of which
    nothing is known.
    """
    return LabelsEntry(file=path.name, hash=fingerprint("labels", labels))


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
            "Write a sample of this one with `domainsafety export --for-labelling`"
        )
    return LabelsEntry(
        file=entry.file,
        hash=entry.hash,
        unknown=len(labels) - len(judged),
        tables=confusions(judged, labelled),
    )


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
        scores = labels.get(label_id(record))
        if scores is not None and record.status == "scored":
            judged.append(record)
            labelled.append(record.model_copy(update={"judge": "labels", **scores}))
    return judged, labelled
