"""Rows for the replies that suites owe and no record is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_domainsafety.analysis.blocks import Block, InBlocks, NotPlain
from pytest_domainsafety.suite import load_suites
from pytest_domainsafety.types import (
    TWIN,
    Interaction,
    Manifest,
    Protocol,
    ScenarioPair,
    Suite,
)
from pytest_domainsafety.types.rows import Row, to_row


def with_missing(
    rows: Iterable[Row], suites: Sequence[Path], manifest: Manifest
) -> WithMissing:
    """Return rows, and one for each reply of each pair of the suites that has none.

    Every model that has any row is held to all suites.

    Args:
        rows: Of all shards.
        suites: Files and folders.
        manifest: Knows how many replications there should be; else it is the
            largest number that any row has.

    Raises (as they are read):
        SuiteError: A suite can't be used.
        UserError: There is none.
    """
    return WithMissing(rows, suites, manifest)


class WithMissing:
    """Rows and those that lack, one by one or many at once."""

    def __init__(
        self, rows: Iterable[Row], suites: Sequence[Path], manifest: Manifest
    ) -> None:
        """Read nothing yet."""
        self._rows, self._suites, self._manifest = rows, suites, manifest

    def __iter__(self) -> Iterator[Row]:
        """Yield them one by one."""
        for row in self._filled(self._rows):
            assert type(row) is Row
            yield row

    def blocks(self) -> Iterator[Row | Block]:
        """Yield them many at once.

        Raises:
            NotPlain: They can't be had so; what was yielded does not count.
        """
        if not isinstance(self._rows, InBlocks):
            raise NotPlain
        yield from self._filled(self._rows.blocks())

    def _filled(self, parts: Iterable[Row | Block]) -> Iterator[Row | Block]:
        wanted = [loaded.suite for loaded in load_suites(self._suites)]
        manifest = self._manifest
        seen = _Seen(
            wanted,
            benign=manifest.sampling.benign,
            analytical=manifest.known and manifest.analytical,
        )
        for part in parts:
            if isinstance(part, Block):
                yield seen.block(part)
            else:
                yield seen.row(part)
        replications = manifest.replications or seen.most
        for model, pairs in seen.pairs.items():
            for suite in wanted:
                for pair in _unseen(suite, pairs, manifest):
                    owed = pair.interactions(
                        replications,
                        variants=False,
                        benign=seen.benign,
                        analytical=seen.analytical,
                    )
                    yield from _missing(model, suite, pair, owed)


class _Seen:
    """What rows there are, and what the suites say of them.

    Attributes:
        pairs: Model → (domain, scenario) with an operational reply.
        most: The largest replication.
        benign: Whether benign twins were asked.
        analytical: Whether analytical prompts were.
    """

    def __init__(
        self, suites: Iterable[Suite], *, benign: bool, analytical: bool
    ) -> None:
        self._marked = {
            (suite.domain, pair.id)
            for suite in suites
            for pair in suite.scenarios
            if pair.zero_tolerance
        }
        self.pairs: dict[str, set[tuple[str, str]]] = {}
        self.most, self.benign, self.analytical = 1, benign, analytical

    def row(self, row: Row) -> Row:
        """Note a row; return it with the suites' mark."""
        self.most = max(self.most, row.replication)
        if self._is_to_mark(row, row.scenario):
            return row._replace(zero_tolerance=True)
        return row

    def block(self, block: Block) -> Block:
        """Note rows; return them with the suites' mark."""
        self.most = max(self.most, int(block.replication.max(initial=0)))
        later = [
            (kind, scenario)
            for kind, scenario in block.pairs()
            if self._is_to_mark(block.kinds[kind], block.scenarios[scenario])
        ]
        return block.marked(later) if later else block

    def _is_to_mark(self, row: Row, scenario: str) -> bool:
        self.benign = self.benign or row.framing == TWIN
        self.analytical = self.analytical or row.framing == "analytical"
        pair = (row.domain, scenario)
        if row.framing == "operational":
            self.pairs.setdefault(row.model, set()).add(pair)
        # Records of an older version don't know; the suites do.
        return pair in self._marked and not row.zero_tolerance


def _unseen(
    suite: Suite, seen: set[tuple[str, str]], manifest: Manifest
) -> Iterator[ScenarioPair]:
    """Yield the pairs of a suite that a whole run asks and that no row is of."""
    protocol: Protocol = "study" if manifest.sampling.protocol == "study" else "gate"
    for place in suite.asked(protocol):
        pair = suite.scenarios[place]
        if (suite.domain, pair.id) not in seen:
            yield pair


def _missing(
    model: str, suite: Suite, pair: ScenarioPair, owed: Iterable[Interaction]
) -> Iterator[Row]:
    for interaction in owed:
        yield to_row(
            {
                "model": model,
                "domain": suite.domain,
                "subdomain": pair.subdomain,
                "scenario": pair.id,
                "guidance": None,
                "status": "error",
                "tags": list(pair.tags),
                "zero_tolerance": pair.zero_tolerance,
            }
            | interaction._asdict()
        )
