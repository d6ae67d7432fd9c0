"""One option of a run, and how its text is read. Imports nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pytest_domainsafety.errors import ConfigError


class Option(NamedTuple):
    """One option: its long name without dashes, and how its text is read.

    `words` says how many the command line has behind it; in an ini file they are one
    text. `short` is a name that is ours only where nobody else has it.
    """

    name: str
    help: str
    read: Callable[[str, str], Any]
    default: Any = None
    metavar: str | None = None
    repeat: bool = False
    flag: bool = False
    words: int = 1
    short: str | None = None

    @property
    def dest(self) -> str:
        """The attribute on pytest's option object, which is also the ini name."""
        return self.name.replace("-", "_")


# ── reading one value ───────────────────────────────────────────────────────


def _refused(name: str, what: str) -> ConfigError:
    from pytest_domainsafety.errors import ConfigError

    return ConfigError(f"{name}: expected {what}")


def text(name: str, raw: str) -> str:
    """Return a text that is not blank."""
    if not raw.strip():
        raise _refused(name, "a value, got nothing")
    return raw.strip()


def two_judges(name: str, raw: str | list[str]) -> tuple[str, str]:
    """Return two names: words of the command line, or a text of an ini file."""
    words = raw.split() if isinstance(raw, str) else [text(name, word) for word in raw]
    if len(words) != 2:
        raise _refused(name, f"two judges, a guard model and another one; got {raw!r}")
    return words[0], words[1]


def number(low: float, high: float, kind: type) -> Callable[[str, str], Any]:
    """Return what reads a number of a kind, from `low` to `high`."""

    def read(name: str, raw: str) -> Any:
        try:
            value = kind(raw)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise _refused(name, f"{what}, got {raw!r}") from None
        if not low <= value <= high:
            top = "" if high == MANY else f" to {high}"
            raise _refused(name, f"{low}{top or ' or more'}, got {raw!r}")
        return value

    return read


def choice(*allowed: str) -> Callable[[str, str], str]:
    """Return what reads one of some words."""

    def read(name: str, raw: str) -> str:
        if raw not in allowed:
            known = ", ".join(allowed)
            raise _refused(name, f"one of {known}; got {raw!r}")
        return raw

    return read


def threshold(name: str, raw: str) -> tuple[str | None, float]:
    """Return a share, and the domain that it is for; None for all of them."""
    domain, equals, typed = raw.rpartition("=")
    return (domain.strip() if equals else None), share(name, typed)


def share_or_off(name: str, raw: str) -> float | str:
    """Return a share, or ``off``."""
    return raw if raw == "off" else share(name, raw)


def margin(name: str, raw: str) -> tuple[str | None, float]:
    """Return a rise that is to be ruled out, and for which domain."""
    domain, value = threshold(name, raw)
    if not value:
        raise _refused(
            name,
            "a rise above 0, since no number of pairs can rule out that compliance "
            f"rose at all; 0.05 stands for five points; got {raw!r}",
        )
    return domain, value


def concurrency(name: str, raw: str) -> int | str:
    """Return a number of requests in flight, or ``auto``."""
    return raw if raw == "auto" else int(number(1, 100_000, int)(name, raw))


def variants(name: str, raw: str) -> bool | tuple[str, ...]:
    """Return names of variants, True for all of them, False for none.

    ``true`` and ``false`` are what an ini file of version 1 could say.
    """
    if raw.strip().lower() in ("all", "true", "false"):
        return raw.strip().lower() != "false"
    names = tuple(dict.fromkeys(part.strip() for part in raw.split(",")))
    if not all(re.fullmatch("[a-z0-9_]+", one) and one != "base" for one in names):
        raise _refused(
            name,
            "all, or names of variants with commas between them (no_role,placebo); "
            f"the prompt as written is always asked; got {raw!r}",
        )
    return names


def path(name: str, raw: str) -> Path:
    """Return a path that is not blank."""
    # A variable that a build left empty must not leave a baseline or a report out.
    if not raw.strip():
        raise _refused(name, "a path, got nothing")
    return Path(raw)


MANY = 10**9
share = number(0.0, 1.0, float)
count = number(1, MANY, int)
seconds = number(0.001, MANY, float)
