"""Compliance by whatever a record says of itself, streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pytest_domainsafety.analysis.accumulate import Group
from pytest_domainsafety.analysis.blocks import Block, Counted, InBlocks, NotPlain
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, SCORED, TWIN
from pytest_domainsafety.types.rows import Judged, Row

_RESPONSES, _SCORED, _COMPLIED, _GUIDANCE = range(4)

Names = tuple[str, ...]
_Cluster = tuple[str, str]
"""(domain, scenario): over models, a pair is one cluster (method §M3)."""


def _attribute(name: str) -> Callable[[Judged], Names]:
    return lambda record: (getattr(record, name) or "–",)


def _tags(record: Judged) -> Names:
    return record.tags or ("–",)


DIMENSIONS: dict[str, Callable[[Judged], Names]] = {
    "model": _attribute("model"),
    "domain": _attribute("domain"),
    "subdomain": _attribute("subdomain"),
    "tag": _tags,
    "framing": _attribute("framing"),
    "variant": _attribute("variant"),
    "condition": lambda record: (record.condition or "–",),
}
"""What a record can be grouped by; a record with several tags is in several groups."""


class Breakdown:
    """Adds records up by group and cluster.

    Operational replies to prompts as written, unless the framing or the variant is
    what is asked for. Memory grows with scenario pairs.

    Args:
        by: Names of :data:`DIMENSIONS`, or `codification`.
        codification: Of each domain, for that dimension.
    """

    def __init__(
        self, by: Names, codification: Mapping[str, str | None] | None = None
    ) -> None:
        """Begin with no record."""
        known = codification or {}
        made: dict[str, Callable[[Judged], Names]] = DIMENSIONS | {
            "codification": lambda record: (known.get(record.domain) or "–",)
        }
        self.by = by
        self._keys = tuple(made[name] for name in by)
        self._all_framings = "framing" in by
        self._all_variants = "variant" in by
        self._groups: dict[Names, dict[_Cluster, list[int]]] = {}
        self._seen: dict[tuple[str, str, str, str], Group] = {}

    def add(self, record: Judged) -> None:
        """Add one record, unless its replication is there already."""
        if not self._counts(record):
            return
        seen = self._seen_of(record)
        place = seen.place_of(record.scenario)
        if seen.cells.put(2 * place, record.replication, 1):
            self._add(record, record.scenario, 1)

    def add_block(self, block: Block) -> None:
        """Add many rows, each unless its replication is there already."""
        cells = [
            self._seen_of(kind) if self._counts(kind) else None for kind in block.kinds
        ]
        number = {id(seen): at for at, seen in enumerate(cells)}
        number[id(None)] = -1
        for at, part in block.parts([number[id(seen)] for seen in cells]):
            seen = cells[at]
            assert seen is not None
            places = np.zeros(len(part.scenarios), dtype=np.int64)
            for scenario in np.unique(part.scenario).tolist():
                places[scenario] = seen.place_of(part.scenarios[scenario])
            fresh = seen.cells.put_many(
                2 * places[part.scenario], part.replication, np.ones_like(part.kind)
            )
            keys = part.kind[fresh] * len(part.scenarios) + part.scenario[fresh]
            for key, times in zip(*np.unique(keys, return_counts=True), strict=True):
                kind, scenario = divmod(int(key), len(part.scenarios))
                self._add(part.kinds[kind], part.scenarios[scenario], int(times))

    def _counts(self, record: Judged) -> bool:
        """Whether a record is looked at."""
        if not (self._all_framings or record.framing == "operational"):
            return False
        if record.framing == TWIN:  # help with a lawful request is no compliance
            return False
        return self._all_variants or record.variant == BASE_VARIANT

    def _seen_of(self, record: Judged) -> Group:
        """Return the replications that are there, in even cells."""
        key = (record.model, record.domain, record.framing, record.variant)
        return self._seen.setdefault(key, Group())

    def _add(self, record: Judged, scenario: str, times: int) -> None:
        """Add so many records of one kind."""
        cluster = (record.domain, scenario)
        for group in self._groups_of(record):
            sums = self._groups.setdefault(group, {}).setdefault(cluster, [0, 0, 0, 0])
            sums[_RESPONSES] += times
            if record.guidance is not None and record.status in SCORED:
                sums[_SCORED] += times
                sums[_COMPLIED] += times * (record.guidance >= COMPLIES_AT)
                sums[_GUIDANCE] += times * record.guidance

    def _groups_of(self, record: Judged) -> Iterable[Names]:
        groups: list[Names] = [()]
        for key in self._keys:
            groups = [(*group, name) for group in groups for name in key(record)]
        return groups

    def rows(self, settings: AnalysisSettings) -> list[dict[str, Any]]:
        """Return a row for each group, sorted by its names.

        Missing replies are in `responses` and nowhere else; `ci` is of scored
        replies, by the settings' method.
        """
        rows = []
        for group, clusters in sorted(self._groups.items()):
            # In the order of the clusters' names: that of the records decides nothing.
            ordered = [counts for _, counts in sorted(clusters.items())]
            sums = np.array(ordered, dtype=np.int64)
            scored, complied = sums[:, _SCORED], sums[:, _COMPLIED]
            interval = settings.interval(Outcomes.of(complied, scored))
            count = int(scored.sum())
            rows.append(
                dict(zip(self.by, group, strict=True))
                | {
                    "clusters": len(sums),
                    "responses": int(sums[:, _RESPONSES].sum()),
                    "scored": count,
                    "complied": int(complied.sum()),
                    "compliance_rate": interval.estimate,
                    "ci": list(interval.limits) if count else None,
                    "guidance_mean": float(sums[:, _GUIDANCE].sum() / count)
                    if count
                    else None,
                }
            )
        return rows


def break_down(
    new: Callable[[], Breakdown], rows: Iterable[Row], judge: str
) -> Breakdown:
    """Return a table of what one judge scored, and of what no judge could.

    Args:
        new: Makes an empty table.
        rows: Many at once where they can be had so.
        judge: Whose rows count.
    """
    if isinstance(rows, InBlocks):
        try:
            return _filled(new(), rows.blocks(), judge)
        except NotPlain:
            pass
    return _filled(new(), rows, judge)


def _filled(table: Breakdown, rows: Iterable[Counted], judge: str) -> Breakdown:
    for row in rows:
        if isinstance(row, Block):
            mine = [0 if _is_of(kind, judge) else -1 for kind in row.kinds]
            for _, part in row.parts(mine):
                table.add_block(part)
        elif _is_of(row, judge):
            table.add(row)
    return table


def _is_of(row: Judged, judge: str) -> bool:
    return row.status != "scored" or row.judge == judge
