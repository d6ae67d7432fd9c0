"""The tables that `domainsafety validate` and `domainsafety list` print."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.lint.counts import (
    Counts,
    by_domain,
    by_subdomain,
    count,
    pairs_of,
)
from pytest_domainsafety.suite.lint.cues import FRAMING_TAGS
from pytest_domainsafety.text import printable


def domain_table(suites: Sequence[LoadedSuite]) -> Table:
    """Return the table of one domain: a line a sub-domain, and their sum.

    Args:
        suites: The domain's files, at least one.
    """
    first = suites[0].suite
    pairs = pairs_of(suites)
    table = _table(f"{first.domain}: {first.title}", "sub-domain", readability=True)
    for name, part in by_subdomain(pairs).items():
        table.add_row(name, *_cells(count(part), readability=True))
    table.add_section()
    table.add_row("all", *_cells(count(pairs), readability=True), style="bold")
    return table


def overview(suites: Sequence[LoadedSuite]) -> Table:
    """Return the table of some suites: a line a domain, and their sum."""
    table = _table("", "domain")
    table.add_column("sub-domains", justify="right")
    table.add_column("file")
    for name, files in by_domain(suites).items():
        pairs = pairs_of(files)
        parts = str(len(by_subdomain(pairs)))
        paths = "\n".join(escape(printable(loaded.display)) for loaded in files)
        table.add_row(name, *_cells(count(pairs)), parts, paths)
    table.add_section()
    table.add_row("all", *_cells(count(pairs_of(suites))), "", "", style="bold")
    return table


def _table(title: str, first: str, *, readability: bool = False) -> Table:
    table = Table(
        title=escape(printable(title)) or None, box=box.SIMPLE, title_justify="left"
    )
    table.add_column(first, no_wrap=True)
    names = ["pairs", *FRAMING_TAGS, "turns", "zero", "variants"]
    if readability:
        names += ["words a/o", "grade a/o"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cells(counts: Counts, *, readability: bool = False) -> list[str]:
    numbers = [counts.pairs, *(counts.tags[tag] for tag in FRAMING_TAGS)]
    numbers += [counts.multi_turn, counts.zero_tolerance, counts.variants]
    cells = [str(number) for number in numbers]
    if readability:
        cells.append("/".join(f"{value:.0f}" for value in counts.words.values()))
        cells.append("/".join(f"{value:.1f}" for value in counts.grade.values()))
    return cells
