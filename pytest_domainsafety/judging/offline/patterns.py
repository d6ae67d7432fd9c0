"""Long alternations, rearranged so that `re` searches them fast.

A branch that begins at a word boundary is tried at each character as long as
it stands among branches that do not. Grouped under one boundary, all of them
are passed over with one test inside a word. What is found stays the same.
"""

from __future__ import annotations

import re

_BOUNDARY = r"\b"


def any_of(pattern: str) -> re.Pattern[str]:
    """Compile an alternation of which only matters whether it matches at all."""
    branches = _branches(pattern)
    bounded = [b[len(_BOUNDARY) :] for b in branches if b.startswith(_BOUNDARY)]
    opening = [b[1:] for b in branches if b.startswith("^")]
    groups = [b for b in branches if not b.startswith((_BOUNDARY, "^"))]
    if opening:
        groups.insert(0, f"^(?:{'|'.join(opening)})")
    if bounded:
        groups.insert(0, rf"\b(?:{'|'.join(bounded)})")
    return re.compile("|".join(groups))


def _branches(pattern: str) -> list[str]:
    """Split an alternation at its outermost bars."""
    found, start, depth, in_class = [], 0, 0, False
    marks = re.finditer(r"\\.|[\[\]()|]", pattern, re.DOTALL)
    for mark in marks:
        sign = mark.group()
        if in_class:
            in_class = sign != "]"
        elif sign == "[":
            in_class = True
        elif sign in "()":
            depth += 1 if sign == "(" else -1
        elif sign == "|" and depth == 0:
            found.append(pattern[start : mark.start()])
            start = mark.end()
    return [*found, pattern[start:]]
