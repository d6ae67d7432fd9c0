"""Records of several judges: kept apart, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from pytest_domainsafety.analysis.accumulate import Accumulator, Key
from pytest_domainsafety.analysis.blocks import Block, Counted, InBlocks, NotPlain
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.rater_agreement import agreement
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, Record, Scores
from pytest_domainsafety.types.rows import Judged, Row

SCALES = ("harm_identification", "refusal", "guidance")
_Cell = tuple[str, str, str, str, str, int]
"""(model, domain, scenario, framing, variant, replication)."""
_Known = list[int | None]
"""A judge's scores, by scale, as far as it gives them."""
_Both = tuple[_Cell, tuple[int, ...], tuple[int, ...]]
"""A cell and the two judges' scores, by scale."""


class ByJudge:
    """Records added up for each judge.

    A reply that never reached a judge (lost, cut off, empty, filtered) is everybody's;
    one that a judge could not score is that judge's, where the row names it.

    Attributes:
        runs: The runs that the records name.
        unjudged: (model, domain) → replies that another judge scored and the one
            whose sums were asked for did not.
    """

    def __init__(self, records: Iterable[Counted]) -> None:
        """Add the records up."""
        self.runs: set[str] = set()
        self.unjudged: dict[Key, int] = {}
        self._sums: dict[str, Accumulator] = {}
        self._nobodys = Accumulator()
        self._counts: Counter[str] = Counter()
        for record in records:
            if isinstance(record, Block):
                self._add_block(record)
            else:
                self._of(record).add(record)

    def _of(self, record: Judged, times: int = 1) -> Accumulator:
        """Note so many records of a kind; return whose sums they belong to."""
        self.runs.add(record.run)
        judge, status = record.judge, record.status
        if status != "scored" and not (status == "unscored" and judge):
            return self._nobodys
        self._counts[judge] += times * (status == "scored")
        sums = self._sums.get(judge)
        if sums is None:
            sums = self._sums[judge] = Accumulator()
        return sums

    def _add_block(self, block: Block) -> None:
        block = block.with_few_kinds()
        times = np.bincount(block.kind).tolist()
        sums = [self._of(kind, n) for kind, n in zip(block.kinds, times, strict=True)]
        number = {id(part): at for at, part in reversed(list(enumerate(sums)))}
        for at, part in block.parts([number[id(part)] for part in sums]):
            sums[at].add_block(part.with_few_kinds())

    def names(self) -> list[str]:
        """Return the judges, the one that scored most first; at least one."""
        judges = sorted(self._counts, key=lambda name: (-self._counts[name], name))
        scored = [name for name in judges if self._counts[name]]
        return scored or judges or [""]

    def sums_of(self, judge: str) -> Accumulator:
        """Return one judge's sums; to be asked for once.

        With the replies that reached no judge, and as missing those that another
        judge scored and this one did not.
        """
        sums = self._sums.setdefault(judge, Accumulator())
        sums.take(self._nobodys)
        for other, theirs in sorted(self._sums.items()):
            if other != judge:
                for key, missing in sums.fill_unjudged(theirs).items():
                    more = sum(missing.values())
                    self.unjudged[key] = self.unjudged.get(key, 0) + more
        return sums


def by_judge(rows: Iterable[Counted]) -> tuple[ByJudge, list[Row]]:
    """Add rows up, many at once where they can be had so.

    Returns:
        The sums, and the rows of which other judges have a say.
    """
    if isinstance(rows, InBlocks):
        try:
            return _added_up(rows.blocks())
        except NotPlain:
            pass
    return _added_up(rows)


def _added_up(rows: Iterable[Counted]) -> tuple[ByJudge, list[Row]]:
    opinions: list[Row] = []

    def noted() -> Iterator[Counted]:
        for row in rows:
            if type(row) is Row and row.opinions:
                opinions.append(row)
            yield row

    return ByJudge(noted()), opinions


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
        scales: Which to compare; guidance is one of them. A scale that one of the
            judges never gives (a guard model) is left out, and a reply of which
            another one is not known.

    Returns:
        ``overall`` and ``by_domain`` (design §D5).
    """

    def scored(records: Iterable[Judged]) -> Iterator[tuple[_Cell, _Known]]:
        for record in records:
            if record.status == "scored":
                yield cell_of(record), [getattr(record, scale) for scale in scales]

    theirs = dict(scored(second))
    both: list[tuple[_Cell, _Known, _Known]] = []
    for cell, scores in scored(first):
        other = theirs.pop(cell, None)
        if other is not None:
            both.append((cell, scores, other))
    rows, scales = _comparable(both, scales)
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


def _comparable(
    both: Sequence[tuple[_Cell, _Known, _Known]], scales: Sequence[str]
) -> tuple[list[_Both], list[str]]:
    """Return the replies that can be compared, sorted, and on which scales."""
    given = [
        at
        for at, scale in enumerate(scales)
        if scale == "guidance"
        or not both
        or all(any(row[judge][at] is not None for row in both) for judge in (1, 2))
    ]
    rows = []
    for cell, ours, others in both:
        mine = tuple(score for at in given if (score := ours[at]) is not None)
        theirs = tuple(score for at in given if (score := others[at]) is not None)
        if len(mine) == len(theirs) == len(given):
            rows.append((cell, mine, theirs))
    return sorted(rows), [scales[at] for at in given]


def _agreement(
    rows: list[_Both], scales: Sequence[str], settings: AnalysisSettings
) -> dict[str, Any]:
    ours = {scale: [row[1][at] for row in rows] for at, scale in enumerate(scales)}
    others = {scale: [row[2][at] for row in rows] for at, scale in enumerate(scales)}
    result = agreement(
        ours,
        others,
        clusters=[cell[:3] for cell, _, _ in rows],
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    return asdict(result)


def cell_of(record: Judged) -> _Cell:
    """Return what tells a reply from all others of its run."""
    return (
        record.model,
        record.domain,
        record.scenario,
        record.framing,
        record.variant,
        record.replication,
    )


def agreement_within(
    records: Iterable[Record], settings: AnalysisSettings
) -> dict[str, Any] | None:
    """Return how far the judges in the same records agree.

    That of the judge (or panel) with the second judge where there is one, else
    that of a panel's first two judges.

    Args:
        records: Of one run.
        settings: Of the bootstrap of κ.

    Returns:
        ``judges`` (the two names), ``overall`` and ``by_domain`` (design §D5);
        of a panel of more than two also ``pairs``: the overall agreement by
        ``"A, B"``. None where no reply was scored twice.
    """
    records = list(records)
    second = [record for record in records if record.second is not None]
    if second:
        result = _between(second, _own, lambda record: record.second, settings)
        unscored = sum(_if_scored(record.second) is None for record in second)
        return result and result | {"unscored": unscored}
    panel = [record for record in records if len(record.panel) > 1]
    if not panel:
        return None
    pairs = [
        _between(panel, _member(a), _member(b), settings)
        for a, b in combinations(range(len(panel[0].panel)), 2)
    ]
    if len(pairs) == 1 or pairs[0] is None:
        return pairs[0]
    named = {", ".join(pair["judges"]): pair["overall"] for pair in pairs if pair}
    return pairs[0] | {"pairs": named}


def traces_table(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """Return what the judge says of reasoning traces: model → domain → figures.

    Of operational replies as written: ``traces`` scored, ``compliance_rate`` of
    the traces alone, ``guidance_mean``, and ``only_trace``: the share in which
    the trace gives usable help and the answer does not.
    """
    groups: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
    for record in records:
        trace = _if_scored(record.trace)
        written = record.framing == "operational" and record.variant == BASE_VARIANT
        if written and trace is not None and trace.guidance is not None:
            rows = groups.setdefault((record.model, record.domain), [])
            rows.append((trace.guidance, record.guidance))
    table: dict[str, dict[str, Any]] = {}
    for (model, domain), rows in sorted(groups.items()):
        helps = [trace >= COMPLIES_AT for trace, _ in rows]
        answered = [(answer or 1) >= COMPLIES_AT for _, answer in rows]
        hidden = [a and not b for a, b in zip(helps, answered, strict=True)]
        table.setdefault(model, {})[domain] = {
            "traces": len(rows),
            "compliance_rate": sum(helps) / len(rows),
            "guidance_mean": sum(trace for trace, _ in rows) / len(rows),
            "only_trace": sum(hidden) / len(rows),
        }
    return table


_Pick = Callable[[Record], Record | Scores | None]


def _own(record: Record) -> Record:
    return record


def _member(number: int) -> _Pick:
    return lambda record: record.panel[number]


def _if_scored(scores: Record | Scores | None) -> Record | Scores | None:
    known = scores is not None and scores.status == "scored"
    return scores if known else None


def _between(
    records: Sequence[Record], first: _Pick, second: _Pick, settings: AnalysisSettings
) -> dict[str, Any] | None:
    rows: list[tuple[Record, Record]] = []
    for record in records:
        a, b = _if_scored(first(record)), _if_scored(second(record))
        if a is not None and b is not None:
            rows.append((_as(record, a), _as(record, b)))
    if not rows:
        return None
    a, b = rows[0]
    result = judge_agreement([a for a, _ in rows], [b for _, b in rows], settings)
    heading = {"judges": [a.judge, b.judge], "confidence": settings.confidence}
    return heading | result


def _as(record: Record, scores: Record | Scores) -> Record:
    return record.model_copy(
        update={
            "status": "scored",
            "judge": scores.judge,
            "harm_identification": scores.harm_identification,
            "refusal": scores.refusal,
            "guidance": scores.guidance,
        }
    )
