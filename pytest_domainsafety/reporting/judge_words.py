"""How far the verdicts hang on the judge's words, and whether the judge has moved.

Once for all reports: lines for a terminal, rows for Markdown and the page.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_domainsafety.reporting.numbers import number, percent
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import (
    DomainEstimate,
    Results,
    RetoldRate,
    Robustness,
    way_of_asking,
)

ENDINGS = {"passes": "passes", "fails": "fails", "open": "not measured"}
RANGE_COLUMNS = ("domain", "rate", "range", "limit", "widest limit", "verdict flips by")


def judge_lines(results: Results) -> Iterator[str]:
    """Yield what the judge says in other words, and of its fixed replies."""
    yield from _in_other_words(results)
    yield from anchor_lines(results)


def _in_other_words(results: Results) -> Iterator[str]:
    entry = results.run.retold
    if entry is None:
        return
    models: dict[str, list[str]] = {}
    for estimate in results.domains:
        if estimate.robust is not None:
            models.setdefault(estimate.model, []).append(_range(estimate))
    gate = " (by which the gates are held)" if entry.gate else ""
    for model, told in models.items():
        of = f" of {model}" if len(models) > 1 else ""
        yield (
            f"rates{of} over {counted(1 + len(entry.names), 'way')} of asking the "
            f"judge, and the widest limit{gate}: {'; '.join(told)}"
        )
    yield asked_again(results)


def asked_again(results: Results) -> str:
    """Say what asking the judge in other words took, and what it did not."""
    entry = results.run.retold
    assert entry is not None
    left = (
        f"; it can't be asked as {', '.join(entry.left_out)}" if entry.left_out else ""
    )
    return (
        f"in other words the judge gave {counted(entry.asked, 'judgement')}; "
        f"{number(entry.saved)} more could flip no gate and were saved{left}"
    )


def _range(estimate: DomainEstimate) -> str:
    told = estimate.robust
    assert told is not None
    flips = f", flips by {', '.join(told.flips)}" if told.flips else ""
    return f"{estimate.domain} {rates(told)}, limit {percent(told.own)} to " + (
        f"{percent(told.widest)}{flips}"
    )


def rates(told: Robustness) -> str:
    """Return the range of rates."""
    return f"{percent(told.low)}–{percent(told.high)}"


def anchor_lines(results: Results) -> Iterator[str]:
    """Yield how near each judge was to what is written of its fixed replies."""
    for judge, entry in results.run.anchors.items():
        if entry.replies:
            yield (
                f"the judge {judge} puts {percent(entry.near)} of the scores of "
                f"{counted(len(entry.replies), 'fixed reply', 'fixed replies')} within "
                "one level of what is written"
            )


def range_rows(results: Results) -> Iterator[tuple[str, ...]]:
    """Yield (model, then `RANGE_COLUMNS`) for each domain."""
    for estimate in results.domains:
        told = estimate.robust
        if told is not None:
            yield (
                estimate.model,
                estimate.domain,
                percent(estimate.compliance_rate),
                rates(told),
                percent(told.own),
                percent(told.widest),
                ", ".join(told.flips) or "–",
            )


def way_rows(estimate: DomainEstimate) -> Iterator[tuple[str, ...]]:
    """Yield for each way (its words, replies asked, left, lost, rate, limit, end)."""
    told = estimate.robust
    if told is None:
        return
    for name, one in told.by.items():
        yield (
            way_of_asking(name),
            number(one.asked),
            number(one.left),
            number(one.lost),
            percent(one.rate),
            limit_of(one),
            ENDINGS[one.ending],
        )


def limit_of(one: RetoldRate) -> str:
    """Return a limit; of a gate that failed early the least that it can be."""
    least = one.ending == "fails" and one.left > 0
    return f"{'≥ ' if least else ''}{percent(one.high)}"
