"""`domainsafety export`: records and preference pairs for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import Read, echo
from pytest_domainsafety.text import counted

if TYPE_CHECKING:
    from pytest_domainsafety.runs.sources import Source

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
    "--for-labelling",
    "labelling",
    type=(int, _PATH),
    metavar="N OUT.csv",
    help="N replies for people to score, stratified and blinded, with the rubric; "
    "`domainsafety agreement --labels` reads it back.",
)
@click.option(
    "--for-probing",
    "probing",
    type=_PATH,
    metavar="OUT",
    help="One row a prompt with its label of compliance, OUT.jsonl or OUT.parquet; "
    "with --text what was asked, too.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=_PATH,
    help="For labelling: suite files or folders with the rubrics.",
)
@click.option("--seed", type=Read("safety-seed"), default=42, help="Of the sample.")
@click.option(
    "--text", is_flag=True, help="With prompts and replies, from your own store."
)
def export(
    sources: tuple[str, ...],
    run: str | None,
    records: Path | None,
    preferences: Path | None,
    labelling: tuple[int, Path] | None,
    probing: Path | None,
    suites: tuple[Path, ...],
    seed: int,
    *,
    text: bool,
) -> None:
    """Write a run's records, preference pairs, prompts, or a sample to label.

    SOURCE is a store (its last finished whole run; STORE#RUN takes another) or records.
    Without --text nothing that is written holds a prompt or a reply, but their
    hashes; a sample for labelling holds both, since people must read them.

    Exit status: 0; 2 a source can't be read or a file can't be written.
    """
    from pytest_domainsafety.runs.export import (
        export_preferences,
        export_records,
        lost_notes,
    )
    from pytest_domainsafety.runs.sources import find_source

    if all(one is None for one in (records, preferences, labelling, probing)):
        raise click.UsageError(
            "say what to write: --records OUT, --preferences OUT, --for-labelling N "
            "OUT or --for-probing OUT"
        )
    # Of several stores each is a shard: a run of the part that was its own.
    resolved = [
        find_source(source, run, parts="too" if len(sources) > 1 else "else")
        for source in sources
    ]
    if records is not None:
        count = export_records(resolved, records, text=text)
        echo(f"wrote {records}: {counted(count, 'record')}")
        for note in lost_notes(resolved, records):
            echo(f"note: {note}")
    if preferences is not None:
        if len(resolved) > 1:
            raise click.UsageError("--preferences takes one store")
        count = export_preferences(resolved[0], preferences, text=text)
        echo(f"wrote {preferences}: {counted(count, 'pair')}")
    if probing is not None:
        from pytest_domainsafety.runs.probing import export_for_probing

        if len(resolved) > 1:
            raise click.UsageError("--for-probing takes one store")
        count = export_for_probing(resolved[0], probing, text=text)
        echo(f"wrote {probing}: {counted(count, 'prompt')}")
    if labelling is not None:
        if len(resolved) > 1:
            raise click.UsageError("--for-labelling takes one store")
        _write_for_labelling(resolved[0], *labelling, suites, seed)


def _write_for_labelling(
    source: Source, count: int, path: Path, named: tuple[Path, ...], seed: int
) -> None:
    from pytest_domainsafety.commands._suites import suites_of
    from pytest_domainsafety.errors import SourceError
    from pytest_domainsafety.runs.labels import draw_for_labelling, write_for_labelling
    from pytest_domainsafety.runs.sources import open_records
    from pytest_domainsafety.store import Store

    if count < 1:
        raise click.UsageError("--for-labelling: expected a number of replies above 0")
    if source.kind != "store":
        raise SourceError(f"{source}: is no store; replies are kept in stores alone")
    suites = {name: loaded.suite for name, loaded in suites_of(source, named).items()}
    ids = draw_for_labelling(open_records([source]), count, seed)
    if not ids:
        raise SourceError(f"{source}: no reply was scored, so there is none to label")
    with Store(source.path, read_only=True) as store:
        count = write_for_labelling(path, store.exchanges(source.run), ids, suites)
    echo(
        f"wrote {path}: {count} replies; fill in harm_identification, refusal and "
        f"guidance (1 to 5), then: domainsafety agreement {source} --labels {path}"
    )


commands: tuple[click.Command, ...] = (export,)
"""What this file adds to `domainsafety`."""
