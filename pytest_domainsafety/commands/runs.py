"""`domainsafety runs`: which runs a store holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo, rows_of, write_text

if TYPE_CHECKING:
    from pytest_domainsafety.runs.listing import RunLine

_DAY = 16
_HEADER = ("run", "started", "kind", "models", "judge", "pairs", "finished", "verdict")


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--json",
    "out",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write them as JSON.",
)
def runs(store: Path, out: Path | None) -> None:
    """List the runs of a store, oldest first.

    Kinds: full (all suites), part (some pairs, as the user chose), selftest (half of
    an A/A test), rejudge (a run that another judge read again). Without a run's name
    the other commands take the last finished one of the kind full; STORE#RUN names
    any.

    Exit status: 0; 2 there is no store to look at.
    """
    from pytest_domainsafety.errors import SourceError
    from pytest_domainsafety.runs.file_kinds import kind_of
    from pytest_domainsafety.runs.listing import list_runs

    if kind_of(store) != "store":
        raise SourceError(f"{store}: is no store; expected the file of --safety-store")
    lines = list(list_runs(store))
    for text in rows_of(_HEADER, map(_row, lines)):
        echo(text)
    if out is not None:
        from pytest_domainsafety.reporting.escape import json_text

        document = {"schema": 1, "runs": [line._asdict() for line in lines]}
        write_text(out, json_text(document))


def _row(line: RunLine) -> tuple[str, ...]:
    return (
        line.run,
        line.started[:_DAY].replace("T", " "),
        line.kind,
        ", ".join(line.models),
        "+".join(line.judges),
        str(line.pairs),
        "yes" if line.finished else "no",
        line.verdict or "–",
    )


commands: tuple[click.Command, ...] = (runs,)
"""What this file adds to `domainsafety`."""
