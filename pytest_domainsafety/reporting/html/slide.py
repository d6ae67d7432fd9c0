"""The forest plot as a picture of its own, for a slide: SVG, or PNG by resvg."""

from __future__ import annotations

from markupsafe import Markup

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.reporting.html.forest import forest_rows
from pytest_domainsafety.reporting.html.markup import plain, tag
from pytest_domainsafety.reporting.html.rowchart import WIDE, row_chart
from pytest_domainsafety.reporting.html.verdicts import headline
from pytest_domainsafety.reporting.wording import confidence
from pytest_domainsafety.types import Results

_TITLE_ROOM = 64
_SCALE = 2
# A picture alone has no page to take its colours from.
_STYLE = """
svg { background: #fff; font-family: "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
text { font-size: 13px; fill: #1d2329; }
.title { font-size: 20px; font-weight: 700; }
.under, .tick, .quiet { fill: #56606b; }
.tick { font-size: 11px; }
.group, .word { font-weight: 700; }
.grid { stroke: #dfe2e5; }
.hit { fill: none; }
.beyond rect { fill: #1d2329; opacity: 0.045; }
.limit line { stroke: #1d2329; stroke-width: 1.5; stroke-dasharray: 3 2.5; }
.span line { stroke-width: 2; }
.point { stroke: #fff; stroke-width: 1.5; }
.passed line { stroke: #0a6574; } .point.passed, text.passed { fill: #0a6574; }
.failed line { stroke: #ad3a08; } .point.failed, text.failed { fill: #ad3a08; }
.unmeasured line { stroke: #6349a0; } .point.unmeasured, text.unmeasured { fill: #6349a0; }
.point.ghost { fill: #fff; stroke: #7b8590; stroke-width: 2; }
"""  # noqa: E501


def forest_svg(results: Results) -> str:
    """Return the forest plot as an SVG file with its own title and colours."""
    title = plain(headline(results)[1], 68)
    under = (
        f"Compliance by domain with {confidence(results)} limits; dashed: the "
        "threshold; hollow: the baseline"
    )
    before = Markup("").join(
        (
            tag("style", Markup(_STYLE)),
            tag("text", title, x=0, y=24, class_="title"),
            tag("text", under, x=0, y=46, class_="under"),
        )
    )
    picture = row_chart(
        forest_rows(results), title, WIDE, before=before, top=_TITLE_ROOM, margin=24
    )
    return f"{picture}\n"


def forest_png(results: Results) -> bytes:
    """Return the same picture as PNG, twice as many pixels as SVG units.

    Raises:
        ConfigError: The library that draws it is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise ConfigError(
            "a PNG needs resvg: pip install 'pytest-domainsafety[png]', or write an SVG"
        ) from None
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=forest_svg(results), zoom=_SCALE, background="white"
        )
    )
