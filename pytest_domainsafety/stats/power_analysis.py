"""How many pairs a gate needs, and what it can ever pass (method §M8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.exact_limits import upper_limits
from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    held_size,
    monotone_lower,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Outcomes, tail
from pytest_domainsafety.types import FEWEST_PAIRS

STUDY_ICC = 0.55
"""Intra-cluster correlation worked out from the study's intervals (§M4.2)."""
MOST_PAIRS = 100_000
"""Of `pairs_to_settle`: a gate that needs more is taken for one that never settles."""
BLOCK = 2_000
"""Runs that are drawn at once: memory doesn't grow with the runs asked for."""
MOST_SIMULATED = 5_000
"""Of `pairs_for_power`, which simulates every number of pairs that it tries."""
_GOOD_CHANCE_Z = 0.8416212335729143
"""Normal quantile of the probability 0.8 with which a gate shall be settled."""


def intra_cluster_correlation(outcomes: Outcomes) -> float | None:
    """Return the ANOVA estimate of the intra-cluster correlation, in [0, 1].

    (MSB − MSW) ÷ (MSB + (m₀ − 1) MSW), m₀ the adjusted mean cluster size
    (Donner 1986, Int. Stat. Rev. 54:67). None where it can't be told: fewer
    than two clusters, one reply each, or no variation at all.
    """
    clusters, responses, rate = outcomes.clusters, outcomes.responses, outcomes.rate
    if rate is None or rate in (0.0, 1.0) or clusters < 2 or responses <= clusters:
        return None
    shares = outcomes.successes / outcomes.trials
    between = float(outcomes.counts @ (outcomes.trials * (shares - rate) ** 2))
    within = float(outcomes.counts @ (outcomes.trials * shares * (1 - shares)))
    squares = float(outcomes.counts @ outcomes.trials**2)
    size = (responses - squares / responses) / (clusters - 1)
    between /= clusters - 1
    within /= responses - clusters
    correlation = (between - within) / (between + (size - 1) * within)
    return min(1.0, max(0.0, correlation))


def smallest_threshold(pairs: int, *, confidence: float = 0.95) -> float:
    """Return the lowest threshold that a gate with no compliance at all passes.

    Under five pairs it is 1, which asks for nothing.
    """
    if pairs < FEWEST_PAIRS:
        return 1.0
    return zero_event_bound(pairs, confidence=confidence)


def pairs_to_settle(
    rate: float,
    threshold: float,
    *,
    icc: float | None = None,
    replications: float = 3,
    confidence: float = 0.95,
) -> int | None:
    """Return the pairs with which a gate would be settled in 4 runs of 5.

    The true rate is taken to be `rate`. Below the threshold the gate settles
    by passing, above it by being exceeded. Worked out from the normal spread
    of the observed rate under a beta-binomial, and the limit that
    Korn–Graubard and the zero-event bound would give there; `power` simulates
    the same. Under five pairs a gate never passes.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        icc: Intra-cluster correlation; None takes the study's 0.55.
        replications: Replies a pair.
        confidence: Of the gate's two limits together.

    Returns:
        Pairs, or None where the rate sits on the threshold or more than
        100,000 pairs would be needed.
    """
    if rate == threshold or not 0 < threshold < 1:
        return None
    correlation = STUDY_ICC if icc is None else icc
    effect = 1 + (max(1.0, replications) - 1) * correlation

    def settles(pairs: int) -> bool:
        size = pairs * max(1.0, replications) / effect
        held = float(held_size(size, pairs))
        spread = _GOOD_CHANCE_Z * sqrt(rate * (1 - rate) / size)
        floor = zero_event_bound(pairs, confidence=confidence)
        if rate < threshold:
            if pairs < FEWEST_PAIRS:
                return False
            seen = min(1.0, rate + spread)
            exact = clopper_pearson(seen * held, held, confidence=confidence)
            return max(exact.high, floor) <= threshold
        seen = max(0.0, rate - spread)
        exact = clopper_pearson(seen * held, held, confidence=confidence)
        return min(exact.low, 1 - floor) > threshold

    return _first(settles, MOST_PAIRS)


def pairs_without_compliance(threshold: float, *, confidence: float = 0.95) -> int:
    """Return the pairs with which a model that never complies passes."""
    enough = ceil(log(tail(confidence)) / log(1 - threshold) - 1e-9)
    return max(FEWEST_PAIRS, enough)


def _first(holds: Callable[[int], bool], most: int) -> int | None:
    """Return the least number for which a condition holds that then stays true."""
    high = 2
    while not holds(high):
        if high >= most:
            return None
        high = min(most, 2 * high)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@dataclass(frozen=True, slots=True)
class Power:
    """How often a gate would be passed, simulated.

    Attributes:
        passes: Share of runs in which the gate passes.
        exceeds: Share in which the model is shown to be worse.
        smallest_threshold: What so many pairs can ever pass, with no compliance.
    """

    pairs: int
    replications: int
    passes: float
    exceeds: float
    smallest_threshold: float


def power(
    rate: float,
    threshold: float,
    pairs: int,
    *,
    replications: int = 3,
    icc: float = STUDY_ICC,
    confidence: float = 0.95,
    runs: int = 2000,
    seed: int = 42,
    method: str = "guarded",
) -> Power:
    """Simulate a gate whose domain has a true rate (method §M8).

    Each run draws the pairs' rates from a beta distribution and their replies
    from binomials, so that replies correlate by `icc` within a pair. The limits
    are those of the guarded interval without its bootstrap, which is seldom
    the widest and would cost a hundred times as much. As in the gate, fewer than
    five pairs pass no threshold under 1.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        pairs: Scenario pairs.
        replications: Replies a pair.
        icc: Intra-cluster correlation, from 0 to 1.
        confidence: Of the gate's two limits together.
        runs: Simulated runs.
        seed: Of the generator.
        method: `guarded` or `exact`.

    Raises:
        ValueError: A share lies outside [0, 1], or a number is below 1.
    """
    _check_plan(rate, threshold, icc, pairs, replications)
    generator = np.random.default_rng(seed)
    blocks = [min(BLOCK, runs - done) for done in range(0, runs, BLOCK)]
    by_level = [
        _by_level(
            draw_runs(rate, icc, pairs, replications, block, generator), replications
        )
        for block in blocks
    ]
    levels, counts = np.unique(np.concatenate(by_level), axis=0, return_counts=True)
    weights = counts.astype(np.float64)
    limits = _limits(levels, replications, confidence, method)
    passes = float(weights @ (limits[:, 1] <= threshold)) / runs
    return Power(
        pairs,
        replications,
        passes=passes if pairs >= FEWEST_PAIRS or threshold >= 1 else 0.0,
        exceeds=float(weights @ (limits[:, 0] > threshold)) / runs,
        smallest_threshold=smallest_threshold(pairs, confidence=confidence),
    )


def pairs_for_power(
    rate: float,
    threshold: float,
    *,
    chance: float = 0.8,
    replications: int = 3,
    icc: float = STUDY_ICC,
    confidence: float = 0.95,
    runs: int = 2000,
    seed: int = 42,
    method: str = "guarded",
) -> int | None:
    """Return the fewest pairs with which the gate passes so often, simulated.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        chance: Share of runs that shall pass.
        replications: Replies a pair.
        icc: Intra-cluster correlation.
        confidence: Of the gate's two limits together.
        runs: Simulated runs for each number of pairs that is tried.
        seed: Of the generator.
        method: `guarded` or `exact`.

    Returns:
        Pairs; None where the rate is not below the threshold, or more than
        5,000 would be needed.

    Raises:
        ValueError: A share lies outside [0, 1], or a number is below 1.
    """
    _check_plan(rate, threshold, icc, 1, replications)
    if rate >= threshold:
        return None

    def enough(pairs: int) -> bool:
        estimate = power(
            rate,
            threshold,
            pairs,
            replications=replications,
            icc=icc,
            confidence=confidence,
            runs=runs,
            seed=seed,
            method=method,
        )
        return estimate.passes >= chance

    return _first(enough, MOST_SIMULATED)


def draw_runs(
    rate: float,
    icc: float,
    pairs: int,
    replications: int,
    runs: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Return complying replies, shape (runs, pairs), from a beta-binomial."""
    if rate in (0.0, 1.0):
        return np.full((runs, pairs), int(rate) * replications)
    if icc >= 1:
        return replications * generator.binomial(1, rate, size=(runs, pairs))
    if icc <= 0:
        return generator.binomial(replications, rate, size=(runs, pairs))
    strength = 1 / icc - 1
    shares = generator.beta(rate * strength, (1 - rate) * strength, size=(runs, pairs))
    return generator.binomial(replications, shares)


def _by_level(won: NDArray[np.int64], replications: int) -> NDArray[np.int64]:
    """Return how many pairs of each run comply 0, 1, … times: (runs, levels)."""
    return np.stack(
        [(won == level).sum(axis=1) for level in range(replications + 1)], axis=1
    )


def _limits(
    levels: NDArray[np.int64], replications: int, confidence: float, method: str
) -> NDArray[np.float64]:
    """Return the lower and upper limit of each pattern, shape (patterns, 2)."""
    if method == "exact":
        shares = np.arange(replications + 1) / replications
        alpha = tail(confidence)
        return np.column_stack(
            [
                1 - upper_limits(1 - shares, levels, alpha),
                upper_limits(shares, levels, alpha),
            ]
        )
    floor = zero_event_bound(int(levels[0].sum()), confidence=confidence)
    return np.array(
        [
            (
                min(monotone_lower(outcomes, confidence=confidence), 1 - floor),
                max(monotone_upper(outcomes, confidence=confidence), floor),
            )
            for outcomes in (_outcomes(row, replications) for row in levels)
        ]
    )


def _outcomes(counts: NDArray[np.int64], replications: int) -> Outcomes:
    seen = counts > 0
    won = np.flatnonzero(seen).astype(np.float64)
    return Outcomes(won, np.full(len(won), float(replications)), counts[seen])


def _check_plan(
    rate: float, threshold: float, icc: float, pairs: int, replications: int
) -> None:
    for name, share in (("rate", rate), ("threshold", threshold), ("icc", icc)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {share!r}")
    for name, count in (("pairs", pairs), ("replications", replications)):
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count!r}")
