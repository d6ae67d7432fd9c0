"""One kind of chart for everything that is a row of shares: label, marks, numbers.

Drawn once for a screen and once for a phone, where the label stands above its
marks. Coordinates are SVG user units. Colours and fonts come from the style
sheet by class, so that light, dark and print are the page's business.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from markupsafe import Markup

from pytest_domainsafety.reporting.html.markup import NOTHING, plain, tag

Shape = Literal["circle", "triangle", "diamond", "square"]
# Radius of a point, in SVG units.
_SIZE = 5.5


class Mark(NamedTuple):
    """One thing on a row.

    Attributes:
        kind: ``span`` an interval with caps, ``link`` a line between two points,
            ``band`` a filled stretch, ``limit`` an upright line, ``point``.
        at: Where it is or begins, in the chart's own unit.
        to: Where it ends; for spans, links and bands.
        style: Class of the style sheet.
        tip: Shown on hover.
    """

    kind: Literal["span", "link", "band", "limit", "point"]
    at: float
    to: float = 0.0
    style: str = ""
    shape: Shape = "circle"
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the chart, or the heading of a group.

    Attributes:
        value: Numbers beside the marks; what follows two spaces is their limits.
        word: A short verdict after them.
        under: A second name: after the numbers, or under the label on a phone.
        style: Class of the word.
        tip: The whole row in a sentence, on hover.
    """

    label: str
    marks: tuple[Mark, ...] = ()
    value: str = ""
    word: str = ""
    style: str = ""
    tip: str = ""
    heading: bool = False
    under: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand.

    Attributes:
        plot: First and last x of the scale.
        row: Height of a row; `heading` that of a group's heading.
        value: x where the numbers end and their limits begin; `word` that of the
            verdict.
        middle: Of the marks, below the row's top.
    """

    width: int
    plot: tuple[int, int]
    row: int
    heading: int
    value: int
    word: int
    middle: float
    stacked: bool = False


WIDE = Layout(960, (214, 610), 30, 40, 678, 824, 15)
NARROW = Layout(360, (12, 348), 56, 38, 348, 348, 39, stacked=True)
_AXIS = 26
_UNDER = 17
# Of a letter, on average and in a wide font; a picture can't measure its text.
_LETTER, _BOLD, _HAN = 7.3, 8.1, 13.0


class Scale(NamedTuple):
    """A stretch of numbers, and its ticks: shares, or changes in points."""

    low: float = 0.0
    high: float = 1.0
    ticks: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def spelt(self, tick: float) -> str:
        """Return a tick's label; a scale that has two sides is of changes."""
        if self.low >= 0 or tick == 0:
            return f"{tick:.0%}" if self.low >= 0 else "0"
        return f"{100 * tick:+.3g}".replace("-", "−")

    def place(self, value: float, layout: Layout) -> float:
        """Return the x of a value; what lies outside stands on the edge."""
        share = (value - self.low) / (self.high - self.low)
        first, last = layout.plot
        return first + min(1.0, max(0.0, share)) * (last - first)


SHARES = Scale()


def row_chart(
    rows: Sequence[Row],
    label: str,
    layout: Layout = WIDE,
    scale: Scale = SHARES,
    *,
    before: Markup = NOTHING,
    top: int = 0,
    margin: int = 0,
) -> Markup:
    """Return the chart as one SVG element.

    Args:
        rows: Top to bottom.
        label: What a screen reader says in place of the picture.
        layout: For a screen or for a phone.
        scale: Of the marks.
        before: Put into the element first, for files that stand alone.
        top: Room above the axis, for a title.
        margin: Around everything.
    """
    parts: list[Markup] = []
    y = float(top + _AXIS)
    for row in rows:
        height = _height(row, layout)
        parts.append(_row(row, y, height, layout, scale))
        y += height
    width, height = layout.width + 2 * margin, round(y) + 8 + 2 * margin
    axis = _axis(scale, layout, top + _AXIS, y)
    return tag(
        "svg",
        before,
        axis,
        *parts,
        viewBox=f"{-margin} {-margin} {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
        class_="chart narrow" if layout.stacked else "chart wide",
        xmlns="http://www.w3.org/2000/svg",
    )


def _height(row: Row, layout: Layout) -> int:
    if row.heading:
        return layout.heading
    return layout.row + (_UNDER if row.under and layout.stacked else 0)


def _axis(scale: Scale, layout: Layout, top: float, bottom: float) -> Markup:
    parts = []
    for tick in scale.ticks:
        x = scale.place(tick, layout)
        zero = "grid zero" if tick == 0 and scale.low < 0 else "grid"
        parts += [
            tag("line", x1=x, x2=x, y1=top - 4.0, y2=bottom, class_=zero),
            tag(
                "text",
                scale.spelt(tick),
                x=x,
                y=top - 10.0,
                class_="tick",
                text_anchor="middle",
            ),
        ]
    return tag("g", *parts, aria_hidden="true")


def _row(row: Row, y: float, height: int, layout: Layout, scale: Scale) -> Markup:
    if row.heading:
        text = cut(row.label, layout.width, 1.1 * _BOLD)
        return tag("text", text, x=0, y=y + height - 12.0, class_="group")
    middle = y + layout.middle + height - layout.row
    parts = [tag("title", row.tip)] if row.tip else []
    parts.append(
        tag(
            "rect",
            x=0,
            y=y,
            width=layout.width,
            height=height,
            class_="hit",
        )
    )
    parts += _texts(row, y, layout)
    parts += [_mark(mark, middle, layout, scale) for mark in row.marks]
    return tag("g", *parts, class_="row")


def _texts(row: Row, y: float, layout: Layout) -> list[Markup]:
    texts = (_stacked if layout.stacked else _in_columns)(row, y, layout)
    return [text for text in texts if text]


def _in_columns(row: Row, y: float, layout: Layout) -> tuple[Markup, ...]:
    line, (first, last) = y + 20.0, layout.plot
    label = cut(row.label, first - 18.0)
    rate, _, rest = row.value.partition("  ")
    at = {"x": layout.value, "text_anchor": "end"} if rest else {"x": last + 18}
    room = layout.width - layout.word
    word, under = cut(row.word, room, _BOLD), cut(row.under, room)
    return (
        _text(label, x=first - 18, y=line, text_anchor="end"),
        _text(rate, **at, y=line, class_="number"),
        _text(rest, x=layout.value + 8, y=line, class_="quiet"),
        _text(word, x=layout.word, y=line, class_=f"word {row.style}"),
        _text(under, x=layout.word, y=line),
    )


def _stacked(row: Row, y: float, layout: Layout) -> tuple[Markup, ...]:
    line, (first, last) = y + 17.0, layout.plot
    text = " ".join(part for part in (row.value.split("  ")[0], row.word) if part)
    style = f"word {row.style}" if row.word else "number"
    room = last - first - 12 - _width(text, _BOLD if row.word else _LETTER)
    return (
        _text(cut(row.label, room), x=first, y=line),
        _text(text, x=layout.value, y=line, class_=style, text_anchor="end"),
        _text(
            cut(row.under, last - first),
            x=first,
            y=line + _UNDER,
            class_="quiet",
        ),
    )


def _text(text: str, **attributes: object) -> Markup:
    return tag("text", text, **attributes) if text else NOTHING


def _width(text: str, letter: float = _LETTER) -> float:
    return sum(_HAN if _is_wide(char) else letter for char in text)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def cut(text: str, room: float, letter: float = _LETTER) -> str:
    """Return as much of a text as finds room, in SVG units."""
    text = plain(text)
    if _width(text, letter) <= room:
        return text
    room -= letter
    for place, char in enumerate(text):
        room -= _HAN if _is_wide(char) else letter
        if room < 0:
            return f"{text[:place].rstrip()}…"
    return text


def _mark(mark: Mark, middle: float, layout: Layout, scale: Scale) -> Markup:
    x, end = scale.place(mark.at, layout), scale.place(mark.to, layout)
    tip = (tag("title", mark.tip),) if mark.tip else ()
    drawn: tuple[Markup, ...]
    if mark.kind == "point":
        drawn = (point_shape(mark.shape, x, middle),)
    elif mark.kind == "limit":
        drawn = (tag("line", x1=x, x2=x, y1=middle - 11, y2=middle + 11),)
    elif mark.kind == "band":
        drawn = (
            tag(
                "rect",
                x=min(x, end),
                y=middle - 8,
                width=max(0.0, abs(end - x)),
                height=16,
            ),
        )
    else:
        drawn = (tag("line", x1=x, x2=end, y1=middle, y2=middle),)
        if mark.kind == "span":
            drawn += tuple(
                tag("line", x1=cap, x2=cap, y1=middle - 4, y2=middle + 4)
                for cap in (x, end)
            )
    return tag("g", *tip, *drawn, class_=f"{mark.kind} {mark.style}".rstrip())


def point_shape(shape: Shape, x: float, y: float) -> Markup:
    """Return one point's outline around (x, y)."""
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=_SIZE)
    around = {
        "triangle": ((0.0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
        "diamond": ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
        "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    }[shape]
    corners = " ".join(
        f"{x + _SIZE * right:.2f},{y + _SIZE * down:.2f}" for right, down in around
    )
    return tag("polygon", points=corners)
