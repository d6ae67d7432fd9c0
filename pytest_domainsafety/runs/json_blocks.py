"""Records as JSON lines, many at once: DuckDB parses them, each field stays raw JSON.

What DuckDB takes and Python's JSON does not (a comma too many, `nan`, a form feed), a
line that is no object, and one whose guidance is null or missing, are lines of their
own: these are read one by one. So is a chunk that DuckDB refuses.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.blocks import Block, NotPlain, Whole, first_places
from pytest_domainsafety.runs.columns import (
    KIND,
    OWN,
    Checked,
    block_of,
    checked,
    codes_of,
    demand_alike,
)
from pytest_domainsafety.types.rows import OPINIONS, Row

CHUNK = 8 * 2**20
"""Bytes of lines at once."""
_WORKERS = 2
_MEMORY = "128MB"
_LEAST_OBJECT = 2**20
_DEEPEST = 200
"""Closing brackets in a line: more of them may nest deeper than Python's JSON goes."""
_PARTED = "\x1f"
"""Between raw fields, in which it can't be: JSON escapes it."""
_MOST_KNOWN = 50_000
# What DuckDB takes for a number beyond Python's NaN and Infinity.
_LITERAL = re.compile(rb"[:,\[]\s*[-+]?(?:nan|inf(?:inity)?)\s*[,}\]]", re.IGNORECASE)


def blocks_of_lines(
    chunks: Iterable[bytes], left_out: Mapping[str, Any] | None = None
) -> Iterator[Row | Block]:
    """Yield the records of chunks of whole lines, in their order.

    Args:
        chunks: UTF-8, at most a few times :data:`CHUNK`.
        left_out: Fields that may lack, and what they are then.

    Raises:
        NotPlain: They can't be had so, or one does not hold.
    """
    with _Engine(left_out) as engine, ThreadPoolExecutor(_WORKERS) as pool:
        waiting: deque[Future[list[Row | Block]]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(engine.read, chunk))
            if len(waiting) > _WORKERS:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


class _Engine:
    """A database in memory that reads chunks, one in each thread."""

    def __init__(self, left_out: Mapping[str, Any] | None) -> None:
        import duckdb

        self._left_out = left_out
        self._error = duckdb.Error
        self._folder = TemporaryDirectory(prefix="domainsafety-")
        self._db = duckdb.connect(
            config={
                "threads": 1,
                "memory_limit": _MEMORY,
                "temp_directory": self._folder.name,
                # It fetches what it lacks from the network otherwise.
                "autoinstall_known_extensions": "false",
            }
        )
        self._known: dict[str, Row] = {}
        self._check = Checked(self._whole)

    def __enter__(self) -> _Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def _whole(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._left_out is None:
            return fields
        there = {name: value for name, value in fields.items() if value is not None}
        return {**self._left_out, **there}

    def read(self, chunk: bytes) -> list[Row | Block]:
        """Return the records of a chunk.

        Raises:
            NotPlain: One does not hold.
        """
        lines = _Lines(chunk)
        odd = lines.odd()
        table = None
        if not odd.all():
            plain = lines.without(odd) if odd.any() else chunk
            table = self._query(plain, lines.longest)
        if table is None or table.num_rows != len(odd) - odd.sum():
            return self._rows(lines, range(len(odd)))
        if self._left_out is not None:
            _demand_no_null(chunk, table)
        own = np.flatnonzero(~odd)
        apart = table.column("apart").to_numpy(zero_copy_only=False).astype(np.bool_)
        odd[own[apart]] = True
        rows = self._rows(lines, np.flatnonzero(odd).tolist())
        return [self._block(table, ~apart), *rows] if not apart.all() else rows

    def _query(self, chunk: bytes, longest: int) -> Any:
        """Return raw fields of each line; None where the engine refuses one."""
        path = Path(self._folder.name) / f"{get_ident()}.jsonl"
        path.write_bytes(chunk)
        cursor = self._db.cursor()
        try:
            table = cursor.sql(
                _select(own_guidance=not self._left_out),
                params=[str(path), max(longest, _LEAST_OBJECT)],
            ).to_arrow_table()
            return table.combine_chunks()
        except self._error:
            return None
        finally:
            cursor.close()

    def _block(self, table: Any, rows: NDArray[np.bool_]) -> Block:
        total = table.num_rows
        columns = {name: _whole_column(table, name) for name in ("kind", *OWN)}
        numbers, _ = codes_of(columns["kind"])
        firsts = first_places(numbers)
        # Of a row that stands apart nothing is used, so it is not held to anything.
        used = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.bool_)
        used[numbers[rows]] = True
        demand_alike(len(firsts), total)
        texts = [str(columns["kind"][row].as_py()) for row in firsts.tolist()]
        kinds = [
            self._kind(text) if used[numbers[row]] else None
            for row, text in zip(firsts.tolist(), texts, strict=True)
        ]
        some = next(kind for kind in kinds if kind is not None)
        kind: Whole = np.searchsorted(numbers[firsts], numbers).astype(np.int64)
        own = {}
        for name in OWN:
            numbers, _ = codes_of(columns[name])
            firsts = first_places(numbers)
            used = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.bool_)
            used[numbers[rows]] = True
            firsts = firsts[used[numbers[firsts]]]
            cells = [columns[name][row].as_py() for row in firsts.tolist()]
            place = np.searchsorted(numbers[firsts], numbers).astype(np.int64)
            own[name] = (self._check.values(name, list(map(_value, cells))), place)
        return block_of([k or some for k in kinds], kind, own, rows)

    def _kind(self, text: str) -> Row:
        row = self._known.get(text)
        if row is None:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            parts = zip(KIND, text.split(_PARTED), strict=True)
            fields = {name: _value(part) for name, part in parts if part}
            row = self._known[text] = checked(self._whole({**fields, "scenario": "s"}))
        return row

    def _rows(self, lines: _Lines, numbers: Iterable[int]) -> list[Row | Block]:
        rows: list[Row | Block] = []
        for number in numbers:
            line = lines.text(number)
            if (line.isspace() or not line) and self._left_out is None:
                continue  # of a file; a store has no blank record
            fields = _value(line)
            if type(fields) is not dict:
                raise NotPlain
            rows.append(checked(self._whole(fields)))
        return rows


def _demand_no_null(chunk: bytes, table: Any) -> None:
    """Demand that a replication lacks wherever there is none: then it is the first.

    Raises:
        NotPlain: It may be null somewhere, which is none.
    """
    column = table.column("replication")
    if chunk.count(b'"replication"') != len(column) - column.null_count:
        raise NotPlain


def _value(text: str | None) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NotPlain from None


def _whole_column(table: Any, name: str) -> Any:
    import pyarrow as pa

    column = table.column(name)
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def _select(*, own_guidance: bool) -> str:
    """Return the query; of a row that stands apart it takes nothing."""
    columns = ", ".join(f"'{name}': 'JSON'" for name in (*KIND, *OWN, *OPINIONS))
    kind = f", chr({ord(_PARTED)}), ".join(f'"{name}"::VARCHAR' for name in KIND)
    own = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in OWN)
    silent = "('[]', '{}', 'null', '\"\"', '0', 'false')"
    apart = [
        f"coalesce(\"{name}\"::VARCHAR, 'null') NOT IN {silent}" for name in OPINIONS
    ]
    if own_guidance:  # null, or not there: DuckDB can't tell
        apart.append("guidance IS NULL")
    return (
        f"SELECT concat({kind}) AS kind, {own}, {' OR '.join(apart)} AS apart "
        "FROM read_json(?, format='newline_delimited', auto_detect=false, "
        f"columns={{{columns}}}, maximum_object_size=?)"
    )


class _Lines:
    """The lines of a chunk, and which of them are odd."""

    def __init__(self, chunk: bytes) -> None:
        if not chunk.isascii():
            try:
                chunk.decode()
            except UnicodeDecodeError:
                raise NotPlain from None
        if b"\r" in chunk and chunk.count(b"\r") != chunk.count(b"\r\n"):
            raise NotPlain  # Python's lines end there as well
        self._chunk = chunk
        self._bytes = np.frombuffer(chunk, dtype=np.uint8)
        ends = np.flatnonzero(self._bytes == ord("\n"))
        if not chunk.endswith(b"\n"):
            ends = np.append(ends, len(chunk))
        self._ends = ends
        self._begins = np.concatenate([[0], ends[:-1] + 1])
        self.longest = int((ends - self._begins).max()) + 2

    def text(self, number: int) -> str:
        """Return one line."""
        return self._chunk[self._begins[number] : self._ends[number]].decode()

    def without(self, odd: NDArray[np.bool_]) -> bytes:
        """Return all lines but some."""
        pairs = zip(self._begins[~odd].tolist(), self._ends[~odd].tolist(), strict=True)
        return b"".join(self._chunk[begin:end] + b"\n" for begin, end in pairs)

    def odd(self) -> NDArray[np.bool_]:
        """Return which lines may mean another thing to Python, shape (lines,)."""
        text, begins = self._bytes, self._begins
        odd: NDArray[np.bool_] = text[begins] != ord("{")
        closing = np.flatnonzero((text == ord("}")) | (text == ord("]")))
        before = closing - 1
        blank = closing[:0]
        while len(before := before[before >= 0]):
            known = text[before]
            odd[self._line_of(before[known == ord(",")])] = True
            blank = before[(known == ord(" ")) | (known == ord("\t"))]
            before = blank - 1
        counts = np.diff(np.searchsorted(closing, self._ends), prepend=0)
        odd |= counts > _DEEPEST
        low = self._chunk.lower()
        if b"nan" in low or b"inf" in low:
            found = [match.start() for match in _LITERAL.finditer(self._chunk)]
            odd[self._line_of(np.array(found, dtype=np.int64))] = True
        for mark in b"\v\f":
            if mark in self._chunk:
                odd[self._line_of(np.flatnonzero(text == mark))] = True
        return odd

    def _line_of(self, places: Whole) -> Whole:
        lines: Whole = np.searchsorted(self._ends, places)
        return lines
