"""`domainsafety validate`, `list` and `init`: commands on suite files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo

if TYPE_CHECKING:
    from rich.console import Console

    from pytest_domainsafety.errors import SuiteProblem
    from pytest_domainsafety.suite import LoadedSuite
    from pytest_domainsafety.suite.scaffold import Columns

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
        from pytest_domainsafety.reporting.escape import json_text
        from pytest_domainsafety.suite.lint.listing import listing

        echo(json_text(listing(suites)))
        return
    from pytest_domainsafety.suite.lint.tables import overview

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
    from pytest_domainsafety.suite.lint.checks import nearest_prompts
    from pytest_domainsafety.suite.lint.counts import by_domain, count, pairs_of
    from pytest_domainsafety.suite.lint.tables import domain_table, overview

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
    echo(f"tag combinations: {told}")
    twin = nearest_prompts(suites)
    if twin:
        names = f"{twin.name} and {twin.other}"
        echo(f"nearest prompts: {names}, {twin.similarity:.1%} shared phrases")


def _console() -> Console:
    """Return a console; where no terminal tells a width, lines are long."""
    import sys

    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option(
    "--from-csv",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make a suite from a CSV file of prompts instead.",
)
@click.option("--domain", metavar="NAME", help="The domain of the suite from the CSV.")
@click.option("--column", metavar="COLUMN", help="Its column with the prompts.")
@click.option("--id-column", metavar="COLUMN", help="Its column with an id.")
@click.option("--subdomain-column", metavar="COLUMN", help="Its column with a topic.")
@click.option("--context-column", metavar="COLUMN", help="Text to go before a prompt.")
@click.option("--limit", type=click.IntRange(min=1), help="Prompts at most.")
def init(
    folder: Path,
    source: Path | None,
    domain: str | None,
    column: str | None,
    id_column: str | None,
    subdomain_column: str | None,
    context_column: str | None,
    limit: int | None,
) -> None:
    """Write a first suite, a pytest configuration and a CI example into FOLDER.

    With --from-csv, write a suite with the prompts of a CSV file (the shape of
    HarmBench's and AdvBench's behaviour files) as the operational side; the
    analytical side comes from a template and is tagged generated_analytical.

    Nothing that is there already is overwritten.

    Exit status: 0; 2 when a file is there already or the CSV can't be used.
    """
    from pytest_domainsafety.suite.scaffold import Columns

    columns = Columns(column, id_column, subdomain_column, context_column)
    if source is None:
        if domain or limit or columns != Columns():
            raise click.UsageError("--domain, --limit and the columns need --from-csv")
        _init_project(folder)
        return
    if not domain:
        raise click.UsageError("--from-csv needs --domain NAME")
    _init_from_csv(folder, source, domain, columns, limit)


def _init_project(folder: Path) -> None:
    from pytest_domainsafety.suite.scaffold import write_project

    for path in write_project(folder):
        echo(f"wrote {path}")
    into = "" if folder == Path() else f"  cd {folder}\n"
    echo(
        f"""
What to type next:
{into}  domainsafety validate suites/
  pytest --collect-only suites/
  pytest --model llama3.3 suites/         (an Ollama model, judged by gemma3:27b)
or, for a first look without a server, on a small model in the process:
  pytest --model embedded:smollm2-135m --judge offline --safety-max-tokens 64 suites/
Then replace the scenarios in suites/housing.safety.yaml with your own domain's."""
    )


def _init_from_csv(
    folder: Path, source: Path, domain: str, columns: Columns, limit: int | None
) -> None:
    from pytest_domainsafety.suite import MAX_BYTES
    from pytest_domainsafety.suite.scaffold import suite_from_csv, write_new

    made = suite_from_csv(source, domain, columns, limit)
    if len(made.text.encode()) > MAX_BYTES:
        raise click.UsageError(
            f"{made.pairs} prompts make a suite of more than 10 MiB: take fewer with "
            "--limit, or split the CSV file"
        )
    path = folder / "suites" / f"{domain}.safety.yaml"
    write_new({path: made.text})
    echo(f"wrote {path}: {made.pairs} pair(s)")
    if made.empty or made.repeated:
        echo(
            f"left out: {made.empty} row(s) without a prompt, {made.repeated} with "
            "the prompt of an earlier row"
        )
    echo(
        f"""
What to type next:
  domainsafety validate {path}
  pytest --model llama3.3 {path}
Fit the rubric in the file to your domain first: it is one for any harm."""
    )


commands: tuple[click.Command, ...] = (validate, list_suites, init)
"""What this file adds to `domainsafety`."""
