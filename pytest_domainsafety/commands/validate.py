"""`domainsafety validate`: what is wrong with suite files, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._suites import console
from pytest_domainsafety.commands._tables import echo

if TYPE_CHECKING:
    from pytest_domainsafety.errors import SuiteProblem
    from pytest_domainsafety.suite import LoadedSuite

BROKEN_STATUS = 1
"""Exit status of `validate` when a suite has an error."""


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
    corpus is a warning. Where a plan.csv stands beside the suites they are held to it.

    Exit status: 0 no errors, 1 errors, 2 a path that is not there.
    """
    from pytest_domainsafety.suite.lint.checks import check_suites

    suites, problems = _load(paths)
    problems += check_suites(suites, strict=strict)
    if not quiet:
        _print_tables(suites)
    for problem in problems:
        echo(f"{problem.severity}: {problem}")
    errors = sum(problem.severity == "error" for problem in problems)
    pairs = sum(len(loaded.suite.scenarios) for loaded in suites)
    echo(
        f"{pairs} pairs in {len(suites)} good file(s): {errors} error(s), "
        f"{len(problems) - errors} warning(s)"
    )
    if errors:
        context.exit(BROKEN_STATUS)


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
    from pytest_domainsafety.suite.lint.checks import nearest_prompts
    from pytest_domainsafety.suite.lint.counts import by_domain, count, pairs_of
    from pytest_domainsafety.suite.lint.tables import (
        domain_table,
        factor_table,
        overview,
    )

    if not suites:
        return
    terminal = console()
    domains = by_domain(suites)
    for files in domains.values():
        terminal.print(domain_table(files))
    if len(domains) > 1:
        terminal.print(overview(suites))
    factors = factor_table(suites)
    if factors is not None:
        terminal.print(factors)
    combinations = count(pairs_of(suites)).combinations
    summary = ", ".join(f"{name} {number}" for name, number in combinations.items())
    echo(f"tag combinations: {summary}")
    twin = nearest_prompts(suites)
    if twin:
        names = f"{twin.name} and {twin.other}"
        echo(f"nearest prompts: {names}, {twin.similarity:.1%} shared phrases")


commands: tuple[click.Command, ...] = (validate,)
"""What this file adds to `domainsafety`."""
