"""A rate corrected for the judge's measured error (Rogan and Gladen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.intervals import effective_sizes, patterns_below
from pytest_domainsafety.stats.outcomes import Floats, Outcomes, tail

DRAWS = 20_000
"""Of each of the three shares, for the percentiles of the corrected rate."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A rate as it would be without the judge's errors.

    Attributes:
        rate: None where the judge is no better than chance on the labels, or the
            labels hold no reply of one kind.
        low: Lower limit; 0 where nothing is known.
        high: Upper limit; 1 where nothing is known.
        apparent: The rate as the judge has it.
        sensitivity: Share of the labelled compliance that the judge finds.
        specificity: Share of the rest that it leaves alone.
        labelled: Labelled replies.
    """

    rate: float | None
    low: float
    high: float
    apparent: float | None
    sensitivity: float | None
    specificity: float | None
    labelled: int


def corrected_rate(
    successes: ArrayLike,
    trials: ArrayLike | int,
    confusion: Sequence[int],
    *,
    confidence: float = 0.95,
    seed: int = 42,
) -> Corrected:
    """Return a compliance rate corrected for the judge's error.

    See :func:`corrected_of`.

    Args:
        successes: Shape (clusters,), replies that comply as the judge has it.
        trials: Shape (clusters,), replies scored.
        confusion: Labelled replies as (no/no, no/yes, yes/no, yes/yes), the label
            first and the judge second.
        confidence: Of the two limits together.
        seed: Of the draws.
    """
    outcomes = Outcomes.of(successes, trials)
    return corrected_of(outcomes, confusion, confidence=confidence, seed=seed)


def corrected_of(
    outcomes: Outcomes,
    confusion: Sequence[int],
    *,
    confidence: float = 0.95,
    seed: int = 42,
) -> Corrected:
    """Return what :func:`corrected_rate` does, from counted clusters.

    (apparent + specificity − 1) ÷ (sensitivity + specificity − 1), within 0 and 1
    (Rogan and Gladen 1978, Am. J. Epidemiol. 107:71). It rises with the apparent
    rate and the specificity and falls with the sensitivity. The upper limit is a
    percentile over draws of all three, each from the distribution whose percentile
    is its own Clopper–Pearson limit on that side, Beta(x + 1, n − x) or
    Beta(x, n − x + 1): the apparent rate on the sizes by which the monotone
    Korn–Graubard limit and the zero-event bound are made (method §M10.2). So with
    perfect labels it is never under either. A draw in which the judge is no better
    than chance says nothing, and widens the limits.
    """
    right_no, false_yes, missed, right_yes = (float(count) for count in confusion)
    rate = outcomes.rate
    sensitivity = _share(right_yes, missed)
    specificity = _share(right_no, false_yes)
    low, high = 0.0, 1.0
    if rate is not None:
        alpha = tail(confidence)
        drawn = _even(seed)
        mirrored = Outcomes(
            outcomes.trials - outcomes.successes, outcomes.trials, outcomes.counts
        )
        high = max(
            float(np.quantile(np.nan_to_num(upper, nan=1.0), 1 - alpha))
            for yes, no in _sizes(outcomes, alpha)
            for upper in [
                _correct(
                    _upper(drawn[0], yes, no),
                    _lower(drawn[1], right_yes, missed),
                    _upper(drawn[2], right_no, false_yes),
                )
            ]
        )
        low = min(
            float(np.quantile(np.nan_to_num(lower, nan=0.0), alpha))
            for no, yes in _sizes(mirrored, alpha)
            for lower in [
                _correct(
                    _lower(drawn[0], yes, no),
                    _upper(drawn[1], right_yes, missed),
                    _lower(drawn[2], right_no, false_yes),
                )
            ]
        )
    point = np.nan
    if None not in (rate, sensitivity, specificity):
        shares = (np.array([share]) for share in (rate, sensitivity, specificity))
        point = float(_correct(*shares)[0])
    return Corrected(
        rate=None if np.isnan(point) else point,
        low=low,
        high=high,
        apparent=rate,
        sensitivity=sensitivity,
        specificity=specificity,
        labelled=int(sum(confusion)),
    )


def corrected_p(
    outcomes: Outcomes, confusion: Sequence[int], threshold: float, *, seed: int = 42
) -> float:
    """Return the least α at which the corrected upper limit is at or below a threshold.

    To a hundredth of itself, and never below it; what is under 1 in `DRAWS` is that.

    Args:
        outcomes: Counted clusters.
        confusion: As of :func:`corrected_rate`.
        threshold: A share.
        seed: Of the draws.
    """
    low, high = 1 / DRAWS, 0.49

    def passes(alpha: float) -> bool:
        sure = 1 - 2 * alpha
        found = corrected_of(outcomes, confusion, confidence=sure, seed=seed)
        return found.high <= threshold

    if not passes(high):
        return 1.0
    while high / low > 1.01:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _even(seed: int) -> Floats:
    """Return three rows of evenly spaced probabilities, each in an order of its own."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(DRAWS) for _ in range(3)]
    return (np.stack(rows) + 0.5) / DRAWS


def _sizes(outcomes: Outcomes, alpha: float) -> list[tuple[float, float]]:
    """Return events and the rest on two sizes, of which the wider limit counts.

    No event on as many replies as there are clusters, which no pattern may undercut;
    and the pattern no worse than this one that has the highest Korn–Graubard limit.
    """
    from scipy.special import betaincinv

    none = (0.0, float(outcomes.clusters))
    if not outcomes.events:
        return [none]
    rates, residuals = patterns_below(outcomes)
    sizes = effective_sizes(outcomes, rates, residuals, alpha)
    rest = (1 - rates) * sizes
    limits = np.where(rest > 0, betaincinv(rates * sizes + 1, rest, 1 - alpha), 1.0)
    at = int(np.argmax(limits))
    return [none, (float(rates[at] * sizes[at]), float(rest[at]))]


def _share(right: float, wrong: float) -> float | None:
    return right / (right + wrong) if right + wrong else None


def _upper(drawn: Floats, yes: float, no: float) -> Floats:
    """Return quantiles of Beta(yes + 1, no), which is 1 where nothing says no."""
    from scipy.special import betaincinv

    if no <= 0:
        return np.ones(len(drawn))
    quantiles: Floats = betaincinv(yes + 1, no, drawn)
    return quantiles


def _lower(drawn: Floats, yes: float, no: float) -> Floats:
    """Return quantiles of Beta(yes, no + 1), which is 0 where nothing says yes."""
    return 1 - _upper(1 - drawn, no, yes)


def _correct(apparent: Floats, sensitivity: Floats, specificity: Floats) -> Floats:
    """Return the corrected rates, NaN where the judge is no better than chance."""
    youden = sensitivity + specificity - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected: Floats = np.where(
            youden > 0, np.clip((apparent + specificity - 1) / youden, 0, 1), np.nan
        )
    return corrected
