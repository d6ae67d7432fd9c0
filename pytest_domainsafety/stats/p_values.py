"""A gate's p-value: the smallest α at which its own limit is low enough (§M5).

Each part of a limit falls as α grows, so the α of the widest of several parts is
the largest of theirs. The zero-event bound and a bootstrap's quantile are solved
in closed form. Korn–Graubard's size depends on α, so its α is found by bisection
on a logarithmic scale, to one part in 10⁹ and never below it, from 10⁻¹⁶ (what is
smaller is said to be that) to 0.49 (what is larger is said to be 1).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pytest_domainsafety.stats.bootstrap import (
    bca_probabilities,
    replication_rates,
    resampled_rates,
)
from pytest_domainsafety.stats.exact_limits import exact_p
from pytest_domainsafety.stats.intervals import effective_sizes, patterns_below
from pytest_domainsafety.stats.outcomes import Floats, Outcomes

SMALLEST, _LARGEST, _FINE = 1e-16, 0.49, 1e-9


def p_value_of(
    outcomes: Outcomes,
    threshold: float,
    *,
    method: str = "guarded",
    estimand: str = "population",
    resamples: int = 10_000,
    seed: int = 42,
) -> float:
    """Return the smallest α at which the upper limit is at or below a threshold.

    At that α and above the limit of
    :func:`~pytest_domainsafety.stats.intervals.interval_of` with confidence
    1 − 2α passes. Of the guarded limit it never falls where one more reply
    complies, as far as the limit itself never falls.

    Args:
        outcomes: Counted clusters, missing replies as the gate counts them.
        threshold: A share.
        method: As of `interval_of`.
        estimand: As of `interval_of`.
        resamples: Bootstrap samples.
        seed: Of the bootstrap's generator.
    """
    rate = outcomes.rate
    if rate is None or threshold < 0:
        return 1.0
    if threshold >= 1:
        return 0.0
    if method == "exact":
        if estimand == "suite":
            return max(_exact_alphas(outcomes, threshold, method, estimand))
        return exact_p(outcomes, threshold)
    draw = replication_rates if estimand == "suite" else resampled_rates
    parts = []
    if method != "korn-graubard":
        rates = draw(outcomes, resamples, seed)
        # Without variation each resample has the rate itself.
        sample = np.sort(np.array([rate]) if rates is None else rates)
        varies = rates is not None and method == "bca" and estimand != "suite"
        parts.append(
            _bca_alpha(outcomes, sample, threshold)
            if varies
            else _quantile_alpha(sample, threshold)
        )
    if method in ("guarded", "korn-graubard"):
        parts += _exact_alphas(outcomes, threshold, method, estimand)
    return max(parts)


def _exact_alphas(
    outcomes: Outcomes, threshold: float, method: str, estimand: str
) -> list[float]:
    events, responses = outcomes.events, outcomes.responses
    if estimand == "suite":
        return [float(_beta_tail(events + 1, responses - events, threshold))]
    zero = float((1 - threshold) ** outcomes.clusters)
    if not events:
        return [zero]
    if method == "guarded":
        rates, residuals = patterns_below(outcomes)
        return [zero, _sized_alpha(outcomes, rates, residuals, threshold)]
    rate = events / responses
    residual = outcomes.counts @ (outcomes.successes - rate * outcomes.trials) ** 2
    return [_sized_alpha(outcomes, np.array([rate]), np.array([residual]), threshold)]


def _sized_alpha(
    outcomes: Outcomes, rates: Floats, residuals: Floats, threshold: float
) -> float:
    """Return the smallest α at which Clopper–Pearson passes on each pattern's size."""
    if rates.max() >= 1:
        return 1.0

    def passes(alpha: float) -> bool:
        sizes = effective_sizes(outcomes, rates, residuals, alpha)
        tails = _beta_tail(rates * sizes + 1, (1 - rates) * sizes, threshold)
        return bool((tails <= alpha).all())

    return _smallest(passes)


def _smallest(passes: Callable[[float], bool]) -> float:
    """Return the least α that passes, where all above it do."""
    if not passes(_LARGEST):
        return 1.0
    if passes(SMALLEST):
        return SMALLEST
    low, high = np.log(SMALLEST), np.log(_LARGEST)
    while high - low > _FINE:
        middle = (low + high) / 2
        low, high = (low, middle) if passes(float(np.exp(middle))) else (middle, high)
    return float(np.exp(high))


def _beta_tail(events: Floats | float, rest: Floats | float, share: float) -> Floats:
    """Return P(share of a beta ≥ `share`), 1 where no reply is left that refuses."""
    from scipy.special import betaincc

    tails = np.asarray(betaincc(events, rest, share), dtype=np.float64)
    return np.where(np.asarray(rest) <= 0, 1.0, tails)


def _quantile_alpha(ordered: Floats, threshold: float) -> float:
    """Return the least α whose quantile 1 − α (linear, as numpy's) passes."""
    below = int(np.searchsorted(ordered, threshold, side="right"))
    if below == 0:
        return 1.0
    if below == len(ordered):
        return 0.0
    low, high = ordered[below - 1], ordered[below]
    place = below - 1 + (threshold - low) / (high - low)
    return float(1 - place / (len(ordered) - 1))


def _bca_alpha(outcomes: Outcomes, ordered: Floats, threshold: float) -> float:
    def passes(alpha: float) -> bool:
        (upper,) = bca_probabilities(outcomes, ordered, np.array([1 - alpha]))
        return bool(np.quantile(ordered, upper) <= threshold)

    return _smallest(passes)
