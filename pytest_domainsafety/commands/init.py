"""`domainsafety init`: a first suite, or one from a CSV file of prompts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo

if TYPE_CHECKING:
    from pytest_domainsafety.suite.scaffold import Columns


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


commands: tuple[click.Command, ...] = (init,)
"""What this file adds to `domainsafety`."""
