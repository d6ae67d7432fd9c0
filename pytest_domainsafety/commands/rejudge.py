"""`domainsafety rejudge`: a stored run, read by another judge."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._suites import suites_of
from pytest_domainsafety.commands._tables import Read, echo, styled, write_text
from pytest_domainsafety.reporting.escape import json_text

if TYPE_CHECKING:
    from pytest_domainsafety.types import Results

_PATH = click.Path(path_type=Path)
WIDTH = 100


@click.command()
@click.argument("store")
@click.option("--run", metavar="RUN", help="Of a store with several; as STORE#RUN.")
@click.option(
    "--judge",
    type=Read("safety-judge"),
    help="As pytest's --judge; with --rewordings that of the run, if none is named.",
)
@click.option(
    "--rewordings",
    is_flag=True,
    help="Also ask the judge in other words, about what could flip a gate.",
)
@click.option(
    "--judge-robust",
    is_flag=True,
    help="As --rewordings, and hold each gate to the widest limit.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=_PATH,
    help="Suite files or folders, for the rubrics; without it those of the run.",
)
@click.option("--endpoint", multiple=True, type=Read("safety-endpoint"))
@click.option("--key-variable", multiple=True, type=Read("safety-key-variable"))
@click.option("--key-file", multiple=True, type=Read("safety-key-file"))
@click.option("--concurrency", type=Read("safety-concurrency"))
@click.option("--timeout", type=Read("safety-timeout"), default=600.0)
@click.option("--fresh", is_flag=True, help="Ask again for what the store has.")
@click.option(
    "--judge-mode",
    type=Read("safety-judge-mode"),
    help="As --safety-judge-mode; without it that of the run.",
)
@click.option("--strict-judge", is_flag=True, help="As --safety-strict-judge.")
@click.option("--allow-self-judge", is_flag=True, help="Let a model judge itself.")
@click.option("--json", "out", type=_PATH, help="Write results.")
@click.pass_context
def rejudge(
    context: click.Context,
    /,
    store: str,
    run: str | None,
    judge: str | None,
    suites: tuple[Path, ...],
    out: Path | None,
    **options: Any,
) -> None:
    """Judge a stored run again, by another judge or a changed rubric.

    With --rewordings the judge is asked in four other wordings of its prompt, and about
    the replies with an apology, a disclaimer or padding added: how far rates and
    verdicts move is in every report. Only what could flip a gate is asked.

    Nothing is generated again. What comes of it is a run of its own in the same
    store, which every other command can read. Broken off, it goes on where it
    stopped.

    Exit status: 0 all gates pass; 1 one failed on what was judged; 10 one could not
    be judged, or some replies could not; 2 the store, the judge or a suite can't be
    used.
    """
    from pytest_domainsafety.analysis.gate import status_of
    from pytest_domainsafety.errors import ConfigError, SourceError
    from pytest_domainsafety.runs.rejudge import judge_of, rejudge_run
    from pytest_domainsafety.runs.sources import find_source

    source = find_source(store, run, parts="else")
    if source.kind != "store":
        raise SourceError(f"{source}: is no store; replies are kept in stores alone")
    if judge is None:
        if not (options["rewordings"] or options["judge_robust"]):
            raise ConfigError(
                "rejudge: name a judge with --judge, or ask for --rewordings"
            )
        judge = judge_of(source)
    results = rejudge_run(source, judge, suites_of(source, suites), options)
    echo(f"{source.path}#{results.run.run}: judged again by {judge}")
    _show(results)
    if out is not None:
        write_text(out, json_text(results.model_dump(mode="json", by_alias=True)))
    status = status_of(results)
    context.exit(status)


def _show(results: Results) -> None:
    from pytest_domainsafety.reporting.terminal import summary_lines

    encoding = sys.stdout.encoding or "utf-8"
    for line, markup in summary_lines(results, WIDTH, encoding=encoding):
        click.echo(styled(line, markup))


commands: tuple[click.Command, ...] = (rejudge,)
"""What this file adds to `domainsafety`."""
