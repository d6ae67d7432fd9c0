"""What is written at the end of a run: one table, one way to write a file.

Every file is written whole or not at all, and whatever goes wrong is one
sentence: the run is over and paid for, so no file may take the others along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.files import unwritable, write_file
from pytest_domainsafety.types import Record, Results

if TYPE_CHECKING:
    from pytest_domainsafety.types.trend import AnchorPoint, Point


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report may be drawn from.

    Attributes:
        results: What the run came to.
        records: The rows behind them, without any text.
        store: Where prompts and replies are, for reports that may show them.
        show_text: Whether the user asked for prompts and replies
            (``--safety-show-text``).
        folder: Where the suite files' paths start, seen from the repository's root.
        trend: One point a domain and run, oldest first, of this run and earlier ones.
        anchors: What judges said of fixed replies in these runs, likewise.
    """

    results: Results
    records: Sequence[Record] = ()
    store: Path | None = None
    show_text: bool = False
    folder: str = ""
    trend: Sequence[Point] = ()
    anchors: Sequence[AnchorPoint] = ()


class Format(NamedTuple):
    """One file that a run can write.

    Attributes:
        option: The option that names its path, without dashes.
        field: Its field of the run's configuration.
        render: Draws it; imports what it needs when it is called.
    """

    option: str
    field: str
    render: Callable[[Material], str]


def _json(material: Material) -> str:
    from pytest_domainsafety.reporting.escape import json_text

    # Not dumped for JSON: that stops at a lone surrogate, which `json_text` mends.
    return json_text(material.results.model_dump(by_alias=True)) + "\n"


def _html(material: Material) -> str:
    from pytest_domainsafety.reporting.html import render_html

    if not material.show_text or material.store is None:
        return render_html(
            material.results, trend=material.trend, anchors=material.anchors
        )
    from pytest_domainsafety.store import Store

    with Store(material.store, read_only=True) as store:
        texts = store.exchanges(material.results.run.run or None)
        return render_html(
            material.results,
            texts=texts,
            trend=material.trend,
            anchors=material.anchors,
        )


def _junit(material: Material) -> str:
    from pytest_domainsafety.reporting.junit import junit_xml

    return junit_xml(material.results, material.records)


def _markdown(material: Material) -> str:
    from pytest_domainsafety.reporting.markdown import markdown_summary

    return markdown_summary(material.results)


def _code_quality(material: Material) -> str:
    from pytest_domainsafety.reporting.ci import code_quality

    return code_quality(material.results, material.folder)


FORMATS: tuple[Format, ...] = (
    Format("safety-json", "json", _json),
    Format("safety-html", "html", _html),
    Format("safety-junit", "junit", _junit),
    Format("safety-markdown", "markdown", _markdown),
    Format("safety-codequality", "codequality", _code_quality),
)
"""Every file, in the order in which they are written."""


def write_files(paths: Mapping[str, Path], material: Material) -> list[str]:
    """Write all files that were asked for.

    Args:
        paths: By option, without dashes.
        material: What to draw.

    Returns:
        A sentence for each file that could not be written.
    """
    trouble = []
    for form in FORMATS:
        if form.option in paths:
            try:
                write_file(paths[form.option], form.render(material))
            except (DomainSafetyError, OSError) as error:
                trouble.append(_sentence(f"--{form.option}", paths[form.option], error))
    return trouble


def _sentence(option: str, path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return unwritable(f"{option} {path}", error)
    return f"{option} {path}: could not be written: {error}"
