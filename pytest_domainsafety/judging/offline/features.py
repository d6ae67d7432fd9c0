"""Hashed n-grams: which words stand beside which, in a fixed number of slots.

Three spaces: the words as they are; the words with the prompt's own topic
masked, so that what is learned is not the topic; and the last paragraph,
where a reply that first refuses and then plays along shows what it gives.
The hash is CRC-32 of a word, mixed by integer arithmetic: the same everywhere
and in each process, unlike Python's own.
"""

from __future__ import annotations

import re
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.judging.offline.cues import COMMON

SLOTS = 1 << 16
SPACES = ("words", "masked", "last")

Slots = NDArray[np.int64]
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|\n")
_MASK = crc32(b"<topic>")
_LOW = np.uint64(0xFFFFFFFF)


def slots(prompt: str, reply: str) -> tuple[Slots, Slots, Slots]:
    """Return the sorted, distinct slots of a normalised reply in each space."""
    words = _TOKEN.findall(reply)
    codes = [crc32(word.encode("utf-8", "replace")) for word in words]
    topic = {
        word[:5]
        for word in _TOKEN.findall(prompt)
        if len(word) > 3 and word not in COMMON
    }
    masked = [
        _MASK if len(word) > 3 and word[:5] in topic else code
        for word, code in zip(words, codes, strict=True)
    ]
    return _grams(codes, 1), _grams(masked, 2), _grams(_last(words, codes), 3)


def _last(words: list[str], codes: list[int]) -> list[int]:
    """Return the codes of the last line of more than four words, else all."""
    end = len(words)
    while end > 0:
        start = end
        while start > 0 and words[start - 1] != "\n":
            start -= 1
        if end - start > 4:
            return codes[start:end]
        end = start - 1
    return codes


def _grams(codes: list[int], salt: int) -> Slots:
    """Return the slots of all words and all pairs of neighbours."""
    if not codes:
        return np.zeros(0, np.int64)
    one: NDArray[Any] = np.array(codes, np.uint64)
    two = (one[:-1] * np.uint64(1000003) + one[1:]) & _LOW
    mixed = np.concatenate((one, two ^ np.uint64(0x5BD1E995)))
    mixed = (mixed + np.uint64(salt * 2654435761 & 0xFFFFFFFF)) & _LOW
    mixed = (mixed ^ (mixed >> np.uint64(15))) * np.uint64(2246822519)
    return np.unique((mixed >> np.uint64(4)) % np.uint64(SLOTS)).astype(np.int64)
