"""System prompts of a run: each is a condition under which every model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.subjects import NO_PROMPT, Condition
from pytest_domainsafety.text import printable

_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 40


def read_conditions(folder: Path, typed: Iterable[Path]) -> tuple[Condition, ...]:
    """Return the conditions that were typed, the first one first.

    Args:
        folder: Where relative paths start.
        typed: Files, or `none`; one that is typed twice counts once.

    Raises:
        ConfigError: One can't be read, holds nothing, or is another one again.
    """
    conditions: dict[str, Condition] = {}
    places: dict[str, str] = {}
    for path in dict.fromkeys(typed):
        shown = printable(str(path))
        condition = _read(folder, path)
        name = condition.name
        for other in conditions.values():
            if _same(condition.text, other.text):
                raise ConfigError(
                    f"--safety-system-prompt: {places[other.name]} and {shown} "
                    "say the same, and there is nothing to compare; leave one out"
                )
        # Without regard to case: on a terminal "Warn" and "warn" are one.
        if name.casefold() in {known.casefold() for known in conditions}:
            first = next(
                places[one] for one in places if one.casefold() == name.casefold()
            )
            raise ConfigError(
                f"--safety-system-prompt: {first} and {shown} would both be named "
                f"{name!r} in reports; rename one of the files"
            )
        conditions[name], places[name] = condition, shown
    for name, text in conditions.values():
        if text is not None and name.casefold() == NO_PROMPT:
            raise ConfigError(
                f"--safety-system-prompt {places[name]}: reports would name it {name}, "
                "as if no system prompt were sent; rename it"
            )
    return tuple(conditions.values())


def _read(folder: Path, path: Path) -> Condition:
    if str(path) == NO_PROMPT:
        return Condition(NO_PROMPT, None)
    try:
        text = (folder / path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--safety-system-prompt {folder / path}: can't be read as UTF-8 text "
            f"({error})"
        ) from None
    if not text.strip():
        raise ConfigError(
            f"--safety-system-prompt {folder / path}: holds nothing; type none for "
            "a run without a system prompt"
        )
    name = _NOT_IN_A_NAME.sub("-", path.stem)[:_LONGEST_NAME].strip("-.")
    if not name:
        raise ConfigError(
            f"--safety-system-prompt {folder / path}: reports name a system prompt "
            "by its file, and this name has no letter or digit; rename it"
        )
    return Condition(name, text)


def _same(one: str | None, other: str | None) -> bool:
    """Whether two texts say the same: line ends and blanks around it say nothing."""
    if one is None or other is None:
        return one is other
    return one.split() == other.split()
