"""Rows of records as columns: counted many at once, with the same results.

Whoever reads large files puts rows that are plainly fine into blocks; a row that is
in any way odd stays a row. Counting a block is counting its rows: the order of
records decides nothing (see :mod:`~pytest_domainsafety.analysis.cells`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.types.rows import Judged, Row

Whole = NDArray[np.int64]


class NotPlain(Exception):
    """What can't be read many at once: the reader of rows says what is wrong, if any.

    Whoever catches it begins anew with the rows, one after the other.
    """


class Block(NamedTuple):
    """Rows by column, each array of shape (rows,).

    Attributes:
        kinds: What rows have in common, once each: as a row without a scenario, prompt
            and replication of its own.
        kind: Of each row, its place in `kinds`.
        scenarios: Once each.
        scenario: Of each row, its place in `scenarios`.
        prompts: Hashes of prompts, once each.
        prompt: Of each row, its place in `prompts`.
        replication: 0 of a row without a number.
    """

    kinds: Sequence[Row]
    kind: Whole
    scenarios: Sequence[str]
    scenario: Whole
    prompts: Sequence[str]
    prompt: Whole
    replication: Whole

    def take(self, rows: Whole) -> Block:
        """Return some of the rows."""
        return self._replace(
            kind=self.kind[rows],
            scenario=self.scenario[rows],
            prompt=self.prompt[rows],
            replication=self.replication[rows],
        )

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield each kind and scenario that stand in one row, as their places."""
        keys = self.kind * len(self.scenarios) + self.scenario
        for key in keys[first_places(keys)].tolist() if len(keys) else ():
            yield divmod(key, len(self.scenarios))

    def marked(self, pairs: Sequence[tuple[int, int]]) -> Block:
        """Return the same rows, some with the mark of zero tolerance.

        Args:
            pairs: Kinds and scenarios, as of :meth:`pairs`.
        """
        keys = self.kind * len(self.scenarios) + self.scenario
        meant = np.isin(keys, [k * len(self.scenarios) + s for k, s in pairs])
        kinds = [*self.kinds, *(k._replace(zero_tolerance=True) for k in self.kinds)]
        return self._replace(kinds=kinds, kind=self.kind + meant * len(self.kinds))

    def with_few_kinds(self) -> Block:
        """Return the same rows, with no kinds but their own."""
        used = np.flatnonzero(np.bincount(self.kind, minlength=len(self.kinds)))
        if len(used) == len(self.kinds):
            return self
        place = np.zeros(len(self.kinds), dtype=np.int64)
        place[used] = np.arange(len(used))
        kinds = [self.kinds[kind] for kind in used.tolist()]
        return self._replace(kinds=kinds, kind=place[self.kind])

    def parts(self, part_of: Sequence[int]) -> Iterator[tuple[int, Block]]:
        """Yield the rows of each part, in their order.

        Args:
            part_of: Of each kind; rows of a negative part are left out.
        """
        part = np.asarray(part_of, dtype=np.int64)[self.kind]
        numbers = np.unique(part)
        if len(numbers) == 1 and numbers[0] >= 0:
            yield int(numbers[0]), self
            return
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], numbers, side="right")
        begins = np.searchsorted(part[order], numbers, side="left")
        for number, begin, end in zip(numbers.tolist(), begins, ends, strict=True):
            if number >= 0:
                yield number, self.take(order[begin:end])


Counted = Judged | Block
"""What is added up: a row, a record, or many rows at once."""


@runtime_checkable
class InBlocks(Protocol):
    """Rows that can be had many at once as well."""

    def __iter__(self) -> Iterator[Row]:
        """Yield them one by one."""

    def blocks(self) -> Iterator[Row | Block]:
        """Yield them many at once.

        Raises:
            NotPlain: They can't be had so; what was yielded does not count.
        """


def first_places(keys: Whole) -> Whole:
    """Return for each different key a place where it stands, by ascending keys."""
    # Rows of one pair mostly stand together, and sorting takes longest.
    heads = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    _, first = np.unique(keys[heads], return_index=True)
    places: Whole = heads[first]
    return places
