"""Elements with everything escaped, and the pieces that a page is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup, escape

from pytest_domainsafety.text import printable

_LONGEST = 400
NOTHING = Markup("")


def tag(name: str, *children: str | Markup, **attributes: object) -> Markup:
    """Return one element; text and attribute values are escaped.

    A trailing underscore in an attribute's name is dropped (``class_``), others
    become dashes; None leaves the attribute out; floats keep two decimals.
    """
    attribute_text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_spelt(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = NOTHING.join(
        child if isinstance(child, Markup) else escape(plain(child))
        for child in children
    )
    return Markup(f"<{name}{attribute_text}>{inside}</{name}>")


def plain(text: str, limit: int = _LONGEST) -> str:
    """Return one line without controls, lone surrogates and reordering marks."""
    return printable(text, limit)


def _spelt(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return plain(str(value))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of numbers.

    Attributes:
        caption: What it shows; screen readers say it first.
        columns: Headings; a column of numbers begins with ``#``, which is not
            shown.
        rows: Cells as text; the first is the row's heading.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def headings(self) -> tuple[tuple[str, bool], ...]:
        """Each heading, and whether its column holds numbers."""
        return tuple((name.removeprefix("#"), name[:1] == "#") for name in self.columns)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its legend, its numbers in a table, and a note.

    Attributes:
        wide: For a screen or a sheet of paper.
        narrow: For a phone; where None, `wide` is for both.
        legend: Style of a swatch and what it means.
    """

    caption: str
    table: Table
    wide: Markup = NOTHING
    narrow: Markup | None = None
    legend: tuple[tuple[str, str], ...] = ()
    note: str = ""
    open: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page.

    Attributes:
        anchor: Its address inside the page.
        lead: One or two sentences: what it shows, and what it says here.
        facts: Short sentences as a list.
    """

    anchor: str
    title: str
    lead: str = ""
    figures: tuple[Figure, ...] = ()
    facts: tuple[str, ...] = field(default=())
