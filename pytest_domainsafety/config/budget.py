"""What a run may spend (``--safety-budget``). Imports nothing heavy."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pytest_domainsafety.config.option import MANY

KINDS = ("requests", "tokens", "hours", "money")
_WHOLE = ("requests", "tokens")
_MOST = MANY**2
"""More than anybody asks or has, and still a whole number in every file format."""


def read_limit(name: str, raw: str) -> tuple[str, float]:
    """Return the kind of one limit, and how much it is.

    Raises:
        ConfigError: It is none; the text says what one is.
    """
    from pytest_domainsafety.errors import ConfigError
    from pytest_domainsafety.text import printable

    kind, equals, typed = (part.strip() for part in raw.partition("="))
    shown = repr(printable(raw, 60))
    if not equals or kind not in KINDS:
        known = ", ".join(f"{known}=N" for known in KINDS)
        raise ConfigError(f"{name}: expected one of {known}; got {shown}")
    try:
        limit = int(typed) if kind in _WHOLE else float(typed)
    except ValueError:
        what = "a whole number" if kind in _WHOLE else "a number"
        raise ConfigError(f"{name}: expected {what} of {kind}, got {shown}") from None
    if not (0 < limit <= _MOST and math.isfinite(limit)):
        raise ConfigError(f"{name}: expected more than 0 {kind}, got {shown}")
    return kind, limit


def by_kind(name: str, limits: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the limits by kind.

    Raises:
        ConfigError: There are two of one kind.
    """
    from pytest_domainsafety.errors import ConfigError

    found: dict[str, float] = {}
    for kind, limit in limits:
        if found.setdefault(kind, limit) != limit:
            raise ConfigError(
                f"{name}: two limits of {kind} ({found[kind]:g} and {limit:g}), and "
                "which is meant is not known; name one"
            )
    return found
