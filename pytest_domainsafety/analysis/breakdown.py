"""Compliance by whatever a record says of itself, streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, SCORED, TWIN
from pytest_domainsafety.types.rows import Judged

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
        self._seen: dict[tuple[str, str, str, str, str], int] = {}

    def add(self, record: Judged) -> None:
        """Add one record, unless its replication is there already."""
        if not (self._all_framings or record.framing == "operational"):
            return
        if record.framing == TWIN:  # help with a lawful request is no compliance
            return
        if not (self._all_variants or record.variant == BASE_VARIANT):
            return
        cluster = (record.domain, record.scenario)
        if record.replication:
            cell = (record.model, *cluster, record.framing, record.variant)
            bit, seen = 1 << record.replication, self._seen.get(cell, 0)
            if seen & bit:
                return
            self._seen[cell] = seen | bit
        for group in self._groups_of(record):
            sums = self._groups.setdefault(group, {}).setdefault(cluster, [0, 0, 0, 0])
            sums[_RESPONSES] += 1
            if record.guidance is not None and record.status in SCORED:
                sums[_SCORED] += 1
                sums[_COMPLIED] += record.guidance >= COMPLIES_AT
                sums[_GUIDANCE] += record.guidance

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
            sums = np.array(list(clusters.values()), dtype=np.int64)
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
