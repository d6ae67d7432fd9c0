"""Bootstrap intervals at a cost that does not grow with the number of clusters.

Drawing k clusters with replacement from k clusters that have d distinct
outcomes is one multinomial draw of size k over those d outcomes: the same
distribution exactly. In the same way all replications that share one rate are
drawn at once as one binomial.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.outcomes import Floats, Interval, Outcomes, tail

BootstrapMethod = Literal["percentile", "bca"]
_AT_ONCE = 4_000_000
"""Counts drawn at once; more are drawn in rounds, to bound memory."""


def cluster_bootstrap(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
    method: BootstrapMethod = "percentile",
) -> Interval:
    """Return the cluster bootstrap's interval of a ratio of sums.

    Degenerate input: without clusters the interval is [0, 1] around no
    estimate. One cluster, or clusters that all have the same rate, give a
    point: each resample is the same. That is what the procedure says, and
    why a gate must not rely on it alone (:func:`~.intervals.guarded`).

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        resamples: Bootstrap samples.
        confidence: Of the two limits together.
        seed: Of the generator (PCG64).
        method: ``percentile`` (study §3.6) or ``bca`` (Efron 1987, JASA
            82:171), which falls back to percentile where its bias correction
            is infinite or all clusters weigh the same.

    Raises:
        ValueError: The arrays do not hold clusters, or a setting is out of range.
    """
    outcomes = Outcomes.of(successes, trials)
    return bootstrap_of(
        outcomes, resamples=resamples, confidence=confidence, seed=seed, method=method
    )


def bootstrap_of(
    outcomes: Outcomes,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
    method: BootstrapMethod = "percentile",
) -> Interval:
    """Return what :func:`cluster_bootstrap` does, from counted clusters."""
    tail(confidence)  # refuses a confidence out of range
    if outcomes.rate is None:
        return Interval(None, 0.0, 1.0, method, confidence)
    # A report asks for the same interval under several names: draw it once.
    low, high = _limits(
        outcomes.successes.tobytes(),
        outcomes.trials.tobytes(),
        outcomes.counts.tobytes(),
        resamples,
        confidence,
        seed,
        method,
    )
    return Interval(outcomes.rate, low, high, method, confidence)


@lru_cache(maxsize=512)
def _limits(
    successes: bytes,
    trials: bytes,
    counts: bytes,
    resamples: int,
    confidence: float,
    seed: int,
    method: BootstrapMethod,
) -> tuple[float, float]:
    outcomes = Outcomes(
        np.frombuffer(successes),
        np.frombuffer(trials),
        np.frombuffer(counts, dtype=np.int64),
    )
    alpha = tail(confidence)
    rates = resampled_rates(outcomes, resamples, seed)
    if rates is None:
        rate = outcomes.events / outcomes.responses
        return rate, rate
    probabilities = np.array([alpha, 1 - alpha])
    if method == "bca":
        probabilities = bca_probabilities(outcomes, rates, probabilities)
    low, high = np.quantile(rates, probabilities)
    return float(low), float(high)


def replication_bootstrap(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Interval:
    """Return the interval for this fixed set of prompts (method §M4.5).

    Replications are resampled within each cluster; the clusters stay. With one
    replication, or where each cluster's replications agree, it is a point.

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        resamples: Bootstrap samples.
        confidence: Of the two limits together.
        seed: Of the generator.

    Raises:
        ValueError: The arrays do not hold clusters, or a setting is out of range.
    """
    return replications_of(
        Outcomes.of(successes, trials),
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )


def replications_of(
    outcomes: Outcomes, *, resamples: int, confidence: float, seed: int
) -> Interval:
    """Return what :func:`replication_bootstrap` does, from counted clusters."""
    alpha = tail(confidence)
    rate = outcomes.rate
    if rate is None:
        return Interval(None, 0.0, 1.0, "percentile", confidence)
    rates = replication_rates(outcomes, resamples, seed)
    if rates is None:
        return Interval(rate, rate, rate, "percentile", confidence)
    low, high = np.quantile(rates, [alpha, 1 - alpha])
    return Interval(rate, float(low), float(high), "percentile", confidence)


def replication_rates(outcomes: Outcomes, resamples: int, seed: int) -> Floats | None:
    """Return the rate in each resample of replications, None where it can't vary."""
    mixed = (outcomes.successes > 0) & (outcomes.successes < outcomes.trials)
    if not mixed.any():
        return None
    sure = float((outcomes.successes * outcomes.counts)[~mixed].sum())
    replies = (outcomes.trials * outcomes.counts)[mixed].astype(np.int64)
    shares = (outcomes.successes / outcomes.trials)[mixed]
    generator = np.random.default_rng(seed)
    drawn = generator.binomial(
        replies, shares, size=(_positive(resamples), len(shares))
    )
    rates: Floats = (sure + drawn.sum(axis=1)) / outcomes.responses
    return rates


def _positive(resamples: int) -> int:
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, got {resamples!r}")
    return resamples


def resampled_rates(outcomes: Outcomes, resamples: int, seed: int) -> Floats | None:
    """Return the rate in each resample, or None where it can't vary."""
    rates = outcomes.successes / outcomes.trials
    if rates.min() == rates.max():
        _positive(resamples)
        return None
    clusters = outcomes.clusters
    generator = np.random.default_rng(seed)
    result = np.empty(_positive(resamples))
    step = max(1, _AT_ONCE // len(rates))
    shares = outcomes.counts / clusters
    sums = np.stack([outcomes.successes, outcomes.trials], axis=1)
    equal = bool(np.all(outcomes.trials == outcomes.trials[0]))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = generator.multinomial(clusters, shares, size=size)
        if equal:
            part = (drawn @ outcomes.successes) / outcomes.responses
        else:
            totals = drawn @ sums
            part = totals[:, 0] / totals[:, 1]
        result[start : start + size] = part
    return result


def bca_probabilities(outcomes: Outcomes, rates: Floats, plain: Floats) -> Floats:
    """Return bias-corrected and accelerated probabilities (Efron 1987)."""
    from scipy.special import ndtr, ndtri

    events, responses = outcomes.events, outcomes.responses
    estimate = events / responses
    below = (np.mean(rates < estimate) + np.mean(rates <= estimate)) / 2
    left_out = (events - outcomes.successes) / (responses - outcomes.trials)
    weights = outcomes.counts
    pulls = np.average(left_out, weights=weights) - left_out
    spread = float(weights @ pulls**2)
    if below in (0.0, 1.0) or spread == 0:
        return plain
    bias = ndtri(below)
    acceleration = float(weights @ pulls**3) / (6 * spread**1.5)
    shifted = bias + ndtri(plain)
    corrected: Floats = ndtr(bias + shifted / (1 - acceleration * shifted))
    return corrected
