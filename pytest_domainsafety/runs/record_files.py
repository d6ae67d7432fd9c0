"""Judged records of any origin, read line by line (design §D5).

Only model, domain, scenario, framing and guidance are required. Rows are
checked by hand and not by pydantic, at a tenth of the time: ten million of
them are a real file. What is wrong is said with file and line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_domainsafety.analysis import analyze_rows
from pytest_domainsafety.analysis.estimate import (
    AnalysisSettings,
)
from pytest_domainsafety.analysis.gate import (
    GatePolicy,
)
from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.types import Manifest, Record, Results
from pytest_domainsafety.types.rows import (
    OPINIONS,
    REQUIRED,
    Row,
    _Bad,
    to_record,
    to_row,
)

_LONGEST_FIELD = 2**26


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a JSONL (`.jsonl`, `.ndjson`, `.json`) or CSV file.

    Memory does not grow with the file.

    Raises:
        RecordError: The file can't be read, or a row does not hold; the text
            names file and line.
    """
    for line, row in _objects(path):
        try:
            yield to_row(row)
        except _Bad as problem:
            raise RecordError(f"{path}:{line}: {problem}") from None


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a JSONL or CSV file as full models.

    Slower than :func:`read_rows`; unnumbered replications are numbered in the
    order of their appearance, which takes memory for each cell.

    Raises:
        RecordError: As :func:`read_rows`.
    """
    seen: dict[tuple[str, ...], int] = {}
    for row in read_rows(path):
        cell = (row.model, row.domain, row.scenario, row.framing, row.variant)
        replication = row.replication or seen.get(cell, 0) + 1
        seen[cell] = max(seen.get(cell, 0), replication)
        try:
            yield to_record(row._replace(replication=replication))
        except RecordError as error:
            raise RecordError(f"{path}: {error}") from None


# ── files ───────────────────────────────────────────────────────────────────


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = _csv_objects if path.suffix.lower() == ".csv" else _json_objects
    try:
        yield from reader(path)
    except OSError as error:
        raise RecordError(
            f"{path}: can't be read ({error.strerror or error})"
        ) from None
    except UnicodeDecodeError:
        raise RecordError(f"{path}: is not UTF-8 text") from None


def _json_objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    loads = json.loads
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                document = loads(line)
            except (ValueError, RecursionError):
                raise RecordError(
                    f"{path}:{number}: expected one JSON object a line"
                ) from None
            if type(document) is not dict:
                raise RecordError(
                    f"{path}:{number}: expected a JSON object, got "
                    f"{type(document).__name__}"
                )
            yield number, document


def _csv_objects(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Python's own limit is under the length of a long reply.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        try:
            columns = reader.fieldnames or ()
            missing = [name for name in REQUIRED if name not in columns]
            if missing:
                raise RecordError(
                    f"{path}:1: no column {', '.join(missing)}; needed are "
                    f"{', '.join(REQUIRED)}"
                )
            for fields in reader:
                if None in fields:
                    raise RecordError(
                        f"{path}:{reader.line_num}: more fields than columns"
                    )
                yield reader.line_num, _CsvRow(fields)
        except csv.Error as error:
            raise RecordError(f"{path}:{reader.line_num}: {error}") from None


class _CsvRow(dict[str, Any]):
    """A row in which an empty field is an absent one, and text is parsed."""

    def __init__(self, fields: Mapping[str, str | None]) -> None:
        super().__init__({key: text for key, text in fields.items() if text})
        for name in ("guidance", "refusal", "harm_identification", "replication"):
            if name in self:
                self[name] = _whole(self[name])
        if "tags" in self:
            self["tags"] = self["tags"].replace(";", " ").replace(",", " ").split()
        for name in self.keys() & {"markers", *OPINIONS}:
            try:
                self[name] = json.loads(self[name])
            except ValueError:
                self[name] = None
        # The header promises the column, so an empty score is a missing one.
        self.setdefault("guidance", None)


def _whole(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


# ── rows ────────────────────────────────────────────────────────────────────


def analyze_files(
    paths: Sequence[Path],
    settings: AnalysisSettings,
    policy: GatePolicy,
    manifest: Manifest | None = None,
) -> Results:
    """Return what record files come to, in memory that does not grow with them.

    Where there are several judges, the one with the most records is the first;
    agreement with the second takes a second reading.

    Raises:
        RecordError: A file can't be read, or a row does not hold.
    """
    return analyze_rows(
        lambda: (row for path in paths for row in read_rows(path)),
        settings,
        policy,
        manifest,
    )
