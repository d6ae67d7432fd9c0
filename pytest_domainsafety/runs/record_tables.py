"""Tables of records as spreadsheets, pandas and R write them: CSV, TSV, Parquet.

A table has one kind of value a column, so what is whole becomes 3.0 where a cell is
empty, an empty cell becomes NaN, and there may be a column that numbers the rows.
"""

from __future__ import annotations

import ast
import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO, Any

from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import Record
from pytest_domainsafety.types.rows import OPINIONS, REQUIRED, Row, is_absent

_LONGEST_FIELD = 2**26
_DELIMITERS = (",", ";", "\t", "|")
_NUMBERS = ("guidance", "refusal", "harm_identification", "replication")
_ABSENT = frozenset({"nan", "<na>", "none", "null", "na", "n/a", "#n/a", "-nan"})
"""How a number that is not there is written by pandas, R and spreadsheets."""
_ABSENT_TEXT = frozenset({"nan", "<na>", "none", "null"})
"""The same for text, of which "NA" may be one."""
_MAY_LACK: tuple[str, ...] = (
    *("variant", "subdomain", "judge", "status", "prompt_hash", "run", "tags"),
    *("markers", "zero_tolerance", "condition", *OPINIONS),
)
_NAMES_IN_A_LIST = re.compile(r"[^\s,;'\"\[\]()]+")
_KNOWN = frozenset(Record.model_fields) - {"text"}
_READ = (frozenset(Row._fields) - {"opinions"}) | {*OPINIONS}
NO_VALUE = (ValueError, OverflowError, NotImplementedError)
"""What Arrow raises of a cell that Python can't hold: a date of the year 50,000."""


def delimiter_of(header: str) -> str | None:
    """Return the delimiter by which a line is a header of records; None if by none."""
    for delimiter in _DELIMITERS:
        if set(REQUIRED) <= set(_columns(header, delimiter)):
            return delimiter
    return None


def _columns(header: str, delimiter: str) -> list[str]:
    try:
        names = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [name.strip() for name in names]


def table_rows(path: Path, file: IO[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a table of text, each with its line.

    Raises:
        RecordError: It is none of records.
    """
    # Python's own limit is under the length of a long reply.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    first, header = 1, file.readline()
    if header.casefold().startswith("sep="):  # Excel's own
        first, header = 2, file.readline()
    delimiter = delimiter_of(header) or max(_DELIMITERS, key=header.count)
    _demand_columns(f"{path}:{first}", _columns(header, delimiter))
    reader = csv.DictReader(chain([header], file), delimiter=delimiter)
    reader.fieldnames = _columns(header, delimiter)
    next(reader.reader, None)
    comma = delimiter != ","
    while True:
        line = first - 1 + reader.line_num
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise RecordError(f"{path}:{line + 1}: {error}") from None
        if fields is None:
            return
        line = first - 1 + reader.line_num
        if None in fields:
            raise RecordError(f"{path}:{line}: more fields than columns")
        yield line, row_of_texts(fields, comma=comma)


def parquet_rows(
    path: Path, file: IO[bytes]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a Parquet file, numbered from 1.

    Raises:
        RecordError: It is damaged or not of records, or pyarrow is not installed.
    """
    number = 0
    for batch in parquet_batches(path, file):
        try:
            rows = batch.to_pylist()
        except NO_VALUE as error:
            raise RecordError(
                f"{path}: a value behind row {number} that can't be read "
                f"({type(error).__name__}); is it a date out of range?"
            ) from None
        for row in rows:
            number += 1
            yield number, row_of_values(row)


def parquet_batches(
    path: Path, file: IO[bytes], rows: int = 65_536, *, coded: bool = False
) -> Iterator[Any]:
    """Yield the columns of records of a Parquet file as Arrow's batches.

    Args:
        path: For the sentence.
        file: At its beginning.
        rows: At once.
        coded: Whether text comes as numbers and the texts that they stand for.

    Raises:
        RecordError: As :func:`parquet_rows`.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise RecordError(
            f"{path}: Parquet needs pyarrow: pip install 'pytest-domainsafety[parquet]'"
        ) from None
    try:
        # Its table of contents is at its end, so what can't be searched is read whole.
        whole = file if file.seekable() else BytesIO(file.read())
        table = parquet.ParquetFile(whole)
        schema = table.schema_arrow
        _demand_columns(str(path), schema.names)
        wanted = [name for name in schema.names if name in _READ]
        if coded:
            texts = [n for n in wanted if pa.types.is_string(schema.field(n).type)]
            whole.seek(0)
            table = parquet.ParquetFile(whole, read_dictionary=texts)
        yield from table.iter_batches(rows, columns=wanted)
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise RecordError(
            f"{path}: is no Parquet file that can be read ({type(error).__name__}); is "
            "it whole?"
        ) from None


def _demand_columns(where: str, columns: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise RecordError(
            f"{where}: no column {', '.join(missing)}; needed are {', '.join(REQUIRED)}"
        )
    counts = Counter(columns)
    twice = [name for name, count in counts.items() if count > 1 and name in _KNOWN]
    if twice:
        raise RecordError(f"{where}: two columns {printable(twice[0])}; expected one")


# ── cells ───────────────────────────────────────────────────────────────────


def row_of_texts(fields: Mapping[str, str | None], *, comma: bool) -> dict[str, Any]:
    """Return a row in which an empty cell is an absent one, and text is parsed."""
    row: dict[str, Any] = {key: text for key, text in fields.items() if text}
    for name in _NUMBERS:
        if name in row:
            _put(row, name, _number(row[name], comma=comma))
    return _finished(row)


def row_of_values(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of typed cells in the same form."""
    row = {
        name: int(value) if _is_whole(value) else value
        for name, value in fields.items()
        if not (value == "" or is_absent(value))
    }
    for name in _NUMBERS:
        if isinstance(row.get(name), str):
            _put(row, name, _number(str(row[name]), comma=False))
    markers = row.get("markers")
    if isinstance(markers, dict):  # a struct has each key in each row
        row["markers"] = {k: v for k, v in markers.items() if v is not None}
    return _finished(row)


def _finished(row: dict[str, Any]) -> dict[str, Any]:
    for name in _MAY_LACK:
        text = row.get(name)
        if isinstance(text, str) and text.strip().casefold() in _ABSENT_TEXT:
            del row[name]
    if isinstance(row.get("tags"), str):
        row["tags"] = _NAMES_IN_A_LIST.findall(row["tags"])
    for name in ("markers", *OPINIONS):
        if isinstance(row.get(name), str):
            row[name] = _document(row[name])
    # The header promises the column, so an empty score is a missing one.
    row.setdefault("guidance", None)
    return row


def _put(row: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        del row[name]
    else:
        row[name] = value


def _number(text: str, *, comma: bool) -> int | str | None:
    """Return a whole number, None for one that is not there, or the text as it is."""
    stripped = text.strip()
    if stripped.casefold() in _ABSENT:
        return None
    # Where fields are not parted by commas, a comma may be the decimal point.
    plain = stripped.replace(",", ".") if comma else stripped
    for read in (int, float):
        try:
            value = read(plain)
        except ValueError:
            continue
        return int(value) if _is_whole(value) else text
    return text


def _is_whole(value: Any) -> bool:
    if type(value) is int:
        return True
    return isinstance(value, (float, Decimal)) and value == value // 1


def _document(text: str) -> Any:
    """Return what JSON or Python's own spelling of it says; the text if neither."""
    readers: Iterable[Callable[[str], Any]] = (json.loads, ast.literal_eval)
    for read in readers:
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text
