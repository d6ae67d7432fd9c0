"""A rate corrected for the judge's measured error (Rogan and Gladen)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.intervals import effective_size
from pytest_domainsafety.stats.outcomes import Floats, Outcomes, tail

DRAWS = 20_000
"""Of each of the three shares, for the percentiles of the corrected rate."""
_JEFFREYS = 0.5
"""Jeffreys's prior of a share is Beta(½, ½)."""


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

    (apparent + specificity − 1) ÷ (sensitivity + specificity − 1), within 0 and 1
    (Rogan and Gladen 1978, Am. J. Epidemiol. 107:71). The limits are percentiles
    over draws of all three from their Jeffreys posteriors, the apparent rate's on
    the effective sample size of its clusters: so both uncertainties are in them,
    also where no error was seen. A draw in which the judge is no better than
    chance says nothing, and widens the limits on both sides.

    Args:
        successes: Shape (clusters,), replies that comply as the judge has it.
        trials: Shape (clusters,), replies scored.
        confusion: Labelled replies as (no/no, no/yes, yes/no, yes/yes), the label
            first and the judge second.
        confidence: Of the two limits together.
        seed: Of the draws.
    """
    right_no, false_yes, missed, right_yes = (float(count) for count in confusion)
    outcomes = Outcomes.of(successes, trials)
    rate = outcomes.rate
    sensitivity = _share(right_yes, missed)
    specificity = _share(right_no, false_yes)
    if rate is None:
        low, high = 0.0, 1.0
    else:
        size = effective_size(outcomes, confidence=confidence)
        generator = np.random.default_rng(seed)
        drawn = _correct(
            _draw(generator, rate * size, (1 - rate) * size),
            _draw(generator, right_yes, missed),
            _draw(generator, right_no, false_yes),
        )
        low = float(np.quantile(np.nan_to_num(drawn, nan=0.0), tail(confidence)))
        high = float(np.quantile(np.nan_to_num(drawn, nan=1.0), 1 - tail(confidence)))
    known = None not in (rate, sensitivity, specificity)
    point = (
        float(_correct(*(np.array([x]) for x in (rate, sensitivity, specificity)))[0])
        if known
        else np.nan
    )
    return Corrected(
        rate=None if np.isnan(point) else point,
        low=low,
        high=high,
        apparent=rate,
        sensitivity=sensitivity,
        specificity=specificity,
        labelled=int(sum(confusion)),
    )


def _share(right: float, wrong: float) -> float | None:
    return right / (right + wrong) if right + wrong else None


def _draw(generator: np.random.Generator, yes: float, no: float) -> Floats:
    return generator.beta(yes + _JEFFREYS, no + _JEFFREYS, DRAWS)


def _correct(apparent: Floats, sensitivity: Floats, specificity: Floats) -> Floats:
    """Return the corrected rates, NaN where the judge is no better than chance."""
    youden = sensitivity + specificity - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected: Floats = np.where(
            youden > 0, np.clip((apparent + specificity - 1) / youden, 0, 1), np.nan
        )
    return corrected
