"""Limits of a mean of pair shares without any assumption on how they are spread.

The upper limit is a quantile of Σ Dᵢ x₍ᵢ₎ with the pairs' shares x sorted upwards, one
more at 1, and D ~ Dirichlet(1, …, 1) (Gaffke 2005; Learned-Miller and Thomas 2019,
arXiv 1905.06208; Phan et al. 2021, arXiv 2106.03163). With shares of 0 and 1 alone it
is Clopper–Pearson on pairs, with none above 0 the zero-event bound. That it holds for
any spread is conjectured, not proven: the worst error found is in
docs/statistics.md#exact-limits.

Nothing is drawn. Σ Dᵢ xᵢ exceeds t where Σ Eᵢ (xᵢ − t) exceeds 0, E exponential; equal
shares add up to one gamma variable, so few distinct shares cost little however many
pairs there are. The tail is the inverse Laplace integral along a line through its
saddle point, where the integrand neither cancels nor oscillates, so that a tail of
10⁻¹² is as good as one of a half (Lugannani and Rice 1980, Adv. Appl. Probab. 12:475).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_domainsafety.stats.outcomes import Floats, Interval, Outcomes, tail

_NODES = np.linspace(0.0, 12.0, 121)
"""Of the trapezoid rule, in v of y = w sinh v; it converges geometrically."""
_STEPS, _NEAR = 60, 1e-12
"""Of the search for a limit, at most, and how near its tail comes to α, as a ratio."""
_SADDLE_STEPS = 24
_AT_ONCE = 400
"""Patterns integrated together, to bound memory."""


def exact(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> Interval:
    """Return the interval of the mean share over clusters (method §M4.5).

    See :func:`exact_of`. It never narrows where one more reply complies, asks for no
    intra-cluster correlation and draws nothing.

    Args:
        successes: Shape (clusters,), replies with the event.
        trials: Shape (clusters,) or a number, scored replies.
        confidence: Of the two limits together.

    Raises:
        ValueError: The arrays do not hold clusters, or the confidence is out of range.
    """
    return exact_of(Outcomes.of(successes, trials), confidence=confidence)


def exact_of(outcomes: Outcomes, *, confidence: float = 0.95) -> Interval:
    """Return the interval of the mean share over pairs (method §M4.5).

    The lower limit is the mirror image of the upper one. Pairs of unequal trials
    weigh alike; the limits always hold the ratio of sums, which is the estimate.

    Args:
        outcomes: Counted clusters.
        confidence: Of the two limits together.
    """
    rate = outcomes.rate
    if rate is None:
        return Interval(None, 0.0, 1.0, "exact", confidence)
    alpha = tail(confidence)
    shares = outcomes.successes / outcomes.trials
    counts = outcomes.counts[None, :]
    high = float(upper_limits(shares, counts, alpha)[0])
    low = 1 - float(upper_limits(1 - shares, counts, alpha)[0])
    return Interval(rate, min(low, rate), max(high, rate), "exact", confidence)


def exact_p(outcomes: Outcomes, threshold: float) -> float:
    """Return the least α at which the upper limit is at or below a threshold.

    Args:
        outcomes: Counted clusters, at least one.
        threshold: A share.
    """
    if threshold >= 1:
        return 0.0
    if threshold < 0 or not len(outcomes.counts):
        return 1.0
    rate = outcomes.events / outcomes.responses
    if rate > threshold:  # the limit holds its estimate
        return 1.0
    shares = outcomes.successes / outcomes.trials
    return float(excess(shares, outcomes.counts[None, :], np.array([threshold]))[0])


def exact_p_above(outcomes: Outcomes, threshold: float) -> float:
    """Return the least α at which the lower limit is at or above a threshold.

    Of a threshold of 0 it is 0 where anything complied: then the limit lies above.
    """
    if threshold <= 0:
        return 0.0 if outcomes.events else 1.0
    mirrored = Outcomes(
        outcomes.trials - outcomes.successes, outcomes.trials, outcomes.counts
    )
    return exact_p(mirrored, 1 - threshold)


def upper_limits(shares: Floats, counts: NDArray[np.int64], alpha: float) -> Floats:
    """Return the upper limits of many patterns of the same shares.

    Args:
        shares: Shape (d,), distinct, from 0 to 1.
        counts: Shape (patterns, d), pairs that have each share.
        alpha: Probability that the one limit may miss, at most ½.
    """
    whole = _whole(shares, counts)
    limits = np.ones(len(counts))
    limits[whole] = _binomial_limits(shares, counts[whole], alpha)
    rest = np.flatnonzero(~whole)
    for start in range(0, len(rest), _AT_ONCE):
        rows = rest[start : start + _AT_ONCE]
        limits[rows] = _solved(shares, counts[rows], alpha)
    return limits


def excess(shares: Floats, counts: NDArray[np.int64], at: Floats) -> Floats:
    """Return P(Σ Dᵢ x₍ᵢ₎ > t) of each pattern, by its own t in (0, 1).

    Args:
        shares: Shape (d,).
        counts: Shape (patterns, d).
        at: Shape (patterns,).
    """
    from scipy.special import betaincc

    whole = _whole(shares, counts)
    tails = np.ones(len(counts))
    events, pairs = _ones(shares, counts), counts.sum(axis=1)
    some = whole & (events < pairs)
    tails[some] = betaincc(events[some] + 1, (pairs - events)[some], at[some])
    rest = np.flatnonzero(~whole)
    for start in range(0, len(rest), _AT_ONCE):
        rows = rest[start : start + _AT_ONCE]
        tails[rows] = _integrated(shares, counts[rows], at[rows])
    return tails


def _whole(shares: Floats, counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a pattern's pairs all complied always or never."""
    mixed = (shares > 0) & (shares < 1)
    return np.asarray(counts[:, mixed].sum(axis=1) == 0)


def _ones(shares: Floats, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(counts[:, shares >= 1].sum(axis=1))


def _binomial_limits(shares: Floats, counts: NDArray[np.int64], alpha: float) -> Floats:
    from scipy.special import betaincinv

    events, pairs = _ones(shares, counts), counts.sum(axis=1)
    limits = np.ones(len(counts))
    none, some = events == 0, (events > 0) & (events < pairs)
    # In closed form, so that equal limits are equal to the last bit.
    limits[none] = 1 - alpha ** (1 / pairs[none])
    limits[some] = betaincinv(events[some] + 1, (pairs - events)[some], 1 - alpha)
    return limits


def _solved(shares: Floats, counts: NDArray[np.int64], alpha: float) -> Floats:
    """Find the limit of each pattern by the Illinois rule, on the tail's logarithm."""
    pairs = counts.sum(axis=1)
    low = 1 - alpha ** (1 / pairs)  # contained by construction
    high = 1 - (1 - low) * 1e-9

    def far(at: Floats) -> Floats:
        return np.log(np.maximum(_integrated(shares, counts, at), 1e-300) / alpha)

    over, under = np.maximum(far(low), _NEAR), far(high)
    limit, side = high.copy(), np.zeros(len(counts))
    beyond = under >= 0  # nearer to 1 than can be told
    under = np.where(beyond, -1.0, under)
    for _ in range(_STEPS):
        limit = (low * under - high * over) / (under - over)
        gap = far(limit)
        if bool(np.all((np.abs(gap) <= _NEAR) | beyond)):
            break
        above = gap > 0
        under = np.where(above & (side > 0), under / 2, np.where(above, under, gap))
        over = np.where(~above & (side < 0), over / 2, np.where(above, gap, over))
        low, high = np.where(above, limit, low), np.where(above, high, limit)
        side = np.where(above, 1.0, -1.0)
    return np.where(beyond, 1.0, limit)


def _integrated(shares: Floats, counts: NDArray[np.int64], at: Floats) -> Floats:
    """Integrate exp(−Σ nⱼ log(1 − λⱼ s)) ÷ s along Re s = c, c its saddle point.

    λⱼ = (xⱼ − t) ÷ (1 − t), so that the strip to the right of 0 ends at 1.
    """
    at = np.minimum(at, 1 - 1e-15)
    values = np.append(shares, 1.0)
    weights = np.column_stack([counts, np.ones(len(counts))])
    scaled = (values[None, :] - at[:, None]) / (1 - at[:, None])
    saddle = _saddle(scaled, weights)[:, None]
    bend = (weights * (scaled / (1 - scaled * saddle)) ** 2).sum(axis=1) + 1 / (
        saddle[:, 0] ** 2
    )
    width = 1 / np.sqrt(bend)[:, None]
    points = saddle + 1j * width * np.sinh(_NODES)[None, :]
    exponent = -np.log(points)
    for column in range(len(values)):
        exponent = exponent - weights[:, column, None] * np.log(
            1 - scaled[:, column, None] * points
        )
    integrand = np.real(np.exp(exponent)) * width * np.cosh(_NODES)[None, :]
    step = _NODES[1] - _NODES[0]
    area = step * (integrand.sum(axis=1) - integrand[:, 0] / 2)
    tails: Floats = np.clip(area / np.pi, 0.0, 1.0)
    return tails


def _saddle(scaled: Floats, weights: Floats) -> Floats:
    """Return where −Σ nⱼ log(1 − λⱼ s) − log s is least in (0, 1): it is convex."""
    low, high = np.zeros(len(scaled)), np.ones(len(scaled))
    for _ in range(_SADDLE_STEPS):
        middle = (low + high) / 2
        slope = (weights * scaled / (1 - scaled * middle[:, None])).sum(axis=1)
        rises = slope > 1 / middle
        low, high = np.where(rises, low, middle), np.where(rises, middle, high)
    return (low + high) / 2
