"""How many pairs a gate needs, and what it can ever pass (method §M8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.anytime import BETS, first_ends, upper_limit
from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    held_size,
    zero_event_bound,
)
from pytest_domainsafety.stats.looks import look_plan
from pytest_domainsafety.stats.outcomes import Outcomes, tail
from pytest_domainsafety.stats.simulated import Stop, ends_of
from pytest_domainsafety.types import FEWEST_PAIRS

STUDY_ICC = 0.55
"""Intra-cluster correlation worked out from the study's intervals (§M4.2)."""
MOST_PAIRS = 100_000
"""Of `pairs_to_settle`: a gate that needs more is taken for one that never settles."""
BLOCK = 2_000
"""Runs that are drawn at once: memory doesn't grow with the runs asked for."""
BETTED, BETTED_RUNS = 1_000, 400
"""Of `pairs_to_settle` where a bet decides: pairs and runs that are drawn."""
MOST_SIMULATED = 5_000
"""Of `pairs_for_power`, which simulates every number of pairs that it tries."""
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
    correlation = (between - within) / (between + (size - 1) * within)
    return min(1.0, max(0.0, correlation))


def smallest_threshold(
    pairs: int, *, confidence: float = 0.95, stop: Stop = "none"
) -> float:
    """Return the lowest threshold that a gate with no compliance at all passes.

    Under five pairs it is 1, which asks for nothing. Looks do not raise it, a bet
    does.
    """
    if pairs < FEWEST_PAIRS:
        return 1.0
    if stop == "anytime":
        return upper_limit(np.zeros(pairs), confidence=confidence)
    return zero_event_bound(pairs, confidence=confidence)


def pairs_to_settle(
    rate: float,
    threshold: float,
    *,
    icc: float | None = None,
    replications: float = 3,
    confidence: float = 0.95,
    stop: Stop = "none",
) -> int | None:
    """Return the pairs with which a gate would be settled in 4 runs of 5.

    The true rate is taken to be `rate`. Below the threshold the gate settles
    by passing, above it by being exceeded. Worked out from the normal spread
    of the observed rate under a beta-binomial, and the limit that
    Korn–Graubard and the zero-event bound would give there, at the share of the
    last look where looks are planned; `power` simulates the same. Of a bet 400
    drawn runs tell. Under five pairs a gate never passes.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        icc: Intra-cluster correlation; None takes the study's 0.55.
        replications: Replies a pair.
        confidence: Of the gate's two limits together.
        stop: The plan in force.

    Returns:
        Pairs, or None where the rate sits on the threshold or more than
        100,000 pairs would be needed (1,000 of a bet).
    """
    if rate == threshold or not 0 < threshold < 1:
        return None
    correlation = STUDY_ICC if icc is None else icc
    effect = 1 + (max(1.0, replications) - 1) * correlation
    if stop == "anytime":
        times = max(1, round(replications))
        return _betting(rate, threshold, correlation, times, confidence)

    def settles(pairs: int) -> bool:
        size = pairs * max(1.0, replications) / effect
        spread = _GOOD_CHANCE_Z * sqrt(rate * (1 - rate) / size)
        if rate < threshold:
            seen, limit = min(1.0, rate + spread), threshold
        else:
            # Failing is passing in the mirror, with a limit that must be passed by.
            seen, limit = 1 - max(0.0, rate - spread), 1 - threshold
        if rate < threshold and pairs < FEWEST_PAIRS:
            return False
        sure = _confidence_at_the_end(pairs, seen, replications, confidence, stop)
        held = float(held_size(size, pairs))
        exact = clopper_pearson(seen * held, held, confidence=sure)
        high = max(exact.high, zero_event_bound(pairs, confidence=sure))
        return high <= limit if rate < threshold else high < limit

    return _first(settles, MOST_PAIRS)


def _confidence_at_the_end(
    pairs: int, seen: float, replications: float, confidence: float, stop: Stop
) -> float:
    """Return the confidence of the limits of all pairs, as in :mod:`~.looks`.

    With one reply a pair, and with no compliance, looks cost next to nothing there.
    """
    if stop != "sequential" or replications <= 1 or seen <= 0:
        return confidence
    plan = look_plan(pairs, confidence=confidence)
    return plan.confidence(len(plan.sizes))


def _betting(
    rate: float, threshold: float, icc: float, replications: int, confidence: float
) -> int | None:
    """Return the pairs after which 4 of 5 drawn runs have their evidence.

    Of a bet this needs no search: how a run ends does not hang on how many pairs
    were planned.
    """
    for pairs in (BETTED // 20, BETTED):
        generator = np.random.default_rng(pairs)
        won = draw_runs(rate, icc, pairs, replications, BETTED_RUNS, generator)
        shares = won / replications
        sides = first_ends(shares, shares, threshold, confidence=confidence)
        ends = np.sort(sides[0] if rate < threshold else sides[1])
        needed = int(ends[ceil(0.8 * BETTED_RUNS) - 1])
        if needed <= pairs:
            return needed
    return None


def pairs_without_compliance(
    threshold: float, *, confidence: float = 0.95, stop: Stop = "none"
) -> int:
    """Return the pairs with which a model that never complies passes."""
    enough = ceil(log(tail(confidence)) / log(1 - threshold) - 1e-9)
    if stop == "anytime":
        # One bet of four alone, the boldest, has its evidence with so many pairs.
        most = ceil(log(tail(confidence) / len(BETS)) / log(1 - threshold))
        none = np.zeros(max(FEWEST_PAIRS, most))
        enough = int(first_ends(none, none, threshold, confidence=confidence)[0])
    return max(FEWEST_PAIRS, enough)


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


@dataclass(frozen=True, slots=True)
class Power:
    """How often a gate would be passed, simulated.

    Attributes:
        passes: Share of runs in which the gate passes.
        exceeds: Share in which the model is shown to be worse.
        requests: Mean number of operational replies until it ends.
        smallest_threshold: What so many pairs can ever pass, with no compliance.
    """

    pairs: int
    replications: int
    passes: float
    exceeds: float
    requests: float
    smallest_threshold: float


def power(
    rate: float,
    threshold: float,
    pairs: int,
    *,
    replications: int = 3,
    icc: float = STUDY_ICC,
    confidence: float = 0.95,
    runs: int = 2000,
    seed: int = 42,
    method: str = "guarded",
    stop: Stop = "none",
) -> Power:
    """Simulate a gate whose domain has a true rate (method §M8).

    Each run draws the pairs' rates from a beta distribution and their replies
    from binomials, so that replies correlate by `icc` within a pair. The limits
    are those of the guarded interval without its bootstrap, which is seldom
    the widest and would cost a hundred times as much. As in the gate, fewer than
    five pairs pass no threshold under 1.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        pairs: Scenario pairs.
        replications: Replies a pair.
        icc: Intra-cluster correlation, from 0 to 1.
        confidence: Of the gate's two limits together.
        runs: Simulated runs.
        seed: Of the generator.
        method: `guarded` or `exact`; of a run that asks all pairs.
        stop: The plan in force.

    Raises:
        ValueError: A share lies outside [0, 1], or a number is below 1.
    """
    _check_plan(rate, threshold, icc, pairs, replications)
    generator = np.random.default_rng(seed)
    blocks = [min(BLOCK, runs - done) for done in range(0, runs, BLOCK)]
    ends = [
        ends_of(
            draw_runs(rate, icc, pairs, replications, block, generator),
            replications,
            threshold,
            stop=stop,
            confidence=confidence,
            method=method,
        )
        for block in blocks
    ]
    return Power(
        pairs,
        replications,
        passes=sum(int(end.passes.sum()) for end in ends) / runs,
        exceeds=sum(int(end.fails.sum()) for end in ends) / runs,
        requests=replications * sum(int(end.pairs.sum()) for end in ends) / runs,
        smallest_threshold=smallest_threshold(pairs, confidence=confidence, stop=stop),
    )


def pairs_for_power(
    rate: float,
    threshold: float,
    *,
    chance: float = 0.8,
    replications: int = 3,
    icc: float = STUDY_ICC,
    confidence: float = 0.95,
    runs: int = 2000,
    seed: int = 42,
    method: str = "guarded",
    stop: Stop = "none",
) -> int | None:
    """Return the fewest pairs with which the gate passes so often, simulated.

    Args:
        rate: True share of complying replies.
        threshold: Of the gate.
        chance: Share of runs that shall pass.
        replications: Replies a pair.
        icc: Intra-cluster correlation.
        confidence: Of the gate's two limits together.
        runs: Simulated runs for each number of pairs that is tried.
        seed: Of the generator.
        method: `guarded` or `exact`; of a run that asks all pairs.
        stop: The plan in force.

    Returns:
        Pairs; None where the rate is not below the threshold, or more than
        5,000 would be needed.

    Raises:
        ValueError: A share lies outside [0, 1], or a number is below 1.
    """
    _check_plan(rate, threshold, icc, 1, replications)
    if rate >= threshold:
        return None

    def enough(pairs: int) -> bool:
        estimate = power(
            rate,
            threshold,
            pairs,
            replications=replications,
            icc=icc,
            confidence=confidence,
            runs=runs,
            seed=seed,
            method=method,
            stop=stop,
        )
        return estimate.passes >= chance

    return _first(enough, MOST_SIMULATED)


def draw_runs(
    rate: float,
    icc: float,
    pairs: int,
    replications: int,
    runs: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """Return complying replies, shape (runs, pairs), from a beta-binomial."""
    if rate in (0.0, 1.0):
        return np.full((runs, pairs), int(rate) * replications)
    if icc >= 1:
        return replications * generator.binomial(1, rate, size=(runs, pairs))
    if icc <= 0:
        return generator.binomial(replications, rate, size=(runs, pairs))
    strength = 1 / icc - 1
    shares = generator.beta(rate * strength, (1 - rate) * strength, size=(runs, pairs))
    return generator.binomial(replications, shares)


def splits_of(requests: int) -> tuple[tuple[int, int], ...]:
    """Return the ways to spend so many operational requests: (pairs, replications).

    Once, twice, three and five times each, of as many pairs as that leaves; not
    under five, which pass nothing.
    """
    every = ((requests // times, times) for times in (1, 2, 3, 5))
    return tuple(split for split in every if split[0] >= FEWEST_PAIRS)


def _check_plan(
    rate: float, threshold: float, icc: float, pairs: int, replications: int
) -> None:
    for name, share in (("rate", rate), ("threshold", threshold), ("icc", icc)):
        if not 0 <= share <= 1:
            raise ValueError(f"{name} must lie between 0 and 1, got {share!r}")
    for name, count in (("pairs", pairs), ("replications", replications)):
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count!r}")
