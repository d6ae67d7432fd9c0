"""`domainsafety validate`, `list` and `init`: commands on suite files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from pytest_domainsafety.errors import SuiteProblem
    from pytest_domainsafety.suite import LoadedSuite

BROKEN_STATUS = 1
"""Exit status of `validate` when a suite has an error."""

_PLAIN_WIDTH = 120


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Matters of taste are errors too.")
@click.option("-q", "--quiet", is_flag=True, help="Problems and the sum only.")
@click.pass_context
def validate(
    context: click.Context, paths: tuple[Path, ...], *, strict: bool, quiet: bool
) -> None:
    """Check suite files, or all suites in a folder.

    Prints a table a domain and each problem with its file and line. What
    breaks the numbers is an error; what differs from the rules of our own
    corpus is a warning.

    Exit status: 0 no errors, 1 errors, 2 a path that is not there.
    """
    from pytest_domainsafety.corpus.checks import check_suites

    suites, problems = _load(paths)
    problems += check_suites(suites, strict=strict)
    if not quiet:
        _print_tables(suites)
    for problem in problems:
        click.echo(f"{problem.severity}: {problem}")
    errors = sum(problem.severity == "error" for problem in problems)
    pairs = sum(len(loaded.suite.scenarios) for loaded in suites)
    click.echo(
        f"{pairs} pairs in {len(suites)} good file(s): {errors} error(s), "
        f"{len(problems) - errors} warning(s)"
    )
    if errors:
        context.exit(BROKEN_STATUS)


@click.command("list")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def list_suites(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """List domains, pairs, sub-domains and tags of suite files.

    Exit status: 0; 2 when a suite can't be read.
    """
    from pytest_domainsafety.suite import load_suites

    suites = load_suites(paths)
    if as_json:
        from pytest_domainsafety.corpus.listing import listing_json

        click.echo(listing_json(suites))
        return
    from pytest_domainsafety.corpus.tables import overview

    _console().print(overview(suites))


def _load(paths: Sequence[Path]) -> tuple[list[LoadedSuite], list[SuiteProblem]]:
    """Load what can be loaded, and keep the problems of the rest."""
    from pytest_domainsafety.errors import SuiteError
    from pytest_domainsafety.suite import load_suite, suite_files

    suites: list[LoadedSuite] = []
    problems: list[SuiteProblem] = []
    for file in suite_files(paths):
        try:
            suites.append(load_suite(file))
        except SuiteError as error:
            problems += error.problems
    return suites, problems


def _print_tables(suites: Sequence[LoadedSuite]) -> None:
    from pytest_domainsafety.corpus.checks import nearest_prompts
    from pytest_domainsafety.corpus.counts import by_domain, count, pairs_of
    from pytest_domainsafety.corpus.tables import domain_table, overview

    if not suites:
        return
    console = _console()
    domains = by_domain(suites)
    for files in domains.values():
        console.print(domain_table(files))
    if len(domains) > 1:
        console.print(overview(suites))
    combinations = count(pairs_of(suites)).combinations
    told = ", ".join(f"{name} {number}" for name, number in combinations.items())
    click.echo(f"tag combinations: {told}")
    twin = nearest_prompts(suites)
    if twin:
        names = f"{twin.name} and {twin.other}"
        click.echo(f"nearest prompts: {names}, {twin.similarity:.1%} shared phrases")


def _console() -> Console:
    """Return a console; where no terminal tells a width, lines are long."""
    import sys

    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


commands: tuple[click.Command, ...] = (validate, list_suites)
