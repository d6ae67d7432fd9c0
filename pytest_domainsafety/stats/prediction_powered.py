"""A rate from all of a judge's scores and some labels together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.outcomes import Floats, tail


@dataclass(frozen=True, slots=True)
class Powered:
    """A prediction-powered rate with normal limits.

    Attributes:
        rate: Within 0 and 1.
        low: Lower limit.
        high: Upper limit.
        judged: The rate as the judge has it.
        power: How far the judge's scores were used, from 0 (the labels alone) to 1.
        labels: How many there were.
    """

    rate: float
    low: float
    high: float
    judged: float
    power: float
    labels: int


def prediction_powered(
    judged: ArrayLike,
    labels: ArrayLike,
    weights: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
) -> Powered | None:
    """Return the rate of all replies, by the judge, put right by those with a label.

    The mean of λ f + w (y − λ f), over replies with the judge's verdict f, and label y
    and weight w where there is one; λ is what makes its variance least, within 0 and 1
    (Angelopoulos et al. 2023, Science 382:669; 2023, arXiv 2311.01453). The variance is
    that between clusters, the limits are normal: at few labels they cover less than
    they say (method §M10.2), so that no gate hangs on them.

    Args:
        judged: Shape (replies,), 0 or 1.
        labels: Shape (replies,), 0 or 1; NaN where there is none.
        weights: Shape (replies,), 1 ÷ the probability of being labelled; they are
            scaled to the number of replies.
        clusters: Of each reply.
        confidence: Of the limits together.

    Returns:
        None with fewer than two clusters, or without labels.
    """
    from scipy.special import ndtri

    verdict = np.asarray(judged, dtype=np.float64)
    label = np.asarray(labels, dtype=np.float64)
    there = ~np.isnan(label)
    names, place = np.unique(
        [str(name) for name in clusters] or [""], return_inverse=True
    )
    if not there.any() or len(names) < 2:
        return None
    weight = np.where(there, np.asarray(weights, dtype=np.float64), 0.0)
    weight *= len(verdict) / weight.sum()
    label = np.where(there, label, 0.0)

    def by_cluster(values: Floats) -> Floats:
        centred = values - values.mean()
        return np.bincount(place, weights=centred, minlength=len(names)).astype(float)

    own, gained = weight * label, verdict - weight * verdict
    a, b = by_cluster(own), by_cluster(gained)
    spread = float(b @ b)
    power = 1.0 if spread == 0 else float(np.clip(-(a @ b) / spread, 0, 1))
    each = own + power * gained
    rate = float(each.mean())
    sums = by_cluster(each)
    share = len(names) / (len(names) - 1)
    error = float(np.sqrt(share * (sums @ sums))) / len(verdict)
    reach = float(ndtri(1 - tail(confidence))) * error
    low, high, rate = (
        float(np.clip(value, 0, 1)) for value in (rate - reach, rate + reach, rate)
    )
    return Powered(rate, low, high, float(verdict.mean()), power, int(there.sum()))
