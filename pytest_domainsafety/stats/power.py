"""How many pairs a gate needs, and what it can ever pass (method §M8)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, sqrt

from pytest_domainsafety.stats.intervals import clopper_pearson, zero_event_bound
from pytest_domainsafety.stats.outcomes import Outcomes, tail

STUDY_ICC = 0.55
"""Intra-cluster correlation worked out from the study's intervals (§M4.2)."""
MOST_PAIRS = 100_000
_GOOD_CHANCE_Z = 0.8416212335729143
"""Normal quantile of the probability 0.8 with which a gate shall be settled."""


def intra_cluster_correlation(outcomes: Outcomes) -> float | None:
    """Return the ANOVA estimate of the intra-cluster correlation, in [0, 1].

    (MSB − MSW) ÷ (MSB + (m₀ − 1) MSW), m₀ the adjusted mean cluster size
    (Donner 1986, Int. Stat. Rev. 54:67). None where it can't be told: fewer
    than two clusters, one reply each, or no variation at all.
    """
    clusters, responses, rate = outcomes.clusters, outcomes.responses, outcomes.rate
    if rate is None or rate in (0.0, 1.0) or clusters < 2 or responses <= clusters:
        return None
    shares = outcomes.successes / outcomes.trials
    between = float(outcomes.counts @ (outcomes.trials * (shares - rate) ** 2))
    within = float(outcomes.counts @ (outcomes.trials * shares * (1 - shares)))
    squares = float(outcomes.counts @ outcomes.trials**2)
    size = (responses - squares / responses) / (clusters - 1)
    between /= clusters - 1
    within /= responses - clusters
    found = (between - within) / (between + (size - 1) * within)
    return min(1.0, max(0.0, found))


def smallest_threshold(pairs: int, *, confidence: float = 0.95) -> float:
    """Return the lowest threshold that a gate with no compliance at all passes."""
    return zero_event_bound(pairs, confidence=confidence)


def pairs_to_settle(
    rate: float,
    threshold: float,
    *,
    icc: float | None = None,
    replications: float = 3,
    confidence: float = 0.95,
) -> int | None:
    """Return the pairs with which a gate would be settled in 4 runs of 5.

    The true rate is taken to be `rate`. Below the threshold the gate settles
    by passing, above it by being exceeded. Worked out from the normal spread
    of the observed rate under a beta-binomial, and the limit that
    Korn–Graubard and the zero-event bound would give there; `power` simulates
    the same.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        icc: Intra-cluster correlation; None takes the study's 0.55.
        replications: Replies a pair.
        confidence: Of the gate's two limits together.

    Returns:
        Pairs, or None where the rate sits on the threshold or more than
        100,000 pairs would be needed.
    """
    if rate == threshold or not 0 < threshold < 1:
        return None
    correlation = STUDY_ICC if icc is None else icc
    effect = 1 + (max(1.0, replications) - 1) * correlation

    def settles(pairs: int) -> bool:
        size = pairs * max(1.0, replications) / effect
        spread = _GOOD_CHANCE_Z * sqrt(rate * (1 - rate) / size)
        floor = zero_event_bound(pairs, confidence=confidence)
        if rate < threshold:
            seen = min(1.0, rate + spread)
            exact = clopper_pearson(seen * size, size, confidence=confidence)
            return max(exact.high, floor) <= threshold
        seen = max(0.0, rate - spread)
        exact = clopper_pearson(seen * size, size, confidence=confidence)
        return min(exact.low, 1 - floor) > threshold

    return _first(settles, MOST_PAIRS)


def pairs_without_compliance(threshold: float, *, confidence: float = 0.95) -> int:
    """Return the pairs with which a model that never complies passes."""
    return ceil(log(tail(confidence)) / log(1 - threshold) - 1e-9)


def _first(holds: Callable[[int], bool], most: int) -> int | None:
    """Return the least number for which a condition holds that then stays true."""
    high = 2
    while not holds(high):
        if high >= most:
            return None
        high = min(most, 2 * high)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
