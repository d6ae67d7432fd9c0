"""Hashed n-grams: which words stand beside which, in a fixed number of slots.

Three spaces: the words as they are; the words with the prompt's own topic
masked, so that what is learned is not the topic; and the last paragraph,
where a reply that first refuses and then plays along shows what it gives.
A reply that speaks as a persona has slots of its own: the same words mean
something else there, and what is learned of one must not leak into the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pytest_domainsafety.judging.offline.cues import COMMON
from pytest_domainsafety.judging.offline.hashing import (
    BREAK,
    SLOTS,
    Slots,
    code,
    codes,
    mixed,
    tokens,
)
from pytest_domainsafety.judging.offline.pooling import (
    SENTENCE_SALT,
    SentenceGrams,
    split,
)

SPACES = ("words", "masked", "last")
_MASK = np.uint64(code("<topic>"))
_ENDS = codes(".!?\n")
_PERSONA = 16


class Grams(NamedTuple):
    """The n-grams of one reply.

    Attributes:
        slots: Distinct and in order; those of a space are its number in
            `SPACES` times `hashing.SLOTS` and up.
        sentences: Those of each sentence.
    """

    slots: Slots
    sentences: SentenceGrams


def grams(prompt: str, words: Sequence[str], *, persona: bool) -> Grams:
    """Return the slots of a normalised reply's tokens to a normalised prompt."""
    topic = _topic(prompt)
    spoken = {word for word in set(words) if len(word) > 3 and word[:5] in topic}
    plain = codes(words)
    masked, cut = plain, plain.copy()
    if spoken:
        masked = plain.copy()
        masked[[word in spoken for word in words]] = _MASK
        cut = masked.copy()
    for end in _ENDS:
        cut[plain == end] = BREAK
    salt = _PERSONA if persona else 0
    *spaces, slots = mixed(
        [
            (plain, salt + 1),
            (masked, salt + 2),
            (plain[_last(words)], salt + 3),
            (cut, SENTENCE_SALT),
        ]
    )
    whole = np.concatenate(
        [space + number * SLOTS for number, space in enumerate(spaces)]
    )
    return Grams(_distinct(whole), split(cut, slots))


@lru_cache(maxsize=64)
def _topic(prompt: str) -> frozenset[str]:
    """Return the first letters of the words that say what a prompt is about."""
    return frozenset(
        word[:5] for word in tokens(prompt) if len(word) > 3 and word not in COMMON
    )


def _last(words: Sequence[str]) -> slice:
    """Return where the last line of more than four words stands, else all."""
    end = len(words)
    while end > 0:
        start = end
        while start > 0 and words[start - 1] != "\n":
            start -= 1
        if end - start > 4:
            return slice(start, end)
        end = start - 1
    return slice(None)


def _distinct(slots: Slots) -> Slots:
    """Return the slots that are there, each once, in order."""
    slots.sort()
    first = np.ones(slots.size, bool)
    np.not_equal(slots[1:], slots[:-1], out=first[1:])
    return slots[first]
