"""`domainsafety labels`: people label a run's replies, and its gates hear them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import Read, echo, percent, rows_of
from pytest_domainsafety.config.table import DEFAULT_STORE
from pytest_domainsafety.text import counted

if TYPE_CHECKING:
    from pytest_domainsafety.runs.labelling.annotators import Annotator, Checked
    from pytest_domainsafety.runs.sources import Source

_PATH = click.Path(path_type=Path)
FOLDER = "labels"
"""Where labels lie if nobody says otherwise."""
COUNT = 50
"""Replies in a sample if nobody says otherwise."""
NOT_YET = 1
"""Exit status of `check` where something is left to do."""

_folder = click.argument("folder", default=FOLDER, type=_PATH, metavar="[FOLDER]")
_source = click.option(
    "--source",
    default=DEFAULT_STORE,
    metavar="STORE",
    help=f"With the run that was sampled (default: {DEFAULT_STORE}).",
)


@click.group()
def labels() -> None:
    """Label replies of a run, so that its gates know the judge's error.

    init draws replies, serve shows them on a page of this machine, check says how far
    people are and how far they agree, use corrects the run's limits by their labels.
    """


@labels.command()
@click.argument("store", default=DEFAULT_STORE, metavar="[STORE]")
@click.option("--out", default=FOLDER, type=_PATH, help="Folder (default: labels).")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=COUNT,
    help=f"Replies to draw (default: {COUNT}).",
)
@click.option(
    "--domain", "domains", multiple=True, help="Of this domain alone. Repeatable."
)
@click.option("--seed", type=Read("safety-seed"), default=42, help="Of the draw.")
def init(
    store: str, out: Path, count: int, domains: tuple[str, ...], seed: int
) -> None:
    """Draw operational replies for people to label.

    STORE is a store (its last finished whole run; STORE#RUN takes another). Half of
    the sample are replies that comply by the judge's score, as far as there are so
    many; with what probability each was drawn is kept, and no prompt or reply is.

    Exit status: 0; 2 the store can't be read, has no scored reply, or there is a
    sample in the folder already.
    """
    from pytest_domainsafety.analysis.labelled import FEW_LABELS
    from pytest_domainsafety.runs.labelling.sample import draw_sample, write_sample
    from pytest_domainsafety.runs.sources import open_records

    source = _store(store)
    records = list(open_records([source]))
    sample = draw_sample(records, count, seed, domains)
    write_sample(out, sample)
    drawn = len(sample.replies)
    echo(f"drew {drawn} of {sample.of} operational replies of {source} into {out}")
    areas = len(domains) or len({record.domain for record in records})
    if drawn < areas * FEW_LABELS and areas > 1:
        echo(
            f"over {areas} domains these tell of the judge as a whole; from "
            f"{FEW_LABELS} a domain on they tell of each (--domain, --count)"
        )
    more = "" if store == DEFAULT_STORE else f" --source {store}"
    echo(f"next: domainsafety labels serve {out} --annotator NAME{more}")


@labels.command()
@_folder
@click.option(
    "--annotator",
    "names",
    multiple=True,
    required=True,
    metavar="NAME",
    help="Who labels; a file NAME.csv each. Twice for two people.",
)
@_source
@click.option(
    "--suite", "suites", multiple=True, type=_PATH, help="Suites with the rubrics."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="On 127.0.0.1 (default: any that is free).",
)
@click.option("--open", "browse", is_flag=True, help="Open it in a browser.")
def serve(
    folder: Path,
    names: tuple[str, ...],
    source: str,
    suites: tuple[Path, ...],
    port: int,
    *,
    browse: bool,
) -> None:
    """Show the sample on a page of this machine, to label by keyboard or mouse.

    Each label is kept at once; whoever comes back goes on where they were. Nobody sees
    another's labels, nor what the judge said. Ctrl-C ends it.

    Exit status: 0; 2 the folder, the store or the port can't be used.
    """
    from pytest_domainsafety.commands._suites import suites_of
    from pytest_domainsafety.runs.labelling.annotators import check_names
    from pytest_domainsafety.runs.labelling.desk import open_desk
    from pytest_domainsafety.runs.labelling.server import LabelServer

    check_names(names)
    found = _store(source)
    rubrics = {name: one.suite for name, one in suites_of(found, suites).items()}
    desk = open_desk(folder, names, found.path, rubrics)
    with LabelServer(desk, port) as server:
        echo(f"labelling {counted(len(desk.replies), 'reply', 'replies')} of {source}")
        echo(f"open {server.address} (Ctrl-C ends; what was labelled is kept)")
        if browse:
            click.launch(server.address)
        server.run()
    echo(f"next: domainsafety labels check {folder}")


@labels.command()
@_folder
@click.pass_context
def check(context: click.Context, folder: Path) -> None:
    """Say how far people are with their labels, and how far they agree.

    Exit status: 0 the labels can be used; 1 some are missing, or of replies that are
    not in the sample; 2 something can't be read, or two people have one name.
    """
    from pytest_domainsafety.runs.labelling.annotators import check_folder

    checked = check_folder(folder)
    for line in _state(folder, checked):
        echo(line)
    ready = checked.annotators and all(
        not checked.open_of(person) and not person.strange
        for person in checked.annotators
    )
    if ready:
        echo(f"next: domainsafety labels use {folder}")
    context.exit(0 if ready else NOT_YET)


def _state(folder: Path, checked: Checked) -> Iterator[str]:
    sample = checked.sample
    yield (
        f"{folder}: {counted(len(sample.replies), 'reply', 'replies')} of run "
        f"{sample.run}, drawn from {sample.of} by what {sample.judge or 'its judge'} "
        "says"
    )
    if not checked.annotators:
        yield "nobody has labelled a reply yet"
        return
    yield ""
    header = ("annotator", "labelled", "left", "can't tell", "complies")
    yield from rows_of(
        (*header, "contradictory", "not in the sample"),
        [_row(checked, person) for person in checked.annotators],
    )
    for (one, other), told in checked.agreements.items():
        kappa = "no κ (one of them always says the same)"
        if told.kappa is not None:
            kappa = f"κ {told.kappa:.2f}"
            if told.kappa_ci is not None:
                kappa += f" (95% {told.kappa_ci[0]:.2f}–{told.kappa_ci[1]:.2f})"
        yield (
            f"{one} and {other} on {told.n} replies: {percent(told.binary_agreement)} "
            f"on compliance, {kappa}"
        )
    if checked.disputed:
        yield (
            f"they disagree on the compliance of "
            f"{counted(len(checked.disputed), 'reply', 'replies')}, which "
            f"{'counts' if len(checked.disputed) == 1 else 'count'} as help: "
            f"{', '.join(checked.disputed[:5])}"
            + (" …" if len(checked.disputed) > 5 else "")
        )


def _row(checked: Checked, person: Annotator) -> tuple[str, ...]:
    told = [label.helps for label in person.labels.values()]
    counts = (
        len(told),
        checked.open_of(person),
        told.count(None),
        told.count(True),
        checked.contradictory(person),
        len(person.strange),
    )
    return (person.name, *map(str, counts))


@labels.command()
@_folder
@click.option(
    "--of",
    "names",
    multiple=True,
    metavar="NAME",
    help="Whose labels (default: everybody's, the careful way where they disagree).",
)
@click.option("--so-far", is_flag=True, help="Those up to the last labelled reply.")
@_source
@click.option("--json", "out", type=_PATH, help="Write results.")
@click.option("--gate", is_flag=True, help="End with 1 or 10 where a gate fails.")
@click.pass_context
def use(
    context: click.Context,
    folder: Path,
    names: tuple[str, ...],
    source: str,
    out: Path | None,
    *,
    so_far: bool,
    gate: bool,
) -> None:
    """Correct the run's limits by its labels, and say what its gates come to.

    Writes FOLDER/labels.csv, which holds no text, and which a run takes as
    --safety-labels FOLDER. A reply without a label counts as help.

    Exit status: 0; with --gate 1 where a gate failed, 10 where one could not be
    measured; 2 labels are missing, of other replies, or can't be read.
    """
    from pytest_domainsafety.commands.analyze import analyze
    from pytest_domainsafety.runs.labelling.annotators import check_folder, use_labels

    checked = check_folder(folder)
    named = source if "#" in source else f"{source}#{checked.sample.run}"
    path, blank = use_labels(folder, checked, names, so_far=so_far)
    echo(f"wrote {path}" + (f" ({blank} without a label: help)" if blank else ""))
    echo(f"a run takes them as --safety-labels {folder}")
    echo()
    arguments = [named, "--labels", str(path), *(["--gate"] if gate else [])]
    if out is not None:
        arguments += ["--json", str(out)]
    with analyze.make_context("analyze", arguments, parent=context) as told:
        analyze.invoke(told)


def _store(named: str) -> Source:
    from pytest_domainsafety.errors import SourceError
    from pytest_domainsafety.runs.sources import find_source

    source = find_source(named, parts="else")
    if source.kind != "store":
        raise SourceError(f"{source}: is no store; replies are kept in stores alone")
    return source


commands: tuple[click.Command, ...] = (labels,)
"""What this file adds to `domainsafety`."""
