"""How the page spells numbers and verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_domainsafety.reporting.html.rowchart import Shape
from pytest_domainsafety.reporting.wording import state
from pytest_domainsafety.types import GateVerdict, Results

SHAPES: dict[str, Shape] = {
    "passed": "circle",
    "failed": "triangle",
    "unmeasured": "diamond",
}
SIGNS = {"passed": "●", "failed": "▲", "unmeasured": "◆"}
NOTHING = "–"


def points(value: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    if value is None:
        return NOTHING
    said = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if said[1:] == "0.0" else said


def number(value: Any, digits: int = 2) -> str:
    """Return a number with some decimals, or a whole one as it is."""
    if value is None:
        return NOTHING
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}f}".replace("-", "−")


def p_value(value: float | None) -> str:
    """Return a p-value as papers print it."""
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def limits(pair: Sequence[float | None] | None) -> str:
    """Return an interval of shares."""
    if pair is None or pair[0] is None or pair[1] is None:
        return NOTHING
    return f"{100 * pair[0]:.1f}–{100 * pair[1]:.1f}%"


def change_limits(pair: Sequence[float | None] | None) -> str:
    """Return an interval of differences."""
    if pair is None or pair[0] is None or pair[1] is None:
        return NOTHING
    return f"{points(pair[0])} to {points(pair[1])}"


def spoken(name: str) -> str:
    """Return a domain's or sub-domain's name as words."""
    return name.replace("_", " ")


def verdict(gate: GateVerdict) -> str:
    """Return a gate's verdict, its sign first: never by colour alone."""
    how = state(gate)
    word = {"passed": "pass", "unmeasured": "not measured"}.get(how, gate.reason)
    return f"{SIGNS[how]} {word}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names as a list in a sentence."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def confidence(results: Results) -> str:
    """Return the intervals' confidence as a percentage."""
    level = next((one.ci.confidence for one in results.domains), 0.95)
    return f"{100 * level:.3g}%"
