"""A gate that may end after any pair (method §M11): a bet against the threshold.

Each pair's mean x in [0, 1] multiplies a stake by x·q/t + (1 − x)·(1 − q)/(1 − t),
whose expectation is at most 1 where the true mean is t or more, since q < t. The
mean of the stakes for q = 0, t/10, t/4 and t/2 is an e-process; the chance that it
ever reaches 1 ÷ α is at most α (Ville 1939; Waudby-Smith and Ramdas 2024, JRSS B
86:1). It passes a gate there, its mirror image fails one; no plan of looks is
needed, and any number of pairs may have been asked meanwhile.

Proven for pairs that are drawn independently, with any replications and any
correlation inside a pair, and for whole rounds through equal strata. Within a round
the bet may be ahead of its strata; that is simulated (docs/statistics.md#looks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_domainsafety.stats.looks import Decision
from pytest_domainsafety.stats.outcomes import Floats, tail
from pytest_domainsafety.types import FEWEST_PAIRS

BETS = (0.0, 0.1, 0.25, 0.5)
"""Rates that are betted on, as shares of the threshold."""
_HALVINGS = 50


@dataclass(frozen=True, slots=True)
class AnytimeDecision:
    """What the pairs say of a threshold, after any number of them.

    Attributes:
        decision: How the gate ends, None while it is open.
        pairs: After how many pairs in the order asked it ended; all, if it did not.
        e_pass: Evidence against a rate at or above the threshold, then; decides
            from 1 ÷ α on (40 at 95%).
        e_fail: Evidence against a rate at or below it, likewise.
        low: Lower limit, from the same pairs; holds after any number of them.
        high: Upper limit, likewise.
        confidence: Of the two limits together.
    """

    decision: Decision | None
    pairs: int
    e_pass: float
    e_fail: float
    low: float
    high: float
    confidence: float


def anytime(
    shares: ArrayLike,
    threshold: float,
    *,
    confidence: float = 0.95,
    at_best: ArrayLike | None = None,
) -> AnytimeDecision:
    """Return the decision of the e-process over pairs in the order asked.

    It ends after the first pair at which either side has its evidence, so what came
    later, because it was on its way, changes nothing. Fewer than five pairs pass no
    threshold under 1, as in the gate. The limits agree with the decision: high is
    at or below the threshold just where it passes, low is above it just where it
    fails.

    Args:
        shares: Shape (pairs,), mean compliance of each pair, lost replies counted
            as complying.
        threshold: Of the gate, from 0 to 1.
        confidence: Of the two sides together.
        at_best: The same with lost replies counted as refusing, which is what
            failing goes by; None where none was lost.

    Raises:
        ValueError: A share or the threshold is not in [0, 1], or the two rows are
            not of one length.
    """
    worst = _shares(shares)
    best = worst if at_best is None else _shares(at_best)
    if worst.shape != best.shape or bool(np.any(best > worst)):
        raise ValueError("at_best must hold the same pairs, and no higher shares")
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold must lie between 0 and 1, got {threshold!r}")
    first_pass, first_fail = first_ends(worst, best, threshold, confidence=confidence)
    first = int(min(first_pass, first_fail))
    pairs = min(first, len(worst))
    decision: Decision | None = None
    if first <= len(worst):
        decision = "passes" if first_pass <= first_fail else "fails"
    high = upper_limit(worst[:pairs], confidence=confidence)
    low = 1 - _limit(1 - best[:pairs], confidence, 1)
    # Bisection ends a rounding error away from what it looks for.
    above = float(np.nextafter(threshold, 1)) if threshold < 1 else 1.0
    high = min(high, threshold) if decision == "passes" else max(high, above)
    low = max(low, above) if decision == "fails" else min(low, threshold)
    bets = _log_sides(worst, best, threshold)
    e_pass, e_fail = (float(np.exp(side[pairs - 1])) if pairs else 1.0 for side in bets)
    return AnytimeDecision(decision, pairs, e_pass, e_fail, low, high, confidence)


def log_bets(shares: Floats, threshold: float) -> Floats:
    """Return the logarithm of the e-process after each pair.

    Args:
        shares: Shape (…, pairs), of each pair in [0, 1].
        threshold: From 0 to 1. A rate of 0 or more can't be ruled out; one of 1 is
            by the first share below it.

    Returns:
        The same shape.
    """
    from scipy.special import logsumexp

    if threshold <= 0:
        return np.zeros_like(shares)
    if threshold >= 1:
        refuted = np.logical_or.accumulate(shares < 1, axis=-1)
        return np.where(refuted, np.inf, 0.0)
    rates = threshold * np.array(BETS)[:, *(None,) * shares.ndim]
    factors = shares * rates / threshold + (1 - shares) * (1 - rates) / (1 - threshold)
    with np.errstate(divide="ignore"):
        stakes = np.cumsum(np.log(factors), axis=-1)
    found: Floats = logsumexp(stakes, axis=0) - np.log(len(BETS))
    return found


def first_ends(
    worst: Floats, best: Floats, threshold: float, *, confidence: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return after how many pairs each side has its evidence, of one run or many.

    Args:
        worst: Shape (…, pairs), as `shares` of :func:`anytime`.
        best: The same shape, as `at_best`.
        threshold: Of the gate.
        confidence: Of the two sides together.

    Returns:
        Passing and failing, each of shape (…); one more than there are pairs where
        a side never has it.
    """
    enough = -np.log(tail(confidence))
    passing, failing = _log_sides(worst, best, threshold)
    fewest = 1 if threshold >= 1 else FEWEST_PAIRS
    passed, failed = passing >= enough, failing >= enough
    passed[..., : fewest - 1] = False
    return _first(passed), _first(failed)


def upper_limit(shares: Floats, *, confidence: float = 0.95) -> float:
    """Return the least rate that is ruled out after these pairs, with all above it."""
    return _limit(shares, confidence, min(FEWEST_PAIRS, len(shares)))


def _log_sides(worst: Floats, best: Floats, threshold: float) -> tuple[Floats, Floats]:
    passing, failing = log_bets(worst, threshold), log_bets(1 - best, 1 - threshold)
    # No rate lies above 1: nothing is left to rule out.
    return (np.full_like(worst, np.inf) if threshold >= 1 else passing), failing


def _first(holds: NDArray[np.bool_]) -> NDArray[np.int64]:
    never = np.ones((*holds.shape[:-1], 1), bool)
    first: NDArray[np.int64] = np.concatenate([holds, never], axis=-1).argmax(axis=-1)
    return first + 1


def _limit(shares: Floats, confidence: float, fewest: int) -> float:
    """Return the least rate that is ruled out with all above it, 1 where none is.

    A stake grows with the rate it bets against, so bisection finds it.
    """
    if not len(shares):
        return 1.0
    enough = -np.log(tail(confidence))

    def is_out(rate: float) -> bool:
        return bool(log_bets(shares, rate)[fewest - 1 :].max() >= enough)

    return _least(is_out)


def _least(holds: Callable[[float], bool]) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _shares(values: ArrayLike) -> Floats:
    shares = np.asarray(values, np.float64)
    # A comparison with NaN is false, so what is no number is refused, too.
    if shares.ndim != 1 or not bool(np.all((shares >= 0) & (shares <= 1))):
        raise ValueError("shares must be one row of numbers from 0 to 1")
    return shares
