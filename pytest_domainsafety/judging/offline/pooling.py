"""What a reply's sentences say one by one, by weights learned for sentences.

A refusal among a page of help weighs little in the page as a whole. So each
sentence is scored alone, and the mean, the extremes, the opening and the end
go to the linear models as cues of their own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.judging.offline.hashing import BREAK, Codes, Slots

POOLS = ("mean", "max", "min", "first", "second", "last", "long", "helps", "refuses")
MOST = 60
"""Sentences of a reply that are scored."""
SENTENCE_SALT = 4

Floats = NDArray[np.floating[Any]]


class SentenceGrams(NamedTuple):
    """The n-grams of a reply, sentence by sentence.

    Attributes:
        slots: Shape (n-grams,): their slots.
        owner: Shape (n-grams,): the sentence of each.
        sizes: Shape (sentences,): words in each.
        norms: Shape (sentences,): what the sum of each one's weights is
            divided by, so that a long sentence does not outshout the others.
    """

    slots: Slots
    owner: Slots
    sizes: Slots
    norms: Floats


def split(codes: Codes, slots: Slots) -> SentenceGrams:
    """Return the words and pairs of each sentence.

    Args:
        codes: Of the reply's words; `BREAK` ends a sentence.
        slots: Of those words, then of their pairs, with `SENTENCE_SALT`.
    """
    ends = codes == BREAK
    owner = np.cumsum(ends) - ends
    sizes = np.bincount(owner[~ends], minlength=1)[:MOST] if codes.size else _NONE
    kept = np.flatnonzero(sizes)
    place = np.full(int(owner[-1]) + 1 if codes.size else 1, -1)
    place[kept] = np.arange(kept.size)
    # A pair over a sentence's edge tells how the next one opens.
    where = place[np.concatenate((owner, owner[1:]))]
    used = where >= 0
    owner, sizes = where[used], sizes[kept]
    norms = np.sqrt(np.bincount(owner, minlength=sizes.size) + 4)
    return SentenceGrams(slots[used], owner, sizes, norms)


def pool(sentences: SentenceGrams, weights: Floats) -> Floats:
    """Return the cues `POOLS` of a reply.

    Args:
        sentences: From `split`.
        weights: Shape (n-grams,): log-odds of refusal (or harm) of each.
    """
    sizes = sentences.sizes
    if sizes.size == 0:
        return np.zeros(len(POOLS))
    sums = np.bincount(sentences.owner, weights=weights, minlength=sizes.size)
    scores = sums / sentences.norms
    values, words = scores.tolist(), sizes.tolist()
    helps = sum(n for n, score in zip(words, values, strict=True) if score < -1)
    refuses = sum(n for n, score in zip(words, values, strict=True) if score > 1)
    return np.array(
        (
            np.add.reduce(scores) / sizes.size,
            max(values),
            min(values),
            values[0],
            values[min(1, len(values) - 1)],
            values[-1],
            scores @ sizes / sum(words),
            np.log1p(helps / 20),
            np.log1p(refuses / 20),
        )
    )


_NONE = np.zeros(0, np.int64)
