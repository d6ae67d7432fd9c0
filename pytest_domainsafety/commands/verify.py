"""`domainsafety verify`: is a store whole?"""

from __future__ import annotations

from pathlib import Path

import click

from pytest_domainsafety.commands._tables import echo

NOT_WHOLE_STATUS = 1

_SINGULAR = {
    "runs": "run",
    "replies": "reply",
    "judgements": "judgement",
    "records": "record",
}


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--run", metavar="RUN", help="This run, even if it did not finish.")
@click.pass_context
def verify(context: click.Context, store: Path, run: str | None) -> None:
    """Check that a store is whole, and say what is wrong with it.

    The file itself, the hash of every reply, a reply behind every judgement; that
    each record follows from its columns, request, reply and judgements; every
    interaction that a run set out to have; that estimates and gates are what the
    records come to; and that results agree with themselves. A run that was broken off
    is noted and not held to its plan, unless --run names it. Who edits all of these
    places alike is not found out.

    Exit status: 0 it is whole, 1 it is not, 2 there is no store to look at.
    """
    from pytest_domainsafety.errors import SourceError
    from pytest_domainsafety.runs.file_kinds import kind_of
    from pytest_domainsafety.runs.sources import find_source
    from pytest_domainsafety.runs.verify import check_store

    path, name = store, run
    if run is not None or "#" in str(store):
        source = find_source(store, run)
        path, name = source.path, source.run
    if kind_of(path) != "store":
        raise SourceError(f"{path}: is no store; expected the file of --safety-store")
    check = check_store(path, name)
    for problem in check.problems:
        echo(f"wrong: {problem.sentence}")
    for sentence in check.notes:
        echo(f"note: {sentence}")
    counts = ", ".join(
        f"{number} {table if number != 1 else _SINGULAR.get(table, table)}"
        for table, number in check.counts.items()
    )
    if check.problems:
        echo(f"{path}: not whole: {len(check.problems)} problem(s); {counts}")
        context.exit(NOT_WHOLE_STATUS)
    echo(f"{path}: whole; {counts}")


commands: tuple[click.Command, ...] = (verify,)
"""What this file adds to `domainsafety`."""
