"""Columns of a table → rows that are alike, once each: what makes large files fast.

Each cell of a column gets a number; rows with the same numbers are alike, and one of
them is checked as any row is (`types.rows.to_row`): no rule stands here. A scenario, a
prompt and a replication are checked by themselves, in the place of another row's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.blocks import Block, NotPlain, Whole, first_places
from pytest_domainsafety.runs.record_tables import NO_VALUE
from pytest_domainsafety.types.rows import OPINIONS, Row, is_name, to_row

OWN = ("scenario", "prompt_hash", "replication")
"""What tells rows of one kind from each other."""
KIND = (
    *("model", "domain", "subdomain", "framing", "variant", "status", "judge", "run"),
    *("guidance", "refusal", "harm_identification", "tags", "markers"),
    *("zero_tolerance", "condition"),
)
"""What is counted of a row beside them."""
LIKE = {"model": "m", "domain": "d", "scenario": "s", "framing": "operational"}
"""A row that holds, but for its guidance."""
_MOST_KNOWN = 50_000
"""Values that are kept as checked."""
_FEW_KINDS, _ROWS_A_KIND = 2_000, 4
"""Where fewer rows are alike, the reader of rows is as fast."""
_MOST_AT_ONCE = 1 << 62
_LONGEST_LIST = 16
_HASH = 64


class Codes:
    """Numbers of a table's cells, put together into one for each row.

    Args:
        rows: How many there are.
    """

    def __init__(self, rows: int) -> None:
        """Begin with rows that are all alike."""
        self._rows = rows
        self._keys = np.zeros(rows, dtype=np.int64)
        self._most = 1

    def add(self, codes: Whole, most: int) -> None:
        """Add a column: numbers from 0, and how many there may be."""
        if self._most * most >= _MOST_AT_ONCE:
            _, self._keys = np.unique(self._keys, return_inverse=True)
            self._most = self._rows + 1
        self._keys = self._keys * most + codes
        self._most *= most

    def alike(self) -> tuple[Whole, Whole]:
        """Return a row of each kind, shape (kinds,), and each row's kind, (rows,)."""
        firsts = first_places(self._keys)
        keys = self._keys[firsts]
        kind: Whole = np.searchsorted(keys, self._keys).astype(np.int64)
        return firsts, kind


def codes_of(column: Any) -> tuple[Whole, int]:
    """Return a number for each cell of an Arrow array, and how many there may be.

    Cells with one number are alike; two that are alike may have different ones.

    Raises:
        NotPlain: It is of a kind that no table of records has.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_null(kind):
        return np.zeros(len(column), dtype=np.int64), 1
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_lists(column)
    if pa.types.is_struct(kind):
        codes = Codes(len(column))
        codes.add(_numpy(column.is_valid()), 2)
        for part in column.flatten():
            codes.add(*codes_of(part))
        firsts, numbers = codes.alike()
        return numbers, len(firsts)
    if pa.types.is_nested(kind):
        raise NotPlain
    if not pa.types.is_dictionary(kind):
        try:
            column = column.dictionary_encode()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise NotPlain from None
    # Signed: categories of other programs are numbered without a sign.
    indices = column.indices.cast(pa.int64()).fill_null(-1)
    return _numpy(indices) + 1, len(column.dictionary) + 1


def _of_lists(column: Any) -> tuple[Whole, int]:
    lengths = _numpy(column.value_lengths().fill_null(-1))
    longest = int(lengths.max(initial=0))
    if longest > _LONGEST_LIST:
        raise NotPlain
    values, most = codes_of(column.flatten())
    begins = np.cumsum(np.maximum(lengths, 0)) - np.maximum(lengths, 0)
    codes = Codes(len(column))
    codes.add(lengths + 1, longest + 2)
    for at in range(longest):
        inside = lengths > at
        part = np.zeros(len(column), dtype=np.int64)
        part[inside] = values[begins[inside] + at] + 1
        codes.add(part, most + 1)
    firsts, numbers = codes.alike()
    return numbers, len(firsts)


def _cell(column: Any, row: int) -> Any:
    """Return a cell's value.

    Raises:
        NotPlain: Python has none like it.
    """
    try:
        return column[row].as_py()
    except NO_VALUE:
        raise NotPlain from None


def _numpy(column: Any) -> Whole:
    numbers: Whole = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


Fields = Callable[[int], Mapping[str, Any]]
"""A row's number → its fields, as the reader of rows hands them to `to_row`."""


class Checked:
    """Texts and numbers that stand in a row of their own, checked once each.

    Args:
        fields: Fields of a file → fields as `to_row` takes them.
    """

    def __init__(
        self, fields: Callable[[dict[str, Any]], Mapping[str, Any]] = lambda row: row
    ) -> None:
        """Begin with none."""
        self._fields = fields
        self._known: dict[str, dict[Any, Any]] = {name: {} for name in OWN}

    def column(self, name: str, column: Any, total: int) -> tuple[Sequence[Any], Whole]:
        """Return a column's different values, and each row's place in them.

        Args:
            name: One of :data:`OWN`.
            column: An Arrow array; None where the table has no such column.
            total: Rows.

        Raises:
            NotPlain: One does not hold.
        """
        if column is None:
            empty = getattr(checked(LIKE | {"guidance": None}), name)
            return [empty], np.zeros(total, dtype=np.int64)
        numbers, _ = codes_of(column)
        firsts = first_places(numbers)
        cells = [_cell(column, row) for row in firsts.tolist()]
        place: Whole = np.searchsorted(numbers[firsts], numbers).astype(np.int64)
        return self.values(name, cells), place

    def values(self, name: str, cells: Sequence[Any]) -> list[Any]:
        """Return what cells of one column come to.

        Raises:
            NotPlain: One does not hold.
        """
        known = self._known[name]
        if len(known) > _MOST_KNOWN:
            known.clear()
        found = []
        for cell in cells:
            try:
                value = known.get(cell)
            except TypeError:  # a list, say
                raise NotPlain from None
            # 1 and True are one key, and not one value.
            if value is None or type(cell) not in (str, int):
                value = known[cell] = self._value(name, cell)
            found.append(value)
        return found

    def _value(self, name: str, cell: Any) -> Any:
        if type(cell) is str:  # nearly all are: no row need be made for these
            if name == "scenario" and is_name(cell):
                return cell
            if name == "prompt_hash" and _is_hash(cell):
                return cell
        row = LIKE | {"guidance": None, name: cell}
        return getattr(checked(self._fields(row)), name)


def _is_hash(text: str) -> bool:
    """Whether a text is nothing but a hash, which no file spells in another way."""
    return len(text) == _HASH and text.isalnum()


def demand_alike(kinds: int, rows: int) -> None:
    """Demand that rows are alike enough to be worth it.

    Raises:
        NotPlain: They are not.
    """
    if kinds > max(_FEW_KINDS, rows // _ROWS_A_KIND):
        raise NotPlain


def checked(fields: Mapping[str, Any]) -> Row:
    """Return a row.

    Raises:
        NotPlain: It does not hold.
    """
    try:
        return to_row(fields)
    except ValueError:
        raise NotPlain from None


def block_of(
    kinds: Sequence[Row],
    kind: Whole,
    own: Mapping[str, tuple[Sequence[Any], Whole]],
    rows: NDArray[np.bool_],
) -> Block:
    """Return rows as a block.

    Args:
        kinds: Rows of which each stands for those like it.
        kind: Of each row.
        own: Of each of :data:`OWN`, different values and each row's place in them.
        rows: Which of them are meant, shape (rows,).
    """
    (scenarios, scenario), (prompts, prompt) = own["scenario"], own["prompt_hash"]
    numbers, number = own["replication"]
    block = Block(
        kinds,
        kind,
        scenarios,
        scenario,
        prompts,
        prompt,
        np.array([*numbers, 0], dtype=np.int64)[number],
    )
    return block if rows.all() else block.take(np.flatnonzero(rows))


def blocks_of_batch(
    batch: Any,
    finished: Callable[[dict[str, Any]], Mapping[str, Any]],
    check: Checked,
) -> Iterator[Row | Block]:
    """Yield the rows of an Arrow batch: what is alike as a block, what is odd as rows.

    Args:
        batch: Columns by the names of records.
        finished: A row of cells → fields as `to_row` takes them.
        check: Of the file.

    Raises:
        NotPlain: A row does not hold, or the table is of no kind that is known.
    """
    names = batch.schema.names
    total = batch.num_rows
    if not total:
        return

    def fields(row: int, wanted: Sequence[str] = names) -> Mapping[str, Any]:
        return finished({name: _cell(batch.column(name), row) for name in wanted})

    plain = np.ones(total, dtype=np.bool_)
    for name in OPINIONS:
        if name in names:
            plain &= _is_silent(batch.column(name), name, finished)
    codes = Codes(total)
    wanted = [name for name in KIND if name in names]
    for name in wanted:
        codes.add(*codes_of(batch.column(name)))
    firsts, kind = codes.alike()
    demand_alike(len(firsts), total)
    kinds = [
        checked({**fields(row, wanted), "scenario": "s"}) for row in firsts.tolist()
    ]
    own = {
        name: check.column(name, batch.column(name) if name in names else None, total)
        for name in OWN
    }
    yield block_of(kinds, kind, own, plain)
    for row in np.flatnonzero(~plain).tolist():
        yield checked(fields(row))


def _is_silent(
    column: Any, name: str, finished: Callable[[dict[str, Any]], Mapping[str, Any]]
) -> NDArray[np.bool_]:
    """Return where no other judge has a say, shape (rows,)."""
    import pyarrow as pa

    if pa.types.is_nested(column.type) and not pa.types.is_dictionary(column.type):
        return np.asarray(_numpy(column.is_valid()) == 0, dtype=np.bool_)
    numbers, most = codes_of(column)
    silent = np.zeros(most, dtype=np.bool_)
    for row in first_places(numbers).tolist():
        cell = {**LIKE, "guidance": None, name: _cell(column, row)}
        silent[numbers[row]] = checked(finished(cell)).opinions is None
    return np.asarray(silent[numbers], dtype=np.bool_)
