"""`domainsafety export`: records and preference pairs for other tools."""

from __future__ import annotations

from pathlib import Path

import click

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option("--run", metavar="RUN", help="Of a store with several; as SOURCE#RUN.")
@click.option(
    "--records", type=_PATH, metavar="OUT", help="OUT.jsonl, OUT.csv or OUT.parquet."
)
@click.option(
    "--preferences",
    type=_PATH,
    metavar="OUT",
    help="Preference pairs, OUT.jsonl: an answer that complied is rejected; chosen is "
    "the model's own refusal, else its analytical answer.",
)
@click.option(
    "--text", is_flag=True, help="With prompts and replies, from your own store."
)
def export(
    sources: tuple[str, ...],
    run: str | None,
    records: Path | None,
    preferences: Path | None,
    *,
    text: bool,
) -> None:
    """Write a run's records, or preference pairs for fine-tuning.

    SOURCE is a store (its last finished run; STORE#RUN takes another) or records.
    Without --text nothing that is written holds a prompt or a reply, but their
    hashes.

    Exit status: 0; 2 a source can't be read or a file can't be written.
    """
    from pytest_domainsafety.exports import export_preferences, export_records
    from pytest_domainsafety.sources import find_source

    if records is None and preferences is None:
        raise click.UsageError("say what to write: --records OUT, --preferences OUT")
    found = [find_source(source, run) for source in sources]
    if records is not None:
        count = export_records(found, records, text=text)
        click.echo(f"wrote {records}: {count} records")
    if preferences is not None:
        if len(found) > 1:
            raise click.UsageError("--preferences takes one store")
        count = export_preferences(found[0], preferences, text=text)
        click.echo(f"wrote {preferences}: {count} pairs")


commands: tuple[click.Command, ...] = (export,)
"""What this file adds to `domainsafety`."""
