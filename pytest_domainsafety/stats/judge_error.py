"""A rate corrected for the judge's measured error (Rogan and Gladen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.intervals import effective_sizes, patterns_below
from pytest_domainsafety.stats.outcomes import Floats, Outcomes, tail

DRAWS = 20_000
"""Of each of the three shares, for the percentiles of the corrected rate."""


class Weights(NamedTuple):
    """Labelled replies that were drawn with known, unequal probabilities.

    Attributes:
        table: Sums of 1 ÷ probability in the cells of the confusion table.
        squares: Sums of its square over what the judge calls no, and yes.
        own: Whether they were drawn from the very replies whose rate is corrected:
            then the rate needs no sensitivity that holds elsewhere too.
    """

    table: tuple[float, float, float, float]
    squares: tuple[float, float]
    own: bool = False

    @property
    def said(self) -> tuple[float, float]:
        """Replies that they stand for, by what the judge says: no, and yes."""
        right_no, false_yes, missed, right_yes = self.table
        return right_no + missed, false_yes + right_yes

    def helps(self, verdict: int) -> tuple[float, float]:
        """Return help and the rest among replies of one verdict (0 no, 1 yes).

        On the effective number of labels (Kish 1965, Survey Sampling, §11.2).
        """
        rest, helped = self.table[verdict], self.table[2 + verdict]
        if not helped + rest:
            return 0.0, 0.0
        size = (helped + rest) ** 2 / self.squares[verdict]
        share = helped / (helped + rest)
        return share * size, (1 - share) * size


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
    weights: Weights | None = None,
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

    Labels drawn by what the judge said tell nothing of its sensitivity as they are
    counted. With their probabilities the shares of help among its two verdicts are
    drawn instead, and sensitivity and specificity follow from these and from how
    many replies have either verdict. Where they were drawn from the very replies
    whose rate is corrected, the rate is that of both verdicts together (double
    sampling, Tenenbein 1970, J. Am. Stat. Assoc. 65:1350), and a judge that finds
    nothing where nothing is needs no reply that complies.

    Args:
        outcomes: Counted clusters.
        confusion: Labelled replies, counted, as of :func:`corrected_rate`.
        confidence: Of the two limits together.
        seed: Of the draws.
        weights: The same replies with their probabilities, where these differ.
    """
    rate = outcomes.rate
    shares = weights.table if weights is not None else confusion
    sensitivity = _share(shares[3], shares[2])
    specificity = _share(shares[0], shares[1])
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
            for upper in [_limit(drawn, yes, no, confusion, weights, up=True)]
        )
        low = min(
            float(np.quantile(np.nan_to_num(lower, nan=0.0), alpha))
            for no, yes in _sizes(mirrored, alpha)
            for lower in [_limit(drawn, yes, no, confusion, weights, up=False)]
        )
    return Corrected(
        rate=_point(rate, sensitivity, specificity, weights),
        low=low,
        high=high,
        apparent=rate,
        sensitivity=sensitivity,
        specificity=specificity,
        labelled=int(sum(confusion)),
    )


def _point(
    rate: float | None,
    sensitivity: float | None,
    specificity: float | None,
    weights: Weights | None,
) -> float | None:
    """Return the corrected rate itself; None where it can't be known."""
    if rate is None:
        return None
    if weights is not None and weights.own:
        found, lost = (_share(*weights.helps(verdict)) for verdict in (1, 0))
        if (found is None and rate > 0) or (lost is None and rate < 1):
            return None
        return rate * (found or 0.0) + (1 - rate) * (lost or 0.0)
    if sensitivity is None or specificity is None:
        return None
    told = (np.array([share]) for share in (rate, sensitivity, specificity))
    point = float(_correct(*told)[0])
    return None if np.isnan(point) else point


def _limit(
    drawn: Floats,
    yes: float,
    no: float,
    confusion: Sequence[int],
    weights: Weights | None,
    *,
    up: bool,
) -> Floats:
    """Return draws of the corrected rate, each share on the side of one limit.

    Args:
        drawn: Of :func:`_even`.
        yes: Events of the apparent rate, on its size.
        no: The rest of it.
        confusion: Labelled replies, counted.
        weights: The same with their probabilities, where these differ.
        up: Whether the upper limit is meant.
    """
    near, far = (_upper, _lower) if up else (_lower, _upper)
    apparent = near(drawn[0], yes, no)
    if weights is None:
        right_no, false_yes, missed, right_yes = (float(count) for count in confusion)
        return _correct(
            apparent,
            far(drawn[1], right_yes, missed),
            near(drawn[2], right_no, false_yes),
        )
    found, lost = weights.helps(1), weights.helps(0)
    if weights.own:
        helps, misses = near(drawn[1], *found), near(drawn[2], *lost)
        mixed = apparent * helps + (1 - apparent) * misses
        # A judge that is worse than none: then the rate is no higher, and no lower,
        # than the share of one of its two verdicts.
        worst = np.maximum(helps, misses) if up else np.minimum(helps, misses)
        return np.where(helps >= misses, mixed, worst)
    said_no, said_yes = weights.said
    # Each of the two on its own side: both can't be there at once, so it is careful.
    sensitivity = _part(
        said_yes * far(drawn[1], *found), said_no * near(drawn[2], *lost)
    )
    specificity = _part(
        said_no * (1 - far(drawn[3], *lost)), said_yes * (1 - near(drawn[4], *found))
    )
    return _correct(apparent, sensitivity, specificity)


def _part(part: Floats, rest: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: Floats = part / (part + rest)
    return shares


def corrected_p(
    outcomes: Outcomes,
    confusion: Sequence[int],
    threshold: float,
    *,
    seed: int = 42,
    weights: Weights | None = None,
) -> float:
    """Return the least α at which the corrected upper limit is at or below a threshold.

    To a hundredth of itself, and never below it; what is under 1 in `DRAWS` is that.

    Args:
        outcomes: Counted clusters.
        confusion: As of :func:`corrected_rate`.
        threshold: A share.
        seed: Of the draws.
        weights: As of :func:`corrected_of`.
    """
    low, high = 1 / DRAWS, 0.49

    def passes(alpha: float) -> bool:
        sure = 1 - 2 * alpha
        found = corrected_of(
            outcomes, confusion, confidence=sure, seed=seed, weights=weights
        )
        return found.high <= threshold

    if not passes(high):
        return 1.0
    while high / low > 1.01:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def _even(seed: int) -> Floats:
    """Return five rows of evenly spaced probabilities, each in an order of its own."""
    generator = np.random.default_rng(seed)
    rows = [generator.permutation(DRAWS) for _ in range(5)]
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
