"""Pictures of experiments: variants against the prompts as written, hypotheses."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_domainsafety.reporting.experiments import (
    EFFECT,
    Words,
    ablated,
    ablation_words,
    hypothesis_words,
    parts_words,
)
from pytest_domainsafety.reporting.html.comparisons import around_zero
from pytest_domainsafety.reporting.html.figures import charts
from pytest_domainsafety.reporting.html.markup import Figure, Table
from pytest_domainsafety.reporting.html.rowchart import Mark, Row, Shape
from pytest_domainsafety.reporting.numbers import change, change_limits, spoken
from pytest_domainsafety.reporting.turns import NOTE, turn_words
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results
from pytest_domainsafety.types.experiments import Ablated


def ablation(results: Results) -> Figure | None:
    """Return what each variant changes over models, rewordings last."""
    rows = ablated(results)
    if not rows:
        return None
    reach = max(abs(end) for row in rows.values() for end in row.ci)
    drawn = [_row(name, row) for name, row in rows.items()]
    words = ablation_words(results)
    return Figure(
        words.caption,
        _table(words),
        *charts(drawn, "Changes of compliance by variant", around_zero(reach)),
        note="Left of zero the models help less with the variant. A scenario is one "
        "cluster with all its models; the last rows are mere rewordings.",
        open=True,
    )


def turns_figure(results: Results) -> Figure | None:
    """Return compliance by turn, where any conversation had several."""
    words = turn_words(results)
    if not words.rows:
        return None
    return Figure(words.caption, _table(words), note=NOTE, open=True)


def hypotheses_figure(results: Results) -> Figure | None:
    """Return the table of hypotheses."""
    words = hypothesis_words(results)
    if not words.rows:
        return None
    note = (
        "H1, H4 and H5 by variants of the same prompts; H3 by what the suites say of "
        "each pair's law, inside a domain, and inside a family where pairs of one "
        "family differ in their law. Pairs of one domain are different scenarios, so "
        "that a difference between them is not the law's alone."
    )
    return Figure(words.caption, _table(words), note=note, open=True)


def variant_parts(results: Results) -> Iterator[Figure]:
    """Yield each variant's changes by domain and by model."""
    rows = ablated(results)
    for by in ("domain", "model"):
        if any(
            len(row.by_domain if by == "domain" else row.by_model) > 1
            for row in rows.values()
        ):
            words = parts_words(results, by)
            yield Figure(words.caption, _table(words))


def _table(words: Words) -> Table:
    return Table(words.caption, words.columns, words.rows)


def _row(name: str, row: Ablated) -> Row:
    value = f"{change(row.difference)}  [{change_limits(row.ci)}]"
    shape: Shape = "square" if row.kind == "rewording" else "circle"
    return Row(
        spoken(name),
        (
            Mark("span", row.ci[0], row.ci[1], "neutral"),
            Mark("point", row.difference, 0.0, "neutral", shape),
        ),
        value,
        tip=f"{spoken(name)}: {value} over {counted(row.pairs, 'pair')}, "
        f"{EFFECT[row.answer]}",
    )
