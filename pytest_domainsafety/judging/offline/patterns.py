"""Long alternations of phrases, rearranged so that `re` searches them fast.

`re` tries a pattern at each character unless it begins with a set of
characters, over which it skips in a tight loop. So a text is searched with a
line break before it (`LEAD`), and each pattern begins with what stands before
a word: any character of no word. Below that the phrases are grouped by their
first letter, one test a letter instead of one a phrase. Whether something is
found, and how often, stays the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

LEAD = "\n"
"""Stands before each text that is searched."""
_BOUNDARY = r"\b"
_WIDEST = 1500
"""Characters of pattern that an opening group may grow to when written out."""


def any_of(pattern: str) -> re.Pattern[str]:
    r"""Compile an alternation, each branch of which begins with `\b` or `^`.

    Returns:
        A pattern to search `LEAD + text` with.

    Raises:
        ValueError: A branch begins otherwise.
    """
    by_letter: dict[str, list[str]] = defaultdict(list)
    for branch in _branches(pattern):
        opens = branch.startswith("^")
        if not opens and not branch.startswith(_BOUNDARY):
            raise ValueError(f"a branch begins at no word: {branch}")
        for phrase in _opened(branch.removeprefix("^").removeprefix(_BOUNDARY)):
            letter, rest = _first_letter(phrase)
            first = f"(?<=^{LEAD}{letter})" if opens else ""
            by_letter[letter].append(first + rest)
    groups = (f"{letter}(?:{'|'.join(rest)})" for letter, rest in by_letter.items())
    return re.compile(rf"\W(?:{'|'.join(groups)})")


def _first_letter(phrase: str) -> tuple[str, str]:
    """Split off the letter that a phrase must begin with, if there is one."""
    if phrase[0].isalpha() and phrase[1:2] not in ("?", "*", "+", "{"):
        return phrase[0], phrase[1:]
    return "", phrase


def _opened(phrase: str) -> Iterator[str]:
    """Write out the group of alternatives that a phrase begins with."""
    end = _group_end(phrase)
    if end == 0 or phrase[end : end + 1] in ("*", "+", "{"):
        yield phrase
        return
    optional = phrase[end : end + 1] == "?"
    rest = phrase[end + optional :]
    inside = _branches(phrase[len("(?:") : end - 1])
    if len(inside) * len(rest) > _WIDEST:
        yield phrase
        return
    for branch in inside:
        yield from _opened(branch + rest)
    if optional:
        yield from _opened(rest)


def _group_end(phrase: str) -> int:
    """Return where the group that a phrase begins with ends, 0 if none does."""
    if not phrase.startswith("(?:"):
        return 0
    return next(at for at, _, depth in _signs(phrase) if depth == 0) + 1


def _branches(pattern: str) -> list[str]:
    """Split an alternation at its outermost bars."""
    bars = [at for at, sign, depth in _signs(pattern) if sign == "|" and depth == 0]
    starts, ends = [0, *(at + 1 for at in bars)], [*bars, len(pattern)]
    return [pattern[start:end] for start, end in zip(starts, ends, strict=True)]


def _signs(pattern: str) -> Iterator[tuple[int, str, int]]:
    """Yield the bars and parentheses, and how many groups stay open after each."""
    depth, in_class = 0, False
    for mark in re.finditer(r"\\.|[\[\]()|]", pattern, re.DOTALL):
        sign = mark.group()
        if in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "()|":
            depth += {"(": 1, ")": -1, "|": 0}[sign]
            yield mark.start(), sign, depth
