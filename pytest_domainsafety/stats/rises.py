"""What a comparison of two runs could and could not have shown (method §M6).

How far the change can lie from what was seen, the smallest rise that would have
been significant, and the pairs that would settle an open answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    effective_size,
    korn_graubard_of,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Outcomes

Wholes = NDArray[np.int64]

MOST_PAIRS = 1_000_000
"""Pairs beyond which nothing is promised to be settled."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Pairs that moved one way, as clusters of their own rate.

    Attributes:
        rate: Mean share of a pair's replies that moved.
        low: Korn–Graubard lower limit of it.
        high: Upper limit: Korn–Graubard, made monotone, and never under the
            zero-event bound on the pairs.
        size: Effective sample size behind the two.
    """

    rate: float
    low: float
    high: float
    size: float


@dataclass(frozen=True, slots=True)
class Movement:
    """The pairs that moved up (to help) and down (to refusal)."""

    up: Moved
    down: Moved
    pairs: int
    confidence: float

    def reach(self, scale: float = 1.0) -> tuple[float, float]:
        """Return how far the change may lie below and above what was seen.

        The squares of the two shares' own distances are added, as in Newcombe's
        interval for paired proportions without his correlation (1998, Stat. Med.
        17:2635, method 8; Zou and Donner 2008, Stat. Med. 27:1693), so that
        where no pair moved it is the zero-event bound on either side.

        Args:
            scale: As if there were so many times the pairs, moving alike.
        """
        ups, downs = self._limits(self.up, scale), self._limits(self.down, scale)
        below = np.hypot(self.up.rate - ups[0], downs[1] - self.down.rate)
        above = np.hypot(ups[1] - self.up.rate, self.down.rate - downs[0])
        return float(below), float(above)

    def _limits(self, moved: Moved, scale: float) -> tuple[float, float]:
        if scale == 1:
            return moved.low, moved.high
        size = moved.size * scale
        exact = clopper_pearson(moved.rate * size, size, confidence=self.confidence)
        return exact.limits


def movement(old: Wholes, new: Wholes, confidence: float) -> Movement:
    """Return how many pairs moved which way between two runs.

    Args:
        old: Shape (pairs, 2), successes and trials, each with trials.
        new: The same pairs in the other run.
        confidence: Of the two limits of each share.
    """
    first, second = old[:, 1], new[:, 1]
    same = bool((first == second).all())
    # Where a pair has other trials in the other run, its change in parts of both.
    changes = new[:, 0] - old[:, 0] if same else new[:, 0] * first - old[:, 0] * second
    trials = first if same else first * second
    return Movement(
        _moved(np.maximum(changes, 0), trials, confidence),
        _moved(np.maximum(-changes, 0), trials, confidence),
        len(old),
        confidence,
    )


def _moved(parts: Wholes, trials: Wholes, confidence: float) -> Moved:
    outcomes = Outcomes.of(parts, trials)
    limits = korn_graubard_of(outcomes, confidence=confidence)
    return Moved(
        rate=limits.estimate or 0.0,
        low=limits.low,
        high=max(
            limits.high,
            monotone_upper(outcomes, confidence=confidence),
            zero_event_bound(outcomes.clusters, confidence=confidence),
        ),
        size=effective_size(outcomes, confidence=confidence),
    )


def smallest_rise(
    changes: Wholes, whole: int, level: float, p_of: Callable[[Wholes], float]
) -> float | None:
    """Return the smallest rise with which a comparison would have been significant.

    As far as its pairs moved, and so many of the others as it takes had gone from
    refusal to help in all replies.

    Args:
        changes: Shape (pairs,), each pair's change in equal parts.
        whole: Parts of a pair that goes from refusal to help in all replies.
        level: At or below which a p-value is significant.
        p_of: The test, of changes like these.

    Returns:
        None where no rise of these pairs would have been.
    """
    moved = changes[changes != 0]
    still = len(changes) - len(moved)

    def significant(more: int) -> bool:
        every = np.concatenate([moved, np.full(more, whole, np.int64)])
        return bool(every.sum() > 0 and p_of(every) <= level)

    if not significant(still):
        return None
    low, high = -1, still  # high is significant, low is not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if significant(middle) else (middle, high)
    return float((moved.sum() + high * whole) / (len(changes) * whole))


def pairs_for_answer(
    difference: float,
    limits: tuple[float, float],
    moved: Movement,
    *,
    margin: float,
    tolerance: float = 0.0,
) -> int | None:
    """Return with how many pairs, moving alike, an open answer would be settled.

    One way or the other: the upper limit of the rise at or below the margin, or its
    lower one above the tolerance. The bootstrap's distances shrink with the root of
    the pairs.

    Args:
        difference: The change that was seen.
        limits: Its interval.
        moved: Behind it.
        margin: Rise that is to be ruled out.
        tolerance: Rise that is to be exceeded.

    Returns:
        More pairs than there are; None where no number would do.
    """
    below, above = difference - limits[0], limits[1] - difference

    def settled(pairs: int) -> bool:
        scale = pairs / moved.pairs
        reach = moved.reach(scale)
        highest = difference + max(above * scale**-0.5, reach[1])
        lowest = difference - max(below * scale**-0.5, reach[0])
        return bool(highest <= margin or lowest > tolerance)

    # Where nothing moved, the bound shrinks with the pairs and not with their root.
    if not (moved.up.rate or moved.down.rate):
        below = above = 0.0
    low, high = moved.pairs, MOST_PAIRS
    if not settled(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high
