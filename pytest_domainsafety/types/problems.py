"""What is wrong with something that was kept: a kind to act on, a sentence to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProblemKind = Literal[
    "file",
    "reply",
    "judgement",
    "record",
    "missing",
    "manifest",
    "estimate",
    "gate",
    "verdict",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that does not hold.

    Attributes:
        kind: What it is about; `missing` is an interaction that a run set out to
            have and has not.
        sentence: For a person; it may hold names out of somebody's files, so nothing
            is decided by its words.
    """

    kind: ProblemKind
    sentence: str
