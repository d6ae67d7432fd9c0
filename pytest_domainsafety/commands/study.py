"""`domainsafety study`: the study's tables from saved runs, its own figures beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo, rows_of, write_text

if TYPE_CHECKING:
    from pytest_domainsafety.reporting.study import StudyTable
    from pytest_domainsafety.types import Results


_WIDEST = 100
"""Characters of a cell: some hold a list of names."""


@click.command()
@click.argument("stores", nargs=-1, required=True, metavar="STORE…")
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the tables.")
@click.option("--html", type=click.Path(path_type=Path), help="Write them as a page.")
@click.option("--json", "out", type=click.Path(path_type=Path), help="Write results.")
@click.option(
    "--compare-published",
    "compared",
    is_flag=True,
    help="Say what of the study's findings is found here: strata, order of domains, "
    "hierarchy of models; and show its figures beside ours, whatever the models.",
)
@click.option(
    "--anyway", is_flag=True, help="Even if judge, rubric or sampling differ."
)
def study(
    stores: tuple[str, ...],
    markdown: Path | None,
    html: Path | None,
    out: Path | None,
    *,
    compared: bool,
    anyway: bool,
) -> None:
    """Make the study's tables 2 to 11, in its order, from the core pairs of runs.

    STORE is a store (its last finished whole run, else a part; STORE#RUN takes another)
    or records; several are taken together, a model or more from each. Where a model has
    a name of one of the study's, its published figures stand beside ours, as far as
    they are known.

    Exit status: 0; 2 a run is not to be had, has no core pair, or does not go with the
    others.
    """
    from pytest_domainsafety.reporting.study import replication_lines, study_tables
    from pytest_domainsafety.runs.study import study_results

    results = study_results(stores, anyway=anyway)
    tables = study_tables(results, beside=compared)
    said = tuple(replication_lines(results)) if compared else ()
    for line in _lines(results, tables, said):
        echo(line)
    if markdown is not None:
        from pytest_domainsafety.reporting.study import study_markdown

        write_text(markdown, study_markdown(results, tables, said).rstrip())
    if html is not None:
        from pytest_domainsafety.reporting.study import study_page

        write_text(html, study_page(results, tables, said).rstrip())
    if out is not None:
        from pytest_domainsafety.reporting.escape import json_text

        write_text(out, json_text(results.model_dump(by_alias=True)))


def _lines(
    results: Results, tables: list[StudyTable], said: tuple[str, ...]
) -> Iterator[str]:
    for warning in results.warnings:
        yield f"warning: {warning}"
    for table in tables:
        yield ""
        yield table.heading
        if table.words is not None:
            header = [name.removeprefix("#") for name in table.words.columns]
            yield from (
                f"  {line}" for line in rows_of(header, table.words.rows, _WIDEST)
            )
        yield from (f"  {note}" for note in table.notes)
    if said:
        yield ""
        yield from said


commands: tuple[click.Command, ...] = (study,)
"""What this file adds to `domainsafety`."""
