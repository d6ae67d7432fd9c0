"""Hashed n-grams: which words stand beside which, in a fixed number of slots.

Three spaces: the words as they are; the words with the prompt's own topic
masked, so that what is learned is not the topic; and the last paragraph,
where a reply that first refuses and then plays along shows what it gives.
A reply that speaks as a persona has slots of its own: the same words mean
something else there, and what is learned of one must not leak into the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pytest_domainsafety.judging.offline.cues import COMMON
from pytest_domainsafety.judging.offline.hashing import (
    BREAK,
    Codes,
    Slots,
    code,
    mixed,
    tokens,
)
from pytest_domainsafety.judging.offline.pooling import SentenceGrams, split

SPACES = ("words", "masked", "last")
_MASK = code("<topic>")
_ENDS = frozenset(".!?\n")
_PERSONA = 16


class Grams(NamedTuple):
    """The n-grams of one reply: distinct slots a space, and by sentence."""

    spaces: tuple[Slots, Slots, Slots]
    sentences: SentenceGrams


def grams(prompt: str, reply: str, *, persona: bool) -> Grams:
    """Return the slots of a normalised reply to a normalised prompt."""
    words = tokens(reply)
    plain = [code(word) for word in words]
    topic = {
        word[:5] for word in tokens(prompt) if len(word) > 3 and word not in COMMON
    }
    masked = [
        _MASK if len(word) > 3 and word[:5] in topic else number
        for word, number in zip(words, plain, strict=True)
    ]
    cut = [
        BREAK if word in _ENDS else number
        for word, number in zip(words, masked, strict=True)
    ]
    salt = _PERSONA if persona else 0
    found = np.array(plain, np.uint64)
    spaces = (
        _distinct(found, salt + 1),
        _distinct(np.array(masked, np.uint64), salt + 2),
        _distinct(found[_last(words)], salt + 3),
    )
    return Grams(spaces, split(np.array(cut, np.uint64)))


def _last(words: list[str]) -> slice:
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


def _distinct(codes: Codes, salt: int) -> Slots:
    """Return the slots of all words and all pairs of neighbours."""
    if codes.size == 0:
        return np.zeros(0, np.int64)
    both = np.concatenate((mixed(codes, salt), mixed(codes, salt, pairs=True)))
    both.sort()
    first: Slots = both[np.append(True, both[1:] != both[:-1])]
    return first
