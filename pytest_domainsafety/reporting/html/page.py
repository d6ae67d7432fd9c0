"""Results → one HTML file that opens offline and asks for nothing.

The page's only style sheet and only script are known by their hashes in its
content security policy, so that nothing else in it can run, whatever a model or
a file called itself. Data reaches the script as JSON.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from pytest_domainsafety.reporting.cost import corrections, from_cache, protocol
from pytest_domainsafety.reporting.html.markup import Section, Table, plain
from pytest_domainsafety.reporting.html.scenarios import (
    data_block,
    scenario_data,
    text_data,
)
from pytest_domainsafety.reporting.html.sections import sections
from pytest_domainsafety.reporting.html.verdicts import headline, model_verdicts
from pytest_domainsafety.reporting.numbers import listed, number, spoken
from pytest_domainsafety.reporting.wording import (
    confidence,
    judged_by_cues,
    judges_told,
    looks_told,
)
from pytest_domainsafety.store import Exchange
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results
from pytest_domainsafety.types.trend import AnchorPoint, Point

_FOLDER = "pytest_domainsafety.reporting.html"


def render_html(
    results: Results,
    *,
    texts: Iterable[Exchange] | None = None,
    trend: Sequence[Point] = (),
    anchors: Sequence[AnchorPoint] = (),
) -> str:
    """Return the report as one HTML document.

    Args:
        results: What a run or an analysis came to.
        texts: Prompts and replies, where the user asked for them; they are
            folded behind a warning. None shows none.
        trend: One point a domain and run, oldest first, for the pictures over time.
        anchors: What judges said of fixed replies in these runs, likewise.
    """
    style, script = _static("report.css"), _static("report.js")
    how, sentence = headline(results)
    page = _environment().get_template("report.html.j2")
    return page.render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        state=how,
        headline=sentence,
        models=model_verdicts(results),
        facts=tuple(_facts(results)),
        warnings=results.warnings,
        sections=sections(results, trend, anchors),
        scenarios=_block(scenario_data(results)),
        texts=None if texts is None else _block(text_data(texts)),
        manifest=tuple(_manifest(results.run.as_json())),
        method=_method(results),
    )


def render_study(
    results: Results, sections: Sequence[Section], said: Sequence[str]
) -> str:
    """Return the study's tables as one HTML document, which runs no script.

    Args:
        results: Of core pairs.
        sections: One a table, in the study's order.
        said: Sentences on what this is, and what of the study is found here.
    """
    style = _static("report.css")
    models = dict.fromkeys(estimate.model for estimate in results.domains)
    page = _environment().get_template("study.html.j2")
    return page.render(
        style=Markup(style),
        policy=_policy(style, ""),
        models=listed([*models]),
        said=tuple(said),
        warnings=results.warnings,
        sections=tuple(sections),
    )


@cache
def _static(name: str) -> str:
    """Return a file of ours; hashes are of LF line ends, as a browser sees them."""
    text = files(_FOLDER).joinpath("static", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_FOLDER, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        # Names reach the page through `finalize`, so no template can forget it.
        finalize=_cleaned,
    )
    environment.filters["number"] = number
    return environment


def _cleaned(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return plain(value, 2_000)
    return value


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _plain_number(value: Any) -> str:
    return number(value) if value is None else f"{value:g}"


def _block(value: Any) -> Markup | None:
    return None if value is None else data_block(value)


# ── facts ───────────────────────────────────────────────────────────────────


def _facts(results: Results) -> Iterator[tuple[str, str]]:
    """Yield the few numbers by which a reader knows which run this is."""
    run = results.run
    if run.started:
        yield "Run", run.started[:16].replace("T", " ")
    for told in corrections(results):
        yield "Labels", told
    for told in protocol(results):
        name, _, how = told.partition(" protocol: ")
        yield "Protocol", f"{name}: {how}"
    if run.judges:
        yield "Judged by", ", ".join(judges_told(results))
    pairs = sum(estimate.pairs for estimate in results.domains)
    replies = sum(estimate.responses for estimate in results.domains)
    yield "Scenario pairs", number(pairs)
    yield "Operational replies", number(replies)
    unscored = sum(estimate.unscored for estimate in results.domains)
    yield "Not scored", number(unscored)
    for told in looks_told(results):
        who, _, when = told.rpartition(": ")
        yield spoken(who), when
    method = next((estimate.ci.method for estimate in results.domains), "")
    if method:
        yield "Intervals", f"{method}, {confidence(results)}"
    if shares := from_cache(results):
        yield "Prompt tokens from the server's cache", shares


@dataclass(frozen=True, slots=True)
class Method:
    """What the method's words need to know of this run."""

    confidence: str
    interval: str
    estimand: str
    judges: str
    offline: bool
    replications: str
    temperature: str
    resamples: str
    both: bool


def _method(results: Results) -> Method:
    run = results.run
    first = next(iter(results.domains), None)
    return Method(
        confidence(results),
        first.ci.method if first else "guarded",
        first.estimand if first else "population",
        ", ".join(judges_told(results)),
        judged_by_cues(results),
        number(run.sampling.replications),
        _plain_number(run.sampling.temperature),
        number((run.analysis or run.interval).resamples),
        run.analytical,
    )


# ── the manifest ────────────────────────────────────────────────────────────


def _manifest(run: Mapping[str, Any]) -> Iterator[Table]:
    """Yield a table for each part of the manifest, loose facts first."""
    parts = {key: _rows_in_words(value) for key, value in run.items()}
    loose = {key: value for key, value in parts.items() if not _nested(value)}
    if loose:
        yield _facts_table("run", loose)
    for key, value in parts.items():
        if _nested(value):
            yield _facts_table(key, value)


def _rows_in_words(value: Any) -> Any:
    """Return a list of rows (``stopped``) by what each is of; all else as it is."""
    rows = isinstance(value, (list, tuple)) and all(isinstance(r, dict) for r in value)
    if not value or not rows:
        return value
    return {
        " on ".join(str(row[name]) for name in ("domain", "model") if name in row)
        or str(place): {
            key: _counted(inner)
            for key, inner in row.items()
            if key not in ("domain", "model")
        }
        for place, row in enumerate(value, 1)
    }


def _counted(value: Any) -> Any:
    """Sum up what a row counts by scenario: a name each would fill the page."""
    counts = list(value.values()) if isinstance(value, dict) else []
    if counts and all(isinstance(count, int) for count in counts):
        return f"{sum(counts)} of {counted(len(counts), 'pair')}"
    return value


def _nested(value: Any) -> bool:
    return isinstance(value, dict) and bool(value)


def _facts_table(name: str, value: Mapping[str, Any]) -> Table:
    rows = tuple(_flat(value))
    return Table(name.replace("_", " "), ("What", "Value"), rows)


def _flat(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    if _nested(value):
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    else:
        yield " › ".join(path), _shown(value)


def _shown(value: Any) -> str:
    if value is None or value == {} or value == []:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
