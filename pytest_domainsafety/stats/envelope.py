"""Korn–Graubard limits that one more complying reply never lowers.

Korn–Graubard's limit follows the variance that the replies show. One more
complying reply can make them look less clustered, and so lower the limit: by 8.5
points at 20 pairs (all pairs at one of three, then one of them at two), enough
to turn a failed gate into a passed one. The envelope is the highest limit over
all patterns with no more complying replies in any cluster. Among those of one
total, the most clustered one has the highest limit: fill the clusters that
comply most, first. So only as many patterns are looked at as replies complied.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.outcomes import Floats, Outcomes, tail

MOST_TOTALS = 256
"""Patterns looked at; where more replies complied, evenly spaced totals."""


def monotone_upper(outcomes: Outcomes, *, confidence: float = 0.95) -> float:
    """Return the highest Korn–Graubard upper limit of all patterns below this one.

    Exact for clusters of one size with up to 256 complying replies; beyond
    that a grid of totals, and for clusters of unequal size the same filling
    order, both of which always contain the pattern itself.
    """
    events = int(outcomes.events)
    if not events:
        return 0.0
    totals, squares, products = _fillings(outcomes, events)
    rates = totals / outcomes.responses
    squared_trials = float(outcomes.counts @ outcomes.trials**2)
    residuals = squares - 2 * rates * products + rates**2 * squared_trials
    sizes = _effective_sizes(outcomes, rates, residuals, confidence)
    even = _even_rates(outcomes)
    return _highest(
        np.concatenate([rates, even]),
        np.concatenate([sizes, np.full(len(even), float(outcomes.clusters))]),
        confidence,
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


def _effective_sizes(
    outcomes: Outcomes, rates: Floats, residuals: Floats, confidence: float
) -> Floats:
    """As :func:`~.intervals.effective_size`, for many patterns at once."""
    from scipy.special import stdtrit

    clusters, responses = outcomes.clusters, outcomes.responses
    sizes = np.full(len(rates), float(clusters))
    if clusters < 2:
        return sizes
    variances = clusters / (clusters - 1) * residuals / responses**2
    spread = rates * (1 - rates)
    vary = (variances > spread * 1e-12) & (spread > 0)
    upper = 1 - tail(confidence)
    ratio = stdtrit(responses - 1, upper) / stdtrit(clusters - 1, upper)
    independent = np.minimum(spread[vary] / variances[vary], responses)
    sizes[vary] = independent * ratio**2
    return sizes


def _even_rates(outcomes: Outcomes) -> Floats:
    """Rates of the patterns in which all clusters are alike: variance 0."""
    trials = outcomes.trials
    if trials.min() != trials.max():
        return np.zeros(0)
    level = int(outcomes.successes.min())
    evenly: Floats = np.arange(1, level + 1) / trials[0]
    return evenly


def _highest(rates: Floats, sizes: Floats, confidence: float) -> float:
    from scipy.special import betaincinv

    if rates.max() >= 1:
        return 1.0
    limits = betaincinv(rates * sizes + 1, (1 - rates) * sizes, 1 - tail(confidence))
    return float(limits.max())
