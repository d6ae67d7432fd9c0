"""Comparison of two runs on the same pairs (method §M6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import erfc, lcm, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_domainsafety.stats.outcomes import Floats, Interval, tail
from pytest_domainsafety.stats.rises import Movement, movement, smallest_rise

Wholes = NDArray[np.int64]

PERMUTATIONS = 100_000
"""Draws of signs where the exact distribution has too many places
(docs/statistics.md#comparison-with-a-baseline)."""
_MOST_SUMS = 1 << 20
"""Places of the exact distribution: bounds its memory."""
_MOST_STEPS = 1 << 26
"""Reach of the sum times clusters: bounds the time of its convolutions."""
_FINEST = 10**9
"""Equal parts of a reply at most; beyond, flips are drawn and parts may be rounded."""
_SWIFT = 2_000
"""Changes up to which the smallest rise that could be shown is worked out exactly."""
_SHIFT = 1_000
"""Parts of a part, for a tolerance given in tenths of a point."""
_AT_ONCE = 2_000_000
"""Counts or signs drawn at once; more are drawn in rounds, to bound memory."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The change in a rate over the pairs that two runs share.

    Attributes:
        pairs: Clusters that both runs scored.
        difference: New rate − old rate; None without pairs.
        interval: Paired cluster bootstrap of the difference, never inside what the
            pairs that moved up and down allow, nor the zero-event bound on them.
        p: Two-sided sign-flip permutation test of the same difference.
        rates: Old and new rate over these clusters.
        least_p: The smallest p-value that these changes can have, whatever their
            signs: 2 ÷ 2ⁿ for n clusters that moved (Tarone 1990).
        moved: The clusters that moved; None without any cluster.
        changes: Shape (pairs,), each cluster's change in equal parts, of which
            `whole` are a change of all its replies.
    """

    pairs: int
    difference: float | None
    interval: Interval
    p: float
    rates: tuple[float, float] | None = None
    least_p: float = 1.0
    moved: Movement | None = None
    changes: Wholes = field(default_factory=lambda: np.zeros(0, np.int64))
    whole: int = 1

    def smallest_rise(self, level: float, *, seed: int = 42) -> float | None:
        """Return the smallest rise that would have been significant here.

        Args:
            level: At or below which a p-value is.
            seed: Of the draws, where the exact distribution is too large.
        """
        return smallest_rise(
            self.changes,
            self.whole,
            level,
            lambda changes: _swift_p(changes, seed),
        )


def paired_difference(
    old: tuple[ArrayLike, ArrayLike],
    new: tuple[ArrayLike, ArrayLike],
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
    tolerance: float = 0.0,
) -> PairedDifference:
    """Return the difference of two runs' rates on the same clusters.

    In both rates a cluster has the same weight, m m′ ÷ (m + m′) for its m and m′
    trials (Cochran 1954, Biometrics 10:417): else a run that lost replies of its
    worst clusters would look better for it. Where no trial is lost, these are the
    plain rates. Limits and test are of the same difference.

    Args:
        old: (successes, trials), each of shape (clusters,).
        new: The same clusters in the other run.
        resamples: Of the bootstrap.
        confidence: Of its two limits together.
        seed: Of all random draws.
        tolerance: The null's value: a rise of so much is tested, not one of
            nothing. The larger p-value of the two counts, since changes about any
            other value than 0 are not symmetric.

    Raises:
        ValueError: The shapes differ.
    """
    counts = np.stack([np.asarray(row, np.int64) for row in (*old, *new)], axis=1)
    counts = counts[(counts[:, 1] > 0) & (counts[:, 3] > 0)]
    if not len(counts):
        nothing = Interval(None, -1.0, 1.0, "paired-guarded", confidence)
        return PairedDifference(0, None, nothing, 1.0)
    first, second = counts[:, 1], counts[:, 3]
    weights = first * second / (first + second)
    was, is_now = weights * counts[:, 0] / first, weights * counts[:, 2] / second
    columns = np.stack([was, weights, is_now, weights], axis=1)
    sums = columns.sum(axis=0)
    difference = float(_differences(sums[np.newaxis])[0])
    low, high = _limits(columns, resamples, confidence, seed)
    moved = movement(counts[:, :2], counts[:, 2:], confidence)
    below, above = moved.reach()
    limits = (
        max(-1.0, min(low, difference - below)),
        min(1.0, max(high, difference + above)),
    )
    changes, whole = _in_units(counts[:, :2], counts[:, 2:])
    p = sign_flip_p(changes, seed=seed)
    if tolerance and p < 1:
        p = max(p, sign_flip_p(_shifted(changes, whole, tolerance), seed=seed))
    return PairedDifference(
        pairs=len(columns),
        difference=difference,
        rates=(float(sums[0] / sums[1]), float(sums[2] / sums[3])),
        interval=Interval(difference, *limits, "paired-guarded", confidence),
        p=p,
        least_p=min(1.0, 2.0 ** (1 - int(np.count_nonzero(changes)))),
        moved=moved,
        changes=changes,
        whole=whole,
    )


def _shifted(changes: Wholes, whole: int, tolerance: float) -> Wholes:
    """Return changes less a tolerated rise of each cluster, in finer parts."""
    finer = np.rint(changes * _SHIFT - tolerance * whole * _SHIFT).astype(np.int64)
    smaller: Wholes = finer // max(1, int(np.gcd.reduce(finer)))
    return smaller


def _in_units(old: Wholes, new: Wholes) -> tuple[Wholes, int]:
    """Return each cluster's weighted change in equal parts, and a whole one's parts.

    Where clusters have other numbers of trials, the whole is that of a middling one.
    """
    sizes = old[:, 1] + new[:, 1]
    changes = new[:, 0] * old[:, 1] - old[:, 0] * new[:, 1]
    scale = lcm(*np.unique(sizes).tolist())
    if scale > _FINEST:  # so fine that flips are drawn: parts may be rounded
        scale = _FINEST
    units = np.rint(changes / sizes * scale).astype(np.int64)
    full = np.rint(old[:, 1] * new[:, 1] / sizes * scale).astype(np.int64)
    parts = max(1, int(np.gcd.reduce(np.concatenate([units, full]))))
    smaller: Wholes = units // parts
    return smaller, max(1, int(np.median(full)) // parts)


def sign_flip_p(changes: Wholes, *, seed: int = 42) -> float:
    """Return the two-sided sign-flip permutation p-value of a sum of changes.

    Under no change each cluster's change is as likely to have either sign.
    Changes are whole numbers, so the distribution of their sum over all 2ⁿ flips
    is n convolutions, exact at any n. Where it has too many places, 100,000
    draws, with the observed one among them (Phipson and Smyth 2010, Stat. Appl.
    Genet. Mol. Biol. 9:39).

    Args:
        changes: Shape (clusters,), whole numbers.
        seed: Of the draws.
    """
    moved = np.abs(changes[changes != 0])
    if not len(moved):
        return 1.0
    observed = abs(int(changes.sum()))
    reach = float(moved.sum(dtype=np.float64))
    if reach < _MOST_SUMS / 2 and reach * len(moved) < _MOST_STEPS:
        return _exact_p(moved, observed)
    return _drawn_p(moved / reach, observed / reach, seed)


def _swift_p(changes: Wholes, seed: int) -> float:
    """Return the p-value; of very many changes the normal limit's (Lyapunov)."""
    moved = changes[changes != 0].astype(np.float64)
    if len(moved) <= _SWIFT:
        return sign_flip_p(changes, seed=seed)
    return erfc(abs(float(moved.sum())) / sqrt(2 * float(moved @ moved)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order given.

    Holm (1979, Scand. J. Statist. 6:65): the i-th smallest of m is multiplied
    by m − i + 1, made monotone and cut at 1.
    """
    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw, kind="stable")
    factors = np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raw[order] * factors))
    return [float(value) for value in adjusted]


def tarone_holm(
    p_values: Sequence[float], least: Sequence[float], alpha: float = 0.05
) -> tuple[list[float], float]:
    """Return p-values corrected as Holm does, for the tests that can be significant.

    A test whose smallest possible p-value is above α ÷ K can't be significant and
    must not count: K is the least number that at most K tests can reach (Tarone
    1990, Biometrics 46:515), found anew among those that are left at each of Holm's
    steps. K depends on α, so what is returned holds at this one: a test is
    significant where its corrected p-value is at or below α.

    Args:
        p_values: Of the tests.
        least: The smallest p-value that each could have had.
        alpha: Probability of a false alarm among them.

    Returns:
        The corrected p-values in the order given, and the level that a further one
        would have had to meet.
    """
    order = np.argsort(np.asarray(p_values, np.float64), kind="stable")
    corrected, highest = [1.0] * len(p_values), 0.0
    for step, place in enumerate(order):
        tests = _testable([least[other] for other in order[step:]], alpha)
        highest = max(highest, min(1.0, p_values[place] * tests))
        corrected[place] = highest
    return corrected, alpha / max(1, _testable(least, alpha))


def _testable(least: Sequence[float], alpha: float) -> int:
    tests = 1
    while sum(value <= alpha / tests for value in least) > tests:
        tests += 1
    return tests


def _differences(sums: Floats) -> Floats:
    # A resample without any cluster of one group has no difference.
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1]
    return result


def _limits(
    columns: Floats, resamples: int, confidence: float, seed: int
) -> tuple[float, float]:
    distinct, counts = np.unique(columns, axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    clusters = int(counts.sum())
    differences = []
    step = max(1, _AT_ONCE // len(counts))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = generator.multinomial(clusters, counts / clusters, size=size)
        differences.append(_differences(drawn @ distinct))
    alpha = tail(confidence)
    every = np.concatenate(differences)
    low, high = np.quantile(every[np.isfinite(every)], [alpha, 1 - alpha])
    return float(low), float(high)


def _exact_p(moved: Wholes, observed: int) -> float:
    """Distribution of Σ ±moved over all sign flips, by adding one at a time."""
    reach = int(moved.sum())
    chances = np.zeros(2 * reach + 1)
    chances[reach] = 1.0
    for step in moved:
        chances = (np.roll(chances, step) + np.roll(chances, -step)) / 2
    sums = np.arange(-reach, reach + 1)
    return min(1.0, float(chances[np.abs(sums) >= observed].sum()))


def _drawn_p(moved: Floats, observed: float, seed: int) -> float:
    generator = np.random.default_rng(seed)
    step = max(1, _AT_ONCE // len(moved))
    extreme = 0
    for start in range(0, PERMUTATIONS, step):
        size = min(step, PERMUTATIONS - start)
        signs = 2 * generator.integers(0, 2, size=(size, len(moved))) - 1
        extreme += int((np.abs(signs @ moved) >= observed - 1e-9).sum())
    return (extreme + 1) / (PERMUTATIONS + 1)


def group_difference(
    successes: ArrayLike,
    trials: ArrayLike,
    inside: ArrayLike,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Interval:
    """Return the rate inside a group of clusters minus the rate outside it.

    Clusters are resampled as they are, so the groups' sizes vary too.

    Args:
        successes: Shape (clusters,).
        trials: Shape (clusters,).
        inside: Shape (clusters,), whether a cluster belongs to the group.
        resamples: Of the bootstrap.
        confidence: Of its two limits together.
        seed: Of its generator.

    Returns:
        Percentile limits; no estimate and [−1, 1] where a group is empty.
    """
    won, tried = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    member = np.asarray(inside, np.float64)
    columns = np.stack(
        [won * (1 - member), tried * (1 - member), won * member, tried * member], axis=1
    )
    sums = columns.sum(axis=0)
    if not (sums[1] and sums[3]):
        return Interval(None, -1.0, 1.0, "percentile", confidence)
    low, high = _limits(columns, resamples, confidence, seed)
    estimate = float(_differences(sums[np.newaxis])[0])
    return Interval(estimate, low, high, "percentile", confidence)
