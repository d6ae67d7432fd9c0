"""Rank correlations, without the half second that `scipy.stats` takes to load."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, factorial, sqrt

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.outcomes import Floats

_EXACT_UP_TO = 50
"""Without ties, Kendall's p-value is exact up to this many values."""


@dataclass(frozen=True, slots=True)
class Kendall:
    """Kendall's τ-b and its two-sided p-value, None where one row is constant."""

    tau: float | None
    p: float | None


def kendall(a: ArrayLike, b: ArrayLike) -> Kendall:
    """Return Kendall's τ-b of two rows (Kendall 1945, Biometrika 33:239).

    The p-value is exact without ties, else by the normal approximation with
    the variance corrected for ties.

    Args:
        a: Shape (n,).
        b: Shape (n,).

    Raises:
        ValueError: The rows differ in length.
    """
    first, second = _two_rows(a, b)
    count = len(first)
    upper = np.triu_indices(count, 1)
    signs_a = np.sign(first[upper[0]] - first[upper[1]])
    signs_b = np.sign(second[upper[0]] - second[upper[1]])
    score = float(signs_a @ signs_b)
    untied = float(np.abs(signs_a).sum()) * float(np.abs(signs_b).sum())
    if untied == 0:
        return Kendall(None, None)
    tau = score / sqrt(untied)
    pairs = count * (count - 1) / 2
    if untied == pairs**2 and count <= _EXACT_UP_TO:
        return Kendall(tau, _exact_p(count, round((pairs - abs(score)) / 2)))
    return Kendall(tau, _normal_p(score, count, first, second))


def spearman(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return Spearman's rank correlation, None where one row is constant.

    Args:
        a: Shape (n,).
        b: Shape (n,).

    Raises:
        ValueError: The rows differ in length.
    """
    first, second = (mid_ranks(row) for row in _two_rows(a, b))
    if not len(first):
        return None
    first, second = first - first.mean(), second - second.mean()
    scale = sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / scale if scale else None


def mid_ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    middles: Floats = ends - (counts - 1) / 2
    return middles[place]


def sign_test(positive: int, negative: int) -> float:
    """Return the exact two-sided p-value of a sign test, ties left out."""
    count, most = positive + negative, max(positive, negative)
    upper: int = sum(comb(count, hits) for hits in range(most, count + 1))
    return float(min(1.0, 2 * upper / 2**count))


def _two_rows(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(
            f"expected two rows of one length, got shapes {first.shape}, {second.shape}"
        )
    return first, second


def _exact_p(count: int, discordant: int) -> float:
    """Share of permutations with at most so few inversions, both tails."""
    ways = [1]
    for length in range(2, count + 1):
        sums = np.cumsum([*ways, *[0] * (length - 1)], dtype=object)
        ways = [
            int(total) - (int(sums[place - length]) if place >= length else 0)
            for place, total in enumerate(sums)
        ]
    tail = sum(ways[: discordant + 1])
    return min(1.0, 2 * tail / factorial(count))


def _normal_p(score: float, count: int, a: Floats, b: Floats) -> float:
    from scipy.special import ndtr

    def ties(row: Floats) -> tuple[float, float, float]:
        size = np.unique(row, return_counts=True)[1].astype(np.float64)
        return (
            float((size * (size - 1)).sum()),
            float((size * (size - 1) * (size - 2)).sum()),
            float((size * (size - 1) * (2 * size + 5)).sum()),
        )

    (two_a, three_a, five_a), (two_b, three_b, five_b) = ties(a), ties(b)
    pairs = count * (count - 1)
    variance = (pairs * (2 * count + 5) - five_a - five_b) / 18
    variance += two_a * two_b / (2 * pairs)
    if count > 2:
        variance += three_a * three_b / (9 * pairs * (count - 2))
    return float(2 * ndtr(-abs(score) / sqrt(variance))) if variance > 0 else 1.0
