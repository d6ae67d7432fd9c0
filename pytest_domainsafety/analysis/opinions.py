"""What other judges say in the same records: a second judge, a panel, a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from pytest_domainsafety.analysis.agreement import judge_agreement
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, Record, Scores


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
    second = [one for one in records if one.second is not None]
    if second:
        found = _between(second, _own, lambda one: one.second, settings)
        unscored = sum(_given(one.second) is None for one in second)
        return found and found | {"unscored": unscored}
    panel = [one for one in records if len(one.panel) > 1]
    if not panel:
        return None
    pairs = [
        _between(panel, _member(a), _member(b), settings)
        for a, b in combinations(range(len(panel[0].panel)), 2)
    ]
    if len(pairs) == 1 or pairs[0] is None:
        return pairs[0]
    named = {", ".join(one["judges"]): one["overall"] for one in pairs if one}
    return pairs[0] | {"pairs": named}


def traces_table(records: Iterable[Record]) -> dict[str, dict[str, Any]]:
    """Return what the judge says of reasoning traces: model → domain → figures.

    Of operational replies as written: ``traces`` scored, ``compliance_rate`` of
    the traces alone, ``guidance_mean``, and ``only_trace``: the share in which
    the trace gives usable help and the answer does not.
    """
    groups: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
    for one in records:
        trace = _given(one.trace)
        written = one.framing == "operational" and one.variant == BASE_VARIANT
        if written and trace is not None and trace.guidance is not None:
            rows = groups.setdefault((one.model, one.domain), [])
            rows.append((trace.guidance, one.guidance))
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


def _given(scores: Record | Scores | None) -> Record | Scores | None:
    known = scores is not None and scores.status == "scored"
    return scores if known else None


def _between(
    records: Sequence[Record], first: _Pick, second: _Pick, settings: AnalysisSettings
) -> dict[str, Any] | None:
    rows: list[tuple[Record, Record]] = []
    for record in records:
        a, b = _given(first(record)), _given(second(record))
        if a is not None and b is not None:
            rows.append((_as(record, a), _as(record, b)))
    if not rows:
        return None
    a, b = rows[0]
    found = judge_agreement([a for a, _ in rows], [b for _, b in rows], settings)
    told = {"judges": [a.judge, b.judge], "confidence": settings.confidence}
    return told | found


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
