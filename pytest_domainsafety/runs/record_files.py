"""Judged records of any origin, read line by line (design §D5).

Only model, domain, scenario, framing and guidance are required. Rows are
checked by hand and not by pydantic, at a tenth of the time: ten million of
them are a real file. What is wrong is said with file and line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BufferedReader, TextIOWrapper
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
from pytest_domainsafety.files import unreadable
from pytest_domainsafety.runs.packed import DAMAGED, damaged, plain_suffix, unpacked
from pytest_domainsafety.runs.record_tables import (
    delimiter_of,
    parquet_rows,
    table_rows,
)
from pytest_domainsafety.types import Manifest, Record, Results
from pytest_domainsafety.types.rows import (
    Row,
    _Bad,
    to_record,
    to_row,
)

PARQUET = b"PAR1"
"""How a Parquet file begins."""
BOM_16 = (b"\xff\xfe", b"\xfe\xff")
"""How UTF-16 begins."""
TABLES = (".csv", ".tsv", ".tab")
_HEAD = 2**16
# In characters: an array is parsed in one piece, so a larger one would fill the memory.
_LONGEST_ARRAY = 512 * 2**20


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file of JSON lines, CSV, TSV or Parquet, perhaps compressed.

    What it is, is told by its content. Memory does not grow with the file, a JSON
    array and Parquet from a pipe aside.

    Raises:
        RecordError: The file can't be read, or a row does not hold; the text
            names file and line (of Parquet and an array, the row's number).
    """
    for line, row in _objects(path):
        try:
            yield to_row(row)
        except _Bad as problem:
            raise RecordError(f"{path}:{line}: {problem}") from None


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a file as full models.

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
    try:
        with unpacked(path) as file:
            yield from _read(path, file)
    except DAMAGED:
        raise RecordError(damaged(path)) from None
    except OSError as error:
        raise RecordError(unreadable(path, error)) from None
    except UnicodeError:
        raise RecordError(f"{path}: is not UTF-8 text") from None


def _read(path: Path, file: BufferedReader) -> Iterator[tuple[int, Mapping[str, Any]]]:
    head = file.peek(_HEAD)
    if head.startswith(PARQUET):
        yield from parquet_rows(path, file)
        return
    # Spreadsheets' "Unicode text" is UTF-16.
    encoding = "utf-16" if head.startswith(BOM_16) else "utf-8-sig"
    text = head.decode(encoding, errors="ignore").lstrip()
    lines = TextIOWrapper(file, encoding, newline="")
    try:
        if text.startswith("["):
            yield from _array_objects(path, lines)
        elif _is_table(path, text):
            yield from table_rows(path, lines)
        else:
            yield from _json_objects(path, lines)
    finally:
        lines.detach()


def _is_table(path: Path, text: str) -> bool:
    if text.startswith("{"):
        return False
    if plain_suffix(path) in TABLES:
        return True
    return delimiter_of(text.partition("\n")[0]) is not None


def _array_objects(
    path: Path, file: TextIOWrapper
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the records of one JSON array, which has to be read whole."""
    text = file.read(_LONGEST_ARRAY + 1)
    if len(text) > _LONGEST_ARRAY:
        raise RecordError(
            f"{path}: too large for one JSON array; write one JSON object a line"
        )
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordError(f"{path}: is no JSON array that is whole") from None
    for number, row in enumerate(rows, 1):
        if type(row) is not dict:
            raise RecordError(
                f"{path}: expected JSON objects in the array, got "
                f"{type(row).__name__} as number {number}"
            )
        yield number, row


def _json_objects(
    path: Path, file: Iterable[str]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    loads = json.loads
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
