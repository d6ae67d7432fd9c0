"""The tables that `domainsafety validate` and `domainsafety list` print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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
from pytest_domainsafety.suite.lint.planned import factor_shares
from pytest_domainsafety.text import printable


def domain_table(suites: Sequence[LoadedSuite]) -> Table:
    """Return the table of one domain: a line a sub-domain, and their sum.

    Args:
        suites: The domain's files, at least one.
    """
    first = suites[0].suite
    pairs = pairs_of(suites)
    numbers = count(pairs)
    shape = _Shape(planned=_planned(numbers), readability=True)
    table = _table(f"{first.domain}: {first.title}", "sub-domain", shape)
    for name, part in by_subdomain(pairs).items():
        table.add_row(name, *_cells(count(part), shape))
    table.add_section()
    table.add_row("all", *_cells(numbers, shape), style="bold")
    return table


def overview(suites: Sequence[LoadedSuite]) -> Table:
    """Return the table of some suites: a line a domain, and their sum."""
    numbers = count(pairs_of(suites))
    shape = _Shape(planned=_planned(numbers), readability=False)
    table = _table("", "domain", shape)
    table.add_column("sub-domains", justify="right")
    table.add_column("file")
    for name, files in by_domain(suites).items():
        pairs = pairs_of(files)
        parts = str(len(by_subdomain(pairs)))
        paths = "\n".join(escape(printable(loaded.display)) for loaded in files)
        table.add_row(name, *_cells(count(pairs), shape), parts, paths)
    table.add_section()
    table.add_row("all", *_cells(numbers, shape), "", "", style="bold")
    return table


def factor_table(suites: Sequence[LoadedSuite]) -> Table | None:
    """Return the share of each level of each factor by domain; None of one domain."""
    shares = factor_shares(suites)
    domains = list(by_domain(suites))
    if len(domains) < 2:
        return None
    table = Table(title="factors, % of pairs", box=box.SIMPLE, title_justify="left")
    table.add_column("factor", no_wrap=True)
    for domain in domains:
        table.add_column(escape(domain[:_SHORT]), justify="right", no_wrap=True)
    for factor, levels in shares.items():
        for level, by_name in levels.items():
            if level != "no":
                name = factor if level == "yes" else f"{factor} {level}"
                cells = (f"{100 * by_name[domain]:.0f}" for domain in domains)
                table.add_row(escape(name), *cells)
    return table


_SHORT = 7
"""Letters of a domain at the head of a column."""


class _Shape(NamedTuple):
    """Which columns a table has beside those that every table has."""

    planned: bool
    readability: bool


def _planned(numbers: Counts) -> bool:
    return bool(numbers.core or numbers.twins)


def _table(title: str, first: str, shape: _Shape) -> Table:
    table = Table(
        title=escape(printable(title)) or None, box=box.SIMPLE, title_justify="left"
    )
    table.add_column(first, no_wrap=True)
    names = ["pairs", *FRAMING_TAGS, "turns", "zero", "variants"]
    if shape.planned:
        names += ["core", "twins"]
    if shape.readability:
        names += ["words a/o", "grade a/o"]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _cells(counts: Counts, shape: _Shape) -> list[str]:
    numbers = [counts.pairs, *(counts.tags[tag] for tag in FRAMING_TAGS)]
    numbers += [counts.multi_turn, counts.zero_tolerance, counts.variants]
    if shape.planned:
        numbers += [counts.core, counts.twins]
    cells = [str(number) for number in numbers]
    if shape.readability:
        cells.append("/".join(f"{value:.0f}" for value in counts.words.values()))
        cells.append("/".join(f"{value:.1f}" for value in counts.grade.values()))
    return cells
