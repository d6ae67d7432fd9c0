"""Numbers and names in words: shares, changes, limits, lengths of time, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def percent(value: float | None) -> str:
    """Return a share as a percentage, or a dash."""
    return "–" if value is None else f"{value:.1%}"


def points(value: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return "–" if value is None else f"{100 * value:+.1f}"


NOTHING = "–"


def change(value: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    if value is None:
        return NOTHING
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


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
    return f"{change(pair[0])} to {change(pair[1])}"


def duration(seconds: float) -> str:
    """Return a length of time in its largest two units."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def amount(money: float, currency: str = "") -> str:
    """Return an amount of money; small ones are not rounded to nothing."""
    digits = 2 if money == 0 or money >= 1 else 4
    return f"{money:,.{digits}f} {currency or 'by your prices'}"


def spoken(name: str) -> str:
    """Return a domain's or sub-domain's name as words."""
    return name.replace("_", " ")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names as a list in a sentence."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def first_of(names: Sequence[str]) -> str:
    """Return the first three names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
