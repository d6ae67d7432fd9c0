"""`domainsafety report`: a store, results or records → a page, a picture, files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo
from pytest_domainsafety.errors import ConfigError

if TYPE_CHECKING:
    from pytest_domainsafety.runs.sources import Source
    from pytest_domainsafety.store import Exchange
    from pytest_domainsafety.types import Results

_OUT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("source")
@click.option("--run", metavar="RUN", help="Of a store with several; as SOURCE#RUN.")
@click.option("--html", type=_OUT, metavar="OUT", help="The whole report, one file.")
@click.option("--svg", type=_OUT, metavar="OUT", help="The forest plot, for a slide.")
@click.option("--png", type=_OUT, metavar="OUT", help="The same as PNG; needs [png].")
@click.option("--junit", type=_OUT, metavar="OUT", help="JUnit: a suite a domain.")
@click.option("--markdown", type=_OUT, metavar="OUT", help="The summary as Markdown.")
@click.option(
    "--codequality",
    type=_OUT,
    metavar="OUT",
    help="Failed gates, as GitLab reads them.",
)
@click.option(
    "--trend",
    "over",
    multiple=True,
    metavar="SOURCE",
    help="A store or results of other runs, for the page's pictures over time; the "
    "runs of SOURCE itself, if it is a store, are there anyhow. Repeatable.",
)
@click.option(
    "--show-text",
    is_flag=True,
    help="Put prompts and replies into the page, from a store. They may be harmful.",
)
def report(
    source: str,
    run: str | None,
    html: Path | None,
    svg: Path | None,
    png: Path | None,
    *,
    over: tuple[str, ...],
    show_text: bool,
    **others: Path | None,
) -> None:
    """Draw a report from SOURCE: a store, results (--safety-json) or records.

    Without any OUT, the page is written to report.html.

    Exit status: 0; 2 when the source can't be read or a file can't be written.
    Gates that failed are in the report and change nothing here.
    """
    from pytest_domainsafety.runs.sources import find_source, load_results

    resolved = find_source(source, run, parts="else")
    if show_text and resolved.kind != "store":
        raise ConfigError(
            f"--show-text: {resolved} holds no prompts and replies; name the store"
        )
    results = load_results(resolved)
    paths = {name: path for name, path in others.items() if path is not None}
    if html is None and svg is None and png is None and not paths:
        html = Path("report.html")
    for path, draw in (
        (html, lambda: _page(results, resolved, over, show_text=show_text)),
        (svg, lambda: _svg(results)),
        (png, lambda: _png(results)),
    ):
        if path is not None:
            _write(path, draw)
    if paths:
        _write_for_builds(resolved, results, paths)


def _write_for_builds(source: Source, results: Results, paths: dict[str, Path]) -> None:
    """Write what build systems read, as a run writes it."""
    import os

    from pytest_domainsafety.reporting.ci import repository_folder
    from pytest_domainsafety.reporting.files import FORMATS, Material
    from pytest_domainsafety.runs.sources import open_records

    records = () if source.kind == "results" else tuple(open_records([source]))
    folder = repository_folder(Path.cwd(), os.environ)
    material = Material(results, records, folder=folder)
    for form in FORMATS:
        if form.field in paths:
            text = form.render(material)
            _write(paths[form.field], partial(text.encode, "utf-8", "replace"))


def _page(
    results: Results, source: Source, over: tuple[str, ...], *, show_text: bool
) -> bytes:
    from pytest_domainsafety.reporting.html import render_html
    from pytest_domainsafety.runs.trend import anchor_trend, trend

    runs: list[str | Path] = [*over]
    if source.kind != "records" and (over or source.kind == "store"):
        runs.append(source.path)
    texts = _texts(source) if show_text else None
    page = render_html(
        results, texts=texts, trend=trend(runs), anchors=anchor_trend(runs)
    )
    return page.encode("utf-8", "replace")


def _texts(source: Source) -> list[Exchange]:
    from pytest_domainsafety.store import Store

    with Store(source.path, read_only=True) as store:
        return list(store.exchanges(source.run))


def _svg(results: Results) -> bytes:
    from pytest_domainsafety.reporting.html.slide import forest_svg

    return forest_svg(results).encode("utf-8", "replace")


def _png(results: Results) -> bytes:
    from pytest_domainsafety.reporting.html.slide import forest_png

    return forest_png(results)


def _write(path: Path, draw: Callable[[], bytes]) -> None:
    from pytest_domainsafety.files import unwritable, write_bytes

    data = draw()
    try:
        write_bytes(path, data)
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None
    if path.parts[1:2] != ("dev",):  # /dev/stdout holds the report alone
        echo(f"wrote {path}")


commands: tuple[click.Command, ...] = (report,)
"""What this file adds to `domainsafety`."""
