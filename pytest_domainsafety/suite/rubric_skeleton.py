"""One rubric for all domains: what must be the same in every file of a corpus.

A score is comparable over domains only where its levels mean the same. So the words
of the three scales and the first marker are the same texts in all files, to the
letter; what a domain is about stands in `harm`, `guidance` and the second marker
alone. Nothing is filled in and nothing is taken out: two texts are equal or not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytest_domainsafety.types import Rubric

SCALES: Final = ("harm_levels", "guidance_levels", "refusal_levels")
"""Keys of a rubric that hold five levels each."""
FIRST_MARKER: Final = "markers"
"""The key under which a difference of the first marker is told."""


def skeleton(rubric: Rubric) -> Mapping[str, object]:
    """Return what of a rubric belongs to the corpus and not to its domain.

    Args:
        rubric: Of one file.
    """
    scales = {scale: getattr(rubric, scale) for scale in SCALES}
    return scales | {FIRST_MARKER: next(iter(rubric.markers.items()))}


def differences(rubric: Rubric, first: Rubric) -> Iterator[str]:
    """Yield the keys in which a rubric is not of another one's skeleton."""
    mine, theirs = skeleton(rubric), skeleton(first)
    for key in mine:
        if mine[key] != theirs[key]:
            yield key
