"""Words to numbers to slots: the same everywhere and in each process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

SLOTS = 1 << 16
BREAK = 1
"""The code of what ends a sentence."""

Codes = NDArray[np.uint64]
Slots = NDArray[np.int64]
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]|\n")
# The same on lower-cased ASCII, where a plain range is tested faster.
_ASCII_TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\w\s]|\n")
# Words remembered, so that odd replies can't fill the memory.
_MOST_KNOWN = 20_000
_LOW = np.uint64(0xFFFFFFFF)


def tokens(text: str) -> list[str]:
    """Return the words, marks and line breaks of a normalised text."""
    return (_ASCII_TOKEN if text.isascii() else _TOKEN).findall(text)


def code(word: str) -> int:
    """Return a word's number: CRC-32, unlike Python's own hash never salted."""
    return crc32(word.encode("utf-8", "replace"))


class _Known(dict[str, int]):
    """The codes of words met before: most words of a reply are common ones."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        number = self[word] = code(word)
        return number


_KNOWN = _Known()


def codes(words: Sequence[str]) -> Codes:
    """Return the words' numbers."""
    numbers = map(_KNOWN.__getitem__, words)
    return np.fromiter(numbers, np.uint64, len(words))


def mixed(texts: Sequence[tuple[Codes, int]]) -> list[Slots]:
    """Return the slots of each text's words, then of its pairs of neighbours.

    All at once, since numpy's calls cost more than its work on one reply.

    Args:
        texts: Codes and a salt each; another salt, other slots.
    """
    # The weights were fitted to these very multipliers: with others each slot would
    # mean something else (`weights.npz`).
    parts, sizes, salts = [], [], []
    for numbers, salt in texts:
        pairs = (numbers[:-1] * np.uint64(1000003) + numbers[1:]) & _LOW
        parts += [numbers, pairs ^ np.uint64(0x5BD1E995)]
        sizes.append(numbers.size + pairs.size)
        salts.append(salt * 2654435761 & 0xFFFFFFFF)
    every = np.concatenate(parts)
    every += np.repeat(np.array(salts, np.uint64), sizes)
    every &= _LOW
    every ^= every >> np.uint64(15)
    every *= np.uint64(2246822519)
    every >>= np.uint64(4)
    every &= np.uint64(SLOTS - 1)
    slots: Slots = every.astype(np.int64)
    ends = list(accumulate(sizes, initial=0))
    return [slots[start:end] for start, end in pairwise(ends)]
