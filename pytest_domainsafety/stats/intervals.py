"""Intervals that hold at the size people really run (method §M4)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_domainsafety.stats.bootstrap import bootstrap_of, replications_of
from pytest_domainsafety.stats.exact_limits import exact_of
from pytest_domainsafety.stats.outcomes import Floats, Interval, Outcomes, tail

Estimand = Literal["population", "suite"]
Method = Literal["guarded", "exact", "percentile", "bca", "korn-graubard"]
_NOTHING_DRAWN = ("korn-graubard", "exact")


def clopper_pearson(
    events: float, responses: float, *, confidence: float = 0.95
) -> Interval:
    """Return the exact binomial interval (Clopper and Pearson 1934, Biometrika 26:404).

    Args:
        events: Replies with the event; may be fractional, as on an effective
            sample size.
        responses: Independent replies; [0, 1] where there are none.
        confidence: Of the two limits together.
    """
    from scipy.special import betaincinv

    alpha = tail(confidence)
    if responses <= 0:
        return Interval(None, 0.0, 1.0, "clopper-pearson", confidence)
    rest = responses - events
    # Closed forms at the ends, so that equal limits are equal to the last bit.
    extreme = 1 - alpha ** (1 / responses)
    low, high = (0.0, extreme) if events <= 0 else (1 - extreme, 1.0)
    if events > 0 and rest > 0:
        low = float(betaincinv(events, rest + 1, alpha))
        high = float(betaincinv(events + 1, rest, 1 - alpha))
    return Interval(events / responses, low, high, "clopper-pearson", confidence)


def naive(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Return Wilson's interval, as if all replies were independent.

    It is too narrow by the square root of the design effect, and is shown only
    beside the others (Wilson 1927, JASA 22:209).

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        confidence: Of the two limits together.

    Raises:
        ValueError: The arrays do not hold clusters.
    """
    return naive_of(Outcomes.of(successes, trials), confidence=confidence)


def naive_of(outcomes: Outcomes, *, confidence: float = 0.95) -> Interval:
    """Return what :func:`naive` does, from counted clusters."""
    from scipy.special import ndtri

    z = float(ndtri(1 - tail(confidence)))
    rate, responses = outcomes.rate, outcomes.responses
    if rate is None:
        return Interval(None, 0.0, 1.0, "naive", confidence)
    shrink = 1 + z * z / responses
    middle = (rate + z * z / (2 * responses)) / shrink
    spread = rate * (1 - rate) / responses + z * z / (4 * responses**2)
    half = z * spread**0.5 / shrink
    low = 0.0 if rate == 0 else max(0.0, float(middle - half))
    high = 1.0 if rate == 1 else min(1.0, float(middle + half))
    return Interval(rate, low, high, "naive", confidence)


def effective_size(outcomes: Outcomes, *, confidence: float = 0.95) -> float:
    """Return how many independent replies the clustered ones are worth.

    Korn and Graubard (1998, Survey Methodology 24:193): p(1−p) ÷ v, at most
    the number of replies, times the squared ratio of t quantiles with
    replies − 1 and clusters − 1 degrees of freedom. v is the linearised
    variance of the ratio. Where v says nothing (rate 0 or 1, all clusters
    alike, a single cluster) it is the number of clusters. In any case it is
    :func:`held_size`.
    """
    rate = outcomes.rate
    if rate is None:
        return 0.0
    residuals = outcomes.successes - rate * outcomes.trials
    squares = float(outcomes.counts @ residuals**2)
    sizes = effective_sizes(
        outcomes, np.array([rate]), np.array([squares]), tail(confidence)
    )
    return float(sizes[0])


def held_size(size: Floats | float, clusters: int) -> Floats:
    """Hold an effective sample size between k and 2k, k clusters (method §M4.3).

    From below, because it can't truly be less, and the squared t ratio alone puts
    20 clusters of one reply at 17.4. From above, because a class of scenarios that
    was never seen shows no variance: unheld, more replications made the limit
    worse (docs/statistics.md#coverage).
    """
    return np.clip(np.asarray(size, np.float64), clusters, 2.0 * clusters)


def korn_graubard(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Return Clopper–Pearson limits on the effective sample size.

    See :func:`effective_size` for the formula and its degenerate cases.

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        confidence: Of the two limits together.

    Raises:
        ValueError: The arrays do not hold clusters.
    """
    return korn_graubard_of(Outcomes.of(successes, trials), confidence=confidence)


def korn_graubard_of(outcomes: Outcomes, *, confidence: float = 0.95) -> Interval:
    """Return what :func:`korn_graubard` does, from counted clusters."""
    rate = outcomes.rate
    if rate is None:
        return Interval(None, 0.0, 1.0, "korn-graubard", confidence)
    size = effective_size(outcomes, confidence=confidence)
    exact = clopper_pearson(rate * size, size, confidence=confidence)
    return Interval(rate, exact.low, exact.high, "korn-graubard", confidence)


def zero_event_bound(clusters: int, *, confidence: float = 0.95) -> float:
    """Return the upper limit when none of `clusters` shows the event.

    1 − α^(1/clusters): the exact bound on independent clusters (the "rule of
    three", carried to any confidence), 16.8% for 20 clusters at 95%.
    """
    return 1.0 if clusters < 1 else float(1 - tail(confidence) ** (1 / clusters))


def guarded(
    successes: ArrayLike,
    trials: ArrayLike,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Interval:
    """Return the gate's interval: the widest of three (method §M4.4).

    Percentile cluster bootstrap; Korn–Graubard, made monotone, so that one
    more complying reply never lowers it (:mod:`~.envelope`); and the exact
    zero-event bound on clusters, whose upper limit no pattern of replies may
    undercut. The lower limit is the mirror image. Simulated coverage:
    `benchmarks/coverage.md`.

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        resamples: Bootstrap samples.
        confidence: Of the two limits together.
        seed: Of the bootstrap's generator.

    Raises:
        ValueError: The arrays do not hold clusters, or a setting is out of range.
    """
    return guarded_of(
        Outcomes.of(successes, trials),
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )


def guarded_of(
    outcomes: Outcomes, *, resamples: int, confidence: float, seed: int
) -> Interval:
    """Return what :func:`guarded` does, from counted clusters."""
    if outcomes.rate is None:
        return Interval(None, 0.0, 1.0, "guarded", confidence)
    resampled = bootstrap_of(
        outcomes, resamples=resamples, confidence=confidence, seed=seed
    )
    plain = korn_graubard_of(outcomes, confidence=confidence)
    lowest = monotone_lower(outcomes, confidence=confidence)
    highest = monotone_upper(outcomes, confidence=confidence)
    floor = zero_event_bound(outcomes.clusters, confidence=confidence)
    low = min(resampled.low, plain.low, lowest, 1 - floor)
    high = max(resampled.high, plain.high, highest, floor)
    return Interval(outcomes.rate, low, high, "guarded", confidence)


def interval_of(
    outcomes: Outcomes,
    *,
    method: str = "guarded",
    estimand: str = "population",
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Interval:
    """Return the interval by name, for either estimand (method §M4.5).

    For `suite` the replications are all that varies: `percentile` and `bca`
    resample them within each cluster, `korn-graubard` and `exact` become
    Clopper–Pearson on replies, which is conservative for a sum of unlike
    binomials (Hoeffding 1956, Ann. Math. Statist. 27:713), and `guarded` takes
    the wider of the two.

    Args:
        outcomes: Counted clusters.
        method: Which interval.
        estimand: `population` (clusters are a sample) or `suite` (they are all).
        resamples: Bootstrap samples.
        confidence: Of the two limits together.
        seed: Of the bootstrap's generator.

    Raises:
        ValueError: There is no such method or estimand.
    """
    if method not in get_args(Method) or estimand not in get_args(Estimand):
        raise ValueError(f"no interval {method!r} for the estimand {estimand!r}")
    if estimand == "suite":
        return _suite_interval(
            outcomes, method, resamples=resamples, confidence=confidence, seed=seed
        )
    if method == "korn-graubard":
        return korn_graubard_of(outcomes, confidence=confidence)
    if method == "exact":
        return exact_of(outcomes, confidence=confidence)
    if method == "guarded":
        return guarded_of(
            outcomes, resamples=resamples, confidence=confidence, seed=seed
        )
    return bootstrap_of(
        outcomes,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
        method="bca" if method == "bca" else "percentile",
    )


def _suite_interval(
    outcomes: Outcomes, method: str, *, resamples: int, confidence: float, seed: int
) -> Interval:
    exact = clopper_pearson(outcomes.events, outcomes.responses, confidence=confidence)
    if method in _NOTHING_DRAWN:
        return Interval(exact.estimate, exact.low, exact.high, method, confidence)
    drawn = replications_of(
        outcomes, resamples=resamples, confidence=confidence, seed=seed
    )
    low, high = drawn.limits
    if method == "guarded":
        low, high = min(low, exact.low), max(high, exact.high)
    return Interval(drawn.estimate, low, high, method, confidence)


MOST_TOTALS = 256
"""Patterns looked at; where more replies complied, evenly spaced totals
(docs/statistics.md#one-more-complying-reply)."""


def monotone_upper(outcomes: Outcomes, *, confidence: float = 0.95) -> float:
    """Return the highest Korn–Graubard upper limit of all patterns below this one.

    Exact for clusters of one size with up to 256 complying replies; beyond
    that a grid of totals, and for clusters of unequal size the same filling
    order, both of which always contain the pattern itself.
    """
    if not int(outcomes.events):
        return 0.0
    rates, residuals = patterns_below(outcomes)
    alpha = tail(confidence)
    return _highest(rates, effective_sizes(outcomes, rates, residuals, alpha), alpha)


def patterns_below(outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Return rate and Σ residuals² of each pattern that the envelope looks at.

    The fillings of the clusters, of which the last is the pattern itself, and
    those in which all clusters are alike, whose residuals are 0.
    """
    totals, squares, products = _fillings(outcomes, int(outcomes.events))
    rates = totals / outcomes.responses
    squared_trials = float(outcomes.counts @ outcomes.trials**2)
    residuals = squares - 2 * rates * products + rates**2 * squared_trials
    even = _even_rates(outcomes)
    return np.concatenate([rates, even]), np.concatenate(
        [residuals, np.zeros(len(even))]
    )


def monotone_lower(outcomes: Outcomes, *, confidence: float = 0.95) -> float:
    """Return the mirror image: the lowest limit of all patterns above this one."""
    mirrored = Outcomes(
        outcomes.trials - outcomes.successes, outcomes.trials, outcomes.counts
    )
    return 1 - monotone_upper(mirrored, confidence=confidence)


def _fillings(
    outcomes: Outcomes, events: int
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return totals, Σ successes² and Σ successes · trials of each filling."""
    order = np.argsort(-outcomes.successes, kind="stable")
    order = order[outcomes.successes[order] > 0]
    counts = outcomes.counts[order]
    won = outcomes.successes[order].astype(np.int64)
    tried = outcomes.trials[order]
    totals = np.arange(1, events + 1)
    if events > MOST_TOTALS:
        totals = np.unique(np.linspace(1, events, MOST_TOTALS).astype(np.int64))
    ends = np.cumsum(won * counts)
    at = np.searchsorted(ends, totals, side="left")
    inside = totals - (ends - won * counts)[at]
    # Of the clusters of one outcome so many are full; the next one has the rest.
    full = (inside - 1) // won[at]
    rest = inside - full * won[at]
    squares, products = counts * won**2, counts * won * tried
    return (
        totals,
        (np.cumsum(squares) - squares)[at] + full * won[at] ** 2.0 + rest**2,
        (np.cumsum(products) - products)[at] + (full * won[at] + rest) * tried[at],
    )


def effective_sizes(
    outcomes: Outcomes, rates: Floats, residuals: Floats, alpha: float
) -> Floats:
    """As :func:`effective_size`, by rates and Σ residuals² of many patterns.

    Args:
        outcomes: Whose clusters and replies the patterns have.
        rates: Of each pattern.
        residuals: Of each, Σ (successes − rate × trials)² over clusters.
        alpha: Probability that the one limit may miss, under ½.
    """
    from scipy.special import stdtrit

    clusters, responses = outcomes.clusters, outcomes.responses
    sizes = np.full(len(rates), float(clusters))
    if clusters < 2:
        return sizes
    variances = clusters / (clusters - 1) * residuals / responses**2
    spread = rates * (1 - rates)
    vary = (variances > spread * 1e-12) & (spread > 0)
    ratio = stdtrit(responses - 1, alpha) / stdtrit(clusters - 1, alpha)
    independent = np.minimum(spread[vary] / variances[vary], responses)
    sizes[vary] = held_size(independent * ratio**2, clusters)
    return sizes


def _even_rates(outcomes: Outcomes) -> Floats:
    """Rates of the patterns in which all clusters are alike: variance 0."""
    trials = outcomes.trials
    if trials.min() != trials.max():
        return np.zeros(0)
    level = int(outcomes.successes.min())
    evenly: Floats = np.arange(1, level + 1) / trials[0]
    return evenly


def _highest(rates: Floats, sizes: Floats, alpha: float) -> float:
    from scipy.special import betaincinv

    if rates.max() >= 1:
        return 1.0
    limits = betaincinv(rates * sizes + 1, (1 - rates) * sizes, 1 - alpha)
    return float(limits.max())
