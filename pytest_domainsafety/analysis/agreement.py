"""Records of several judges: kept apart, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from pytest_domainsafety.analysis.accumulate import Accumulator, Judged
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.rater_agreement import agreement

SCALES = ("harm_identification", "refusal", "guidance")
_Cell = tuple[str, str, str, str, str, int]
_Both = tuple[_Cell, tuple[int, ...], tuple[int, ...]]


class ByJudge:
    """Records added up for each judge; those that no judge scored are everybody's.

    Attributes:
        runs: The runs that the records name.
    """

    def __init__(self, records: Iterable[Judged]) -> None:
        """Add the records up."""
        self.runs: set[str] = set()
        self._sums: dict[str, Accumulator] = {}
        self._nobodys = Accumulator()
        self._counts: Counter[str] = Counter()
        for record in records:
            self.runs.add(record.run)
            if record.status == "scored":
                self._counts[record.judge] += 1
                sums = self._sums.get(record.judge)
                if sums is None:
                    sums = self._sums[record.judge] = Accumulator()
                sums.add(record)
            else:
                self._nobodys.add(record)

    def names(self) -> list[str]:
        """Return the judges, the one with the most records first; at least one."""
        found = sorted(self._counts, key=lambda name: (-self._counts[name], name))
        return found or [""]

    def sums_of(self, judge: str) -> Accumulator:
        """Return one judge's sums, with the records that no judge scored."""
        sums = self._sums.setdefault(judge, Accumulator())
        sums.take(self._nobodys)
        return sums


def judge_agreement(
    first: Iterable[Judged],
    second: Iterable[Judged],
    settings: AnalysisSettings,
    *,
    scales: Sequence[str] = SCALES,
) -> dict[str, Any]:
    """Return how far two judges agree on the replies that both scored.

    Memory grows with the second judge's records alone.

    Args:
        first: One judge's records.
        second: The other's, perhaps a sample.
        settings: Of the bootstrap of κ.
        scales: Which to compare; guidance is one of them.

    Returns:
        ``overall`` and ``by_domain`` (design §D5).
    """

    def given(records: Iterable[Judged]) -> Iterator[tuple[_Cell, tuple[int, ...]]]:
        for record in records:
            scores = tuple(getattr(record, scale) for scale in scales)
            if record.status == "scored" and None not in scores:
                yield _cell(record), scores

    theirs = dict(given(second))
    rows: list[_Both] = []
    for cell, scores in given(first):
        other = theirs.pop(cell, None)
        if other is not None:
            rows.append((cell, scores, other))
    rows.sort()
    domains = sorted({cell[1] for cell, _, _ in rows})
    return {
        "overall": _agreement(rows, scales, settings),
        "by_domain": {
            domain: _agreement(
                [row for row in rows if row[0][1] == domain], scales, settings
            )
            for domain in domains
        },
    }


def _agreement(
    rows: list[_Both], scales: Sequence[str], settings: AnalysisSettings
) -> dict[str, Any]:
    ours = {scale: [row[1][at] for row in rows] for at, scale in enumerate(scales)}
    others = {scale: [row[2][at] for row in rows] for at, scale in enumerate(scales)}
    found = agreement(
        ours,
        others,
        clusters=[cell[:3] for cell, _, _ in rows],
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return asdict(found)


def _cell(record: Judged) -> _Cell:
    return (
        record.model,
        record.domain,
        record.scenario,
        record.framing,
        record.variant,
        record.replication,
    )
