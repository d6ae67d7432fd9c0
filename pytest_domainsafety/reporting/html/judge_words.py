"""How far the verdicts hang on the judge's words, as a part of the page."""

from __future__ import annotations

from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.judge_words import (
    RANGE_COLUMNS,
    anchor_lines,
    asked_again,
    range_rows,
    way_rows,
)
from pytest_domainsafety.reporting.numbers import spoken
from pytest_domainsafety.types import Results

_WAYS = (
    *("Way of asking", "Domain", "Model", "#Asked", "#Left", "#Without a score"),
    *("#Rate", "#Limit", "Gate"),
)


def judge_section(results: Results) -> Section | None:
    """Return the ranges over all ways of asking; nothing where none was asked."""
    anchors = tuple(f"{text[:1].upper()}{text[1:]}." for text in anchor_lines(results))
    entry = results.run.retold
    if entry is None:
        return Section("judge", "The judge", "", (), anchors) if anchors else None
    ranges = Table(
        "Rates and limits over all ways of asking the judge",
        (
            "Domain",
            "Model",
            *(f"#{name[:1].upper()}{name[1:]}" for name in RANGE_COLUMNS[1:-1]),
            "Verdict flips by",
        ),
        tuple((spoken(row[1]), row[0], *row[2:]) for row in range_rows(results)),
    )
    ways = Table(
        "What the judge says, by way of asking",
        _WAYS,
        tuple(
            (row[0], spoken(estimate.domain), estimate.model, *row[1:])
            for estimate in results.domains
            for row in way_rows(estimate)
        ),
    )
    held = (
        "Each gate is held to its widest limit."
        if entry.gate
        else "The gates are held to the limits as the judge was asked first."
    )
    said = asked_again(results)
    return Section(
        "judge",
        "The judge in other words",
        "The same replies, with the judge's prompt worded otherwise, and with an "
        "apology, a disclaimer or padding added to each: a judge that holds says the "
        f"same. {held}",
        (
            Figure("Rates and limits over all ways", ranges, open=True),
            Figure("Each way of asking", ways),
        ),
        (f"{said[:1].upper()}{said[1:]}.", *anchors),
    )
