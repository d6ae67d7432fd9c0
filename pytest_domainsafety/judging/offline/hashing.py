"""Words to numbers to slots: the same everywhere and in each process."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SLOTS = 1 << 16
BREAK = 1
"""The code of what ends a sentence."""

Codes = NDArray[np.uint64]
Slots = NDArray[np.int64]
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|\n")
_LOW = np.uint64(0xFFFFFFFF)


def tokens(text: str) -> list[str]:
    """Return the words, marks and line breaks of a normalised text."""
    return _TOKEN.findall(text)


@lru_cache(maxsize=20_000)
def code(word: str) -> int:
    """Return a word's number: CRC-32, unlike Python's own hash never salted."""
    return crc32(word.encode("utf-8", "replace"))


def mixed(codes: Codes, salt: int, *, pairs: bool = False) -> Slots:
    """Return the slot of each word, or of each pair of neighbours."""
    found: NDArray[Any] = codes
    if pairs:
        found = (codes[:-1] * np.uint64(1000003) + codes[1:]) & _LOW
        found = found ^ np.uint64(0x5BD1E995)
    found = (found + np.uint64(salt * 2654435761 & 0xFFFFFFFF)) & _LOW
    found = (found ^ (found >> np.uint64(15))) * np.uint64(2246822519)
    return ((found >> np.uint64(4)) % np.uint64(SLOTS)).astype(np.int64)
