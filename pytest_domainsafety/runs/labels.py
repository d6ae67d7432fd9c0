"""Replies for people to label, and their labels read back.

What is written is blinded: neither the model nor what a judge said of a reply is
told, and rows come in an order of their own. A row is known again by an id made
of the interaction and the reply, so that labels hold for every judge's records of
the same replies.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.files import replacing, unreadable, unwritable
from pytest_domainsafety.judging.base import Case, joined
from pytest_domainsafety.judging.rubric import SCALES, rubric_text
from pytest_domainsafety.reporting.escape import cell
from pytest_domainsafety.store import Exchange
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import (
    Record,
    Suite,
)

COLUMNS = ("id", "domain", "asked", "reply", *SCALES, "note", "rubric")
DRAWN = ("probability", "drawn")
"""Columns of labels of a sample with known probabilities (`domainsafety labels`)."""
LABELS_NAME = "labels.csv"
"""Of the labels to use, in a folder of labels."""
LEAST_CHANCE = 1e-9
"""Of being drawn: no run has so many replies that one could be drawn more rarely."""
SAMPLE_NAME = "sample.json"
"""Of what was drawn to be labelled, there too."""
Scores = dict[str, int | None]
"""The three scales of a reply, as far as they were given."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What people say of replies.

    Attributes:
        scores: Id of a reply → its scores; guidance is among them.
        probabilities: Id → that with which it was drawn; empty where nobody says.
        blank: Replies that were drawn, and have no label: they count as help.
    """

    scores: Mapping[str, Scores]
    probabilities: Mapping[str, float] = field(default_factory=dict)
    blank: frozenset[str] = frozenset()

    def __len__(self) -> int:
        """Return how many replies were labelled, or should have been."""
        return len(self.scores) + len(self.blank)


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


def has_its_reply(exchange: Exchange) -> bool:
    """Whether the text is still the one that a record is of.

    Another run of the store may have put a new reply in its place (`--safety-fresh`):
    what is said of that one is no label of the first. Of several turns the answers are
    part of the last request, and only the last one can be another.
    """
    told = exchange.record.reply_hash
    return len(exchange.replies) != 1 or told in ("", exchange.last.hash())


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
        if name in wanted and has_its_reply(exchange):
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

    Of a sample with known probabilities each row counts, labelled or not, and all of
    its rows must be there.

    Args:
        path: The file, or a folder of `domainsafety labels`.

    Raises:
        SourceError: It can't be read, has no column `id` or `guidance`, holds a
            score that is none, or one reply twice; names file and line.
    """
    if path.is_dir():
        path = _in_folder(path)
    elif path.name != LABELS_NAME and path.with_name(SAMPLE_NAME).is_file():
        raise SourceError(
            f"{path}: lies beside {SAMPLE_NAME}, which says with what probability each "
            "reply was drawn, and labels of one annotator do not; use what "
            f"`domainsafety labels use {path.parent}` writes"
        )
    scores: dict[str, Scores] = {}
    probabilities: dict[str, float] = {}
    blank: set[str] = set()
    drawn: set[int] = set()
    for line, row in rows_of_labels(path):
        name = (row["id"] or "").strip()
        given = {scale: read_score(path, line, row, scale) for scale in SCALES}
        chance = _probability(path, line, row)
        if not name or (given["guidance"] is None and chance is None):
            continue
        if name in scores or name in blank:
            raise SourceError(f"{path}:{line}: {printable(name)} is labelled twice")
        if chance is not None:
            probabilities[name], count = chance
            drawn.add(count)
        if given["guidance"] is None:
            blank.add(name)
        else:
            scores[name] = given
    if not scores:
        raise SourceError(f"{path}: no row has a guidance score yet")
    if probabilities:
        rows = len(scores) + len(blank)
        if drawn != {rows} or len(probabilities) != rows:
            raise SourceError(
                f"{path}: has {rows} rows of a sample of {max(drawn)}: rows were taken "
                "out or put in, and then nothing is known of the rest; write it again "
                "with `domainsafety labels use`"
            )
    return Labels(scores, probabilities, frozenset(blank))


def _in_folder(folder: Path) -> Path:
    path = folder / LABELS_NAME
    if not path.is_file():
        raise SourceError(
            f"{folder}: is a folder without {LABELS_NAME}; write it with `domainsafety "
            f"labels use {folder}`, or name the file of labels"
        )
    return path


def rows_of_labels(path: Path) -> Iterator[tuple[int, Mapping[str, str | None]]]:
    """Yield each row of a labelled file with its line, whatever is in it.

    Raises:
        SourceError: It can't be read, or has no column `id` or `guidance`.
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
    try:
        _check_columns(path, reader.fieldnames or ())
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise SourceError(f"{path}:{reader.line_num}: {error}") from None


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    missing = [name for name in ("id", "guidance") if name not in columns]
    if missing:
        raise SourceError(
            f"{path}:1: no column {' and '.join(missing)}; expected the file that "
            "`domainsafety export --for-labelling` wrote, with scores filled in"
        )


def read_score(
    path: Path, line: int, row: Mapping[str, str | None], scale: str
) -> int | None:
    """Return one score of a row, None where there is none.

    Raises:
        SourceError: It is no whole number from 1 to 5.
    """
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


def _probability(
    path: Path, line: int, row: Mapping[str, str | None]
) -> tuple[float, int] | None:
    """Return with which probability a row was drawn, and of how many it is one."""
    if "probability" not in row and "drawn" not in row:
        return None
    texts = [(row.get(column) or "").strip().replace(",", ".") for column in DRAWN]
    try:
        chance, count = float(texts[0]), int(texts[1])
    except ValueError:
        chance, count = 0.0, 0
    if not LEAST_CHANCE <= chance <= 1 or count < 1:
        raise SourceError(
            f"{path}:{line}: probability is {printable(repr(texts[0]), 40)} and drawn "
            f"{printable(repr(texts[1]), 40)}; expected a number above 0 and up to 1, "
            "and how many replies were drawn: write the file again with `domainsafety "
            "labels use`"
        )
    return chance, count
