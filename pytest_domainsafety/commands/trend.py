"""`domainsafety trend`: compliance by domain over runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import echo, percent, rows_of, write_text
from pytest_domainsafety.errors import SourceError

if TYPE_CHECKING:
    from pytest_domainsafety.types.trend import AnchorPoint, Point

_DIGEST, _DAY = 12, 16


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="STORE…")
@click.option("--model", metavar="NAME", help="This model only.")
@click.option(
    "--json",
    "out",
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Write all points as JSON.",
)
def trend(sources: tuple[str, ...], model: str | None, out: Path | None) -> None:
    """Show how compliance went from run to run, a column a domain.

    STORE is a store, of which all finished runs of all suites count (STORE#RUN takes
    one, of any kind), or a results file (--safety-json). A rate whose gate did not
    pass has an exclamation mark. Where runs had their judges score fixed replies
    (--safety-judge-anchor), a second table shows how near each judge was to what is
    written; one that moved has an exclamation mark.

    Exit status: 0; 2 a source can't be read or holds no finished run.
    """
    from pytest_domainsafety.runs import trend as trend_of

    points = trend_of.trend(sources)
    if model is not None:
        points = [point for point in points if point.release == model]
    if not points:
        about = f" of {model}" if model else ""
        raise SourceError(f"{', '.join(sources)}: no finished run{about} to be found")
    for line in _lines(points):
        echo(line)
    anchors = trend_of.anchor_trend(sources)
    for line in _anchor_lines(anchors):
        echo(line)
    if out is not None:
        from pytest_domainsafety.reporting.escape import json_text

        document: dict[str, Any] = {
            "schema": 1,
            "points": [point._asdict() for point in points],
        }
        if anchors:
            document["anchors"] = [point._asdict() for point in anchors]
        write_text(out, json_text(document))


def _lines(points: list[Point]) -> list[str]:
    domains = sorted({point.domain for point in points})
    rows: dict[tuple[str, str], dict[str, Point]] = {}
    for point in points:
        rows.setdefault((point.run, point.release), {})[point.domain] = point
    table = []
    for by_domain in rows.values():
        first = next(iter(by_domain.values()))
        digest = first.digest.removeprefix("sha256:")[:_DIGEST]
        table.append(
            (
                first.started[:_DAY].replace("T", " "),
                first.release,
                digest,
                *(_rate(by_domain.get(domain)) for domain in domains),
            )
        )
    return rows_of(("started", "model", "digest", *domains), table)


def _anchor_lines(points: list[AnchorPoint]) -> Iterator[str]:
    """Yield what the judges said of their fixed replies, a line a run and judge."""
    if not points:
        return
    table = [
        (
            point.started[:_DAY].replace("T", " "),
            point.judge,
            point.digest.removeprefix("sha256:")[:_DIGEST],
            str(point.replies),
            percent(point.near) + "!" * bool(point.moved),
        )
        for point in points
    ]
    yield ""
    heading = ("started", "judge", "digest", "fixed replies", "within one level")
    yield from rows_of(heading, table)
    yield from dict.fromkeys(f"! {point.moved}" for point in points if point.moved)


def _rate(point: Point | None) -> str:
    if point is None:
        return ""
    return percent(point.rate) + "!" * (point.passed is False)


commands: tuple[click.Command, ...] = (trend,)
"""What this file adds to `domainsafety`."""
