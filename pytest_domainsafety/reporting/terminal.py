"""The table at the end of a run: rich where it may be, plain where it must be.

Widths are counted in terminal cells. Columns that find no room are left out,
and on a narrow log each domain gets lines instead of a row.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size

from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.agreement import (
    agreement_headline,
    agreement_rows,
    aligned,
)
from pytest_domainsafety.reporting.conditions import condition_sentences
from pytest_domainsafety.reporting.cost import cost
from pytest_domainsafety.reporting.experiments import ablated, in_short
from pytest_domainsafety.reporting.models import (
    MODEL_HEADINGS,
    counts_told,
    model_rows,
    worth_showing,
)
from pytest_domainsafety.reporting.numbers import percent, points
from pytest_domainsafety.reporting.turns import turn_lines
from pytest_domainsafety.reporting.wording import (
    NO_RATE,
    ablations,
    changes_of,
    conditions_told,
    estimates_of,
    gate_name,
    gates_by_domain,
    headline,
    kind_of,
    looks_told,
    measured,
    rise_limit,
    state,
    twin_shares,
    verdict,
)
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import (
    ALL_DOMAINS,
    DomainEstimate,
    GateVerdict,
    Results,
)

NARROW = 64
"""Fewer columns than this hold no table."""
_INDENT, _GAP = 2, 2
_LONGEST_NAME, _SHORTEST_BAR, _LONGEST_BAR = 22, 8, 30

Line = tuple[str, dict[str, bool]]

_MARKUP: dict[str, dict[str, bool]] = {
    "passed": {"green": True},
    "failed": {"red": True},
    "unmeasured": {"yellow": True},
    "bold": {"bold": True},
}


class Glyphs(NamedTuple):
    """The signs of a bar and of prose."""

    empty: str = "·"
    interval: str = "━"
    rate: str = "●"
    limit: str = "│"
    limit_inside: str = "┿"
    dash: str = "–"
    dots: str = "…"


ASCII = Glyphs(".", "=", "o", "|", "#", "-", "...")


def _glyphs(encoding: str) -> Glyphs:
    try:
        "".join(Glyphs()).encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return Glyphs()


class Row(NamedTuple):
    """One line of the table, as text by column."""

    name: str
    pairs: str
    rate: str
    limits: str
    bar: str
    limit: str
    change: str
    verdict: str
    style: str


def summary_lines(
    results: Results, width: int = 80, *, encoding: str = "utf-8", verbosity: int = 0
) -> Iterator[Line]:
    """Yield the lines of a run's summary.

    Args:
        results: What the run came to.
        width: Columns of the terminal.
        encoding: What it can spell; signs outside it are replaced.
        verbosity: As pytest's: -1 for ``-q``, 1 for ``-v``.

    Yields:
        A line without its line break, and pytest's markup to write it with.
    """
    pen = _Pen(width, encoding, verbosity)
    if verbosity > -2:
        if verbosity > -1:
            yield from _tables(results, pen)
        yield from _advice_lines(results, pen)
        if verbosity > -1:
            yield from _agreement_lines(results, pen)
            for line in looks_told(results):
                yield from pen.wrapped(line)
            yield from _model_lines(results, pen)
            yield from _condition_lines(results, pen)
            for line in in_short(results) if ablated(results) else ablations(results):
                yield from pen.wrapped(line)
            for line in turn_lines(results):
                yield from pen.wrapped(printable(line))
            for line in cost(results):
                yield from pen.wrapped(line)
    how, sentence = headline(results)
    yield from pen.wrapped(sentence, how, "bold")


class _Pen:
    """Writes lines for one kind of place."""

    def __init__(self, width: int, encoding: str, verbosity: int) -> None:
        self.width = width
        self.encoding = encoding
        self.verbosity = verbosity
        self.glyphs = _glyphs(encoding)

    def line(self, text: str, *styles: str) -> Line:
        """Return one line in what can be spelt, and its markup."""
        for rich, plain in (("–", self.glyphs.dash), ("…", self.glyphs.dots)):
            text = text.replace(rich, plain)
        text = text.encode(self.encoding, "replace").decode(self.encoding)
        markup: dict[str, bool] = {}
        for style in styles:
            markup |= _MARKUP[style]
        return text, markup

    def wrapped(self, text: str, *styles: str, indent: int = 0) -> Iterator[Line]:
        """Yield the lines of one sentence, later ones set in."""
        lines = textwrap.wrap(
            printable(text, 2_000),
            max(20, self.width),
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + 2),
            break_on_hyphens=False,
        )
        yield from (self.line(line, *styles) for line in lines)


# ── the table ───────────────────────────────────────────────────────────────


def _tables(results: Results, pen: _Pen) -> Iterator[Line]:
    models = dict.fromkeys(gate.model for gate in results.gates)
    rows = {model: list(_rows(results, model, pen)) for model in models}
    title = Row(
        "domain", "pairs", "rate", _sure(results), "", "limit", "change", "verdict", ""
    )
    every = [title, *(row for model_rows in rows.values() for row in model_rows)]
    if pen.verbosity > 0:
        every += [row for estimate in results.domains for row in _part_rows(estimate)]
    columns, bar = _columns(every, pen.width)
    title = title._replace(bar="0%" + "100%".rjust(bar - 2))
    for model in models:
        yield pen.line(_fit(printable(model), pen.width), "bold")
        if pen.width < NARROW:
            yield from _stacked(rows[model], pen)
        else:
            yield pen.line(_spelt(title, columns))
            yield from _table(results, model, rows[model], columns, pen)
        if twins := twin_shares(results, model):
            yield from pen.wrapped(printable(twins, 4_000))
        yield "", {}


def _table(
    results: Results,
    model: str,
    rows: Sequence[Row],
    columns: dict[str, int],
    pen: _Pen,
) -> Iterator[Line]:
    for row, (gate, estimate) in zip(rows, _gates_of(results, model), strict=True):
        drawn = row._replace(bar=_bar(gate, estimate, columns["bar"], pen.glyphs))
        yield pen.line(_spelt(drawn, columns), row.style)
        if pen.verbosity > 0 and gate.kind == "compliance" and estimate:
            for part in _part_rows(estimate):
                yield pen.line(_spelt(part, columns))


def _gates_of(
    results: Results, model: str
) -> Iterator[tuple[GateVerdict, DomainEstimate | None]]:
    """Yield a model's gates by domain, those that passed too."""
    estimates = estimates_of(results)
    for gates in gates_by_domain(results):
        for gate in gates:
            if gate.model == model:
                yield gate, estimates.get((model, gate.domain))


def _rows(results: Results, model: str, pen: _Pen) -> Iterator[Row]:
    changes = changes_of(results)
    for gate, estimate in _gates_of(results, model):
        rate, low, high = measured(gate, estimate)
        first = gate.kind == "compliance"
        if gate.kind == "regression":
            yield _change_row(gate, changes.get((model, gate.domain), {}), pen)
            continue
        yield Row(
            # Other gates stand under the compliance gate of their domain.
            printable(gate.domain) if first else f"  {kind_of(gate)}",
            str(estimate.pairs) if first and estimate else "",
            "" if gate.kind in NO_RATE else percent(rate),
            "" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}",
            "",
            _limit(gate, pen),
            "",
            verdict(gate),
            state(gate),
        )


def _change_row(gate: GateVerdict, change: Mapping[str, Any], pen: _Pen) -> Row:
    """Return the row of a comparison: its limits are of the change, in points."""
    pooled = gate.domain == ALL_DOMAINS
    known = change.get("difference") is not None
    low, high = change["ci"] if known else (0.0, 0.0)
    return Row(
        printable(gate.domain) if pooled else f"  {kind_of(gate)}",
        str(change.get("pairs", "")) if pooled else "",
        "",
        f"{100 * low:+.1f}–{100 * high:+.1f}" if known else "",
        "",
        _limit(gate, pen),
        points(gate.upper) if known else "",
        verdict(gate),
        state(gate),
    )


def _limit(gate: GateVerdict, pen: _Pen) -> str:
    if gate.kind == "budget":
        return ""
    if gate.kind == "regression":
        return rise_limit(gate)
    at_most = gate.kind != "engagement"
    if pen.glyphs is ASCII:
        sign = "<=" if at_most else ">="
    else:
        sign = "≤" if at_most else "≥"
    return f"{sign}{100 * gate.threshold:.1f}"


def _sure(results: Results) -> str:
    confidence = next((estimate.ci.confidence for estimate in results.domains), 0.95)
    return f"{100 * confidence:.3g}% CI"


def _columns(rows: Sequence[Row], width: int) -> tuple[dict[str, int], int]:
    """Return the columns that find room, with their widths, and the bar's width."""
    names = list(Row._fields[:-1])
    widths = {
        name: max(cell_len(getattr(row, name)) for row in rows)
        for name in names
        if name != "bar"
    }
    widths["name"] = min(widths["name"], _LONGEST_NAME)
    if not any(row.change for row in rows[1:]):
        del widths["change"]

    def left() -> int:
        return width - _INDENT - sum(widths.values()) - _GAP * len(widths)

    for name in ("pairs", "limits"):
        if left() < _SHORTEST_BAR:
            widths.pop(name)
    if left() < 0:
        widths["name"] = max(8, widths["name"] + left())
    bar = max(_SHORTEST_BAR, min(_LONGEST_BAR, left()))
    widths["bar"] = bar
    return {name: widths[name] for name in names if name in widths}, bar


_LEFT = ("name", "bar", "verdict")


def _spelt(row: Row, columns: dict[str, int]) -> str:
    cells = []
    for name, width in columns.items():
        text = _fit(getattr(row, name), width)
        space = " " * (width - cell_len(text))
        cells.append(text + space if name in _LEFT else space + text)
    return (" " * _INDENT + (" " * _GAP).join(cells)).rstrip()


def _fit(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"


def _bar(
    gate: GateVerdict, estimate: DomainEstimate | None, width: int, glyphs: Glyphs
) -> str:
    """Draw 0 to 100%: the interval, the rate in it, the threshold."""
    if gate.kind in NO_RATE:
        return ""
    rate, low, high = measured(gate, estimate)

    def place(share: float) -> int:
        return min(width - 1, int(share * width))

    cells = [glyphs.empty] * width
    if low is not None and high is not None:
        for at in range(place(low), place(high) + 1):
            cells[at] = glyphs.interval
    at = place(gate.threshold)
    cells[at] = glyphs.limit if cells[at] == glyphs.empty else glyphs.limit_inside
    if rate is not None:
        cells[place(rate)] = glyphs.rate
    return "".join(cells)


def _part_rows(estimate: DomainEstimate) -> Iterator[Row]:
    """Yield a row a sub-domain, worst first."""
    empty = Row(*[""] * len(Row._fields))
    parts = estimate.subdomains.items()
    for name, part in sorted(parts, key=lambda entry: -(entry[1].compliance_rate or 0)):
        yield empty._replace(
            name=f"  {printable(name)}",
            pairs=str(part.pairs),
            rate=percent(part.compliance_rate),
        )


def _stacked(rows: Sequence[Row], pen: _Pen) -> Iterator[Line]:
    for row in rows:
        yield from pen.wrapped(f"{row.name}: {row.verdict}", row.style, indent=2)
        cells = [row.rate, row.limits, row.limit]
        cells += (
            [f"{row.pairs} {'pair' if row.pairs == '1' else 'pairs'}"]
            if row.pairs
            else []
        )
        cells += [f"change {row.change}"] if row.change else []
        yield from pen.wrapped(", ".join(cell for cell in cells if cell), indent=4)


def _agreement_lines(results: Results, pen: _Pen) -> Iterator[Line]:
    if results.agreement is None:
        return
    yield from pen.wrapped(agreement_headline(results.agreement))
    if pen.verbosity > 0 and pen.width >= NARROW:
        for line in aligned(agreement_rows(results.agreement)):
            yield pen.line(_fit(line, pen.width))


def _model_lines(results: Results, pen: _Pen) -> Iterator[Line]:
    """Yield a table of models, where there are several, and where cells are uneven."""
    rows = model_rows(results)
    if worth_showing(results) and pen.width >= NARROW:
        shown = [MODEL_HEADINGS, *rows]
        room = pen.width - sum(map(len, MODEL_HEADINGS[1:])) - 2 * len(MODEL_HEADINGS)
        names = (_fit(printable(row.model), max(room, 10)) for row in shown)
        cut = (row._replace(model=name) for row, name in zip(shown, names, strict=True))
        for line in aligned(iter(cut)):
            yield pen.line(_fit(line, pen.width))
    for text in counts_told(results):
        yield from pen.wrapped(text)


def _condition_lines(results: Results, pen: _Pen) -> Iterator[Line]:
    """Yield what system prompts change; by domain where much is wanted."""
    for text in conditions_told(results):
        yield from pen.wrapped(text)
    for text in condition_sentences(results, short=pen.verbosity < 1):
        yield from pen.wrapped(text, indent=2)


# ── what to do ──────────────────────────────────────────────────────────────


def _advice_lines(results: Results, pen: _Pen) -> Iterator[Line]:
    estimates, changes = estimates_of(results), changes_of(results)
    several = len({gate.model for gate in results.gates}) > 1
    for gate in results.gates:
        if not gate.passed:
            who = gate_name(gate) + (f" on {gate.model}" if several else "")
            key = (gate.model, gate.domain)
            ended = results.run.ended
            what = advice(gate, estimates.get(key), changes.get(key), ended)
            yield from pen.wrapped(f"{who}: {what}", state(gate))
    for warning in results.warnings:
        yield from pen.wrapped(f"warning: {warning}", "unmeasured")
