"""The page's part on models side by side, and on counts by cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.models import (
    COUNT_HEADINGS,
    MODEL_HEADINGS,
    MODEL_NOTE,
    count_rows,
    counts_told,
    model_rows,
    worth_showing,
)
from pytest_domainsafety.types import Results


def models_section(results: Results) -> Section | None:
    """Return what each model sees and does; None for one model measured evenly."""
    rows, counts = model_rows(results), count_rows(results, every=True)
    figures = []
    if worth_showing(results):
        caption = "Models over all their domains, the most helpful to harm first"
        figures.append(_figure(caption, MODEL_HEADINGS, rows, texts=1))
    if counts:
        caption = "Replies by cell: what came, and what was coded without a judge"
        figures.append(_figure(caption, COUNT_HEADINGS, counts, texts=3))
    if not figures:
        return None
    facts = tuple(f"{text[:1].upper()}{text[1:]}." for text in counts_told(results))
    return Section("models", "Models side by side", MODEL_NOTE, tuple(figures), facts)


def _figure(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int
) -> Figure:
    titles = tuple(
        ("" if at < texts else "#") + heading.capitalize()
        for at, heading in enumerate(headings)
    )
    table = Table(caption, titles, tuple(tuple(row) for row in rows))
    return Figure(caption, table, open=True)
