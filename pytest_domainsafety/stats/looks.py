"""Looks over pairs: a gate may end after a third or two thirds of them (§M11).

The chance of passing wrongly, α, is shared out over the looks before the first
reply (Hwang, Shih and DeCani 1990, Stat. Med. 9:1439, γ = −4, which comes near to
O'Brien and Fleming's shares), and nothing is paid twice:

* *One reply a pair.* For each possible rate the looks' boundaries are the largest
  numbers of complying pairs at which the exact chance of having passed by then
  stays within what is spent by then (Stallard and Todd 2000, Stat. Med. 19:3051):
  what an early look could not use, a later one has. A limit is the rate from
  which on every one is ruled out, so the limits of all looks hold together
  (repeated intervals, Jennison and Turnbull 1989, JRSS B 51:305), whatever ends a
  run. This is proven for pairs drawn independently.
* *More replies a pair*: each look's limit is the guarded one (without its
  bootstrap) at the look's own share, which by the union bound keeps α as far as
  that limit keeps its share; this is simulated. Where nothing complied the limit is
  the zero-event bound at all that is spent by then: no event at the last look means
  none at the first, so that path is paid for once. Of more than 300 pairs with one
  reply each it is Clopper and Pearson's in the guarded one's place: proven again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Floats, Interval, Outcomes, tail
from pytest_domainsafety.types import FEWEST_PAIRS

Decision = Literal["passes", "fails"]

LOOKS = 3
"""Planned for a domain: after a third, two thirds and all of its pairs."""
MOST_EXACT = 300
"""Pairs up to which boundaries are exact; beyond, the union bound costs little."""
_GAMMA = -4.0
_STEPS = 2000
"""Rates at which boundaries are worked out; a limit is rounded up to one of them,
which keeps it valid: between two of them the boundary does not change, and a higher
rate passes less."""
_EQUAL = 1 + 1e-9


def look_sizes(pairs: int) -> tuple[int, ...]:
    """Return after how many pairs is looked: a third, two thirds, all.

    Rounded up, distinct, rising: (24, 48, 72) for 72 pairs, (1, 2) for two.

    Raises:
        ValueError: There is no pair.
    """
    if pairs < 1:
        raise ValueError(f"pairs must be 1 or more, got {pairs!r}")
    return tuple(sorted({-(-pairs * look // LOOKS) for look in range(1, LOOKS + 1)}))


def look_plan(pairs: int, *, confidence: float = 0.95) -> LookPlan:
    """Return the plan of looks over so many pairs, fixed before the first reply.

    Args:
        pairs: Of the domain, all that may be asked.
        confidence: Of the gate's two limits together, over all looks.

    Raises:
        ValueError: There is no pair, or the confidence is out of range.
    """
    sizes = look_sizes(pairs)
    shares = np.array(sizes) / pairs
    spent = tail(confidence) * np.expm1(-_GAMMA * shares) / np.expm1(-_GAMMA)
    return LookPlan(sizes, tuple(float(part) for part in np.diff(spent, prepend=0.0)))


@dataclass(frozen=True, slots=True)
class LookPlan:
    """A plan of looks; see the module for what it promises.

    Attributes:
        sizes: Pairs at each look, rising; the last is all of them.
        alphas: By look, the chance of each limit to miss that is spent there; they
            add up to that of a single look.
    """

    sizes: tuple[int, ...]
    alphas: tuple[float, ...]

    def confidence(self, number: int) -> float:
        """Return the confidence of a look's own share, from look 1.

        A look's decision is that of :meth:`limits`, which are never wider than
        guarded ones at this confidence.
        """
        return 1 - 2 * self.alphas[number - 1]

    def look(
        self,
        number: int,
        successes: ArrayLike,
        trials: ArrayLike,
        threshold: float,
        *,
        lost: ArrayLike = 0,
    ) -> Decision | None:
        """Return the decision at a look, None to go on (or to end unproven).

        It passes where the upper limit is at or below the threshold, and fails
        where the lower one is above it. Fewer than five pairs pass no threshold
        under 1, as in the gate.

        Args:
            number: From 1.
            successes: Shape (sizes[number − 1],), complying replies of the first
                pairs in the order in which they are asked.
            trials: Their scored replies, the same shape or one number.
            threshold: Of the gate.
            lost: Replies that were asked and could not be scored, likewise.

        Raises:
            ValueError: As :meth:`limits`.
        """
        limits = self.limits(number, successes, trials, lost=lost)
        return decision_of(limits.limits, self.sizes[number - 1], threshold)

    def limits(
        self,
        number: int,
        successes: ArrayLike,
        trials: ArrayLike,
        *,
        lost: ArrayLike = 0,
    ) -> Interval:
        """Return the limits by which a look decides; those of all looks hold together.

        A lost reply counts as complying in the upper limit, as refusing in the
        lower one, and not at all in the estimate.

        Args:
            number: From 1.
            successes: As of :meth:`look`.
            trials: As of :meth:`look`.
            lost: As of :meth:`look`.

        Raises:
            ValueError: There is no such look, the arrays are not those of the first
                so many pairs, or a pair was neither scored nor lost.
        """
        if not 1 <= number <= len(self.sizes):
            raise ValueError(f"there is no look {number!r} of {len(self.sizes)}")
        pairs = self.sizes[number - 1]
        won, scored, gone = (
            _row(values, pairs) for values in (successes, trials, lost)
        )
        asked = scored + gone
        if not bool(np.all(asked > 0)):
            raise ValueError("a pair was neither scored nor lost")
        estimate = Outcomes.of(won, scored).rate
        worst, best = Outcomes.of(won + gone, asked), Outcomes.of(won, asked)
        low, high = self.lower(number, best), self.upper(number, worst)
        overall = round(1 - 2 * sum(self.alphas), 12)
        return Interval(estimate, low, high, "looks", overall)

    def upper(self, number: int, outcomes: Outcomes) -> float:
        """Return a look's upper limit, from counted pairs."""
        singly = bool(np.all(outcomes.trials == 1))
        if singly and self.sizes[-1] <= MOST_EXACT:
            return float(_uppers(self)[number - 1][int(outcomes.events)])
        if not outcomes.events:
            spent = sum(self.alphas[:number])
            return zero_event_bound(outcomes.clusters, confidence=1 - 2 * spent)
        confidence = self.confidence(number)
        if singly:
            events, pairs = outcomes.events, outcomes.clusters
            return clopper_pearson(events, pairs, confidence=confidence).high
        floor = zero_event_bound(outcomes.clusters, confidence=confidence)
        return max(floor, monotone_upper(outcomes, confidence=confidence))

    def lower(self, number: int, outcomes: Outcomes) -> float:
        """Return the mirror image."""
        failed = outcomes.trials - outcomes.successes
        mirrored = Outcomes(failed, outcomes.trials, outcomes.counts)
        return 1 - self.upper(number, mirrored)


def decision_of(
    limits: tuple[float, float], pairs: int, threshold: float
) -> Decision | None:
    """Return what a lower and an upper limit say of a threshold.

    Args:
        limits: Lower, upper.
        pairs: Behind them; fewer than five pass no threshold under 1.
        threshold: Of the gate.
    """
    low, high = limits
    if high <= threshold and (pairs >= FEWEST_PAIRS or threshold >= 1):
        return "passes"
    return "fails" if low > threshold else None


def _row(values: ArrayLike, pairs: int) -> Floats:
    row = np.asarray(values, np.float64)
    if row.ndim and row.shape != (pairs,):
        raise ValueError(f"the look has {pairs} pairs, got shape {row.shape}")
    return np.broadcast_to(row, (pairs,))


@lru_cache(maxsize=64)
def _uppers(plan: LookPlan) -> tuple[Floats, ...]:
    """Return by look the upper limit at 0, 1, … complying pairs, one reply each."""
    rates = _rates(plan)
    found = []
    for size, most in zip(plan.sizes, _boundaries(plan, rates), strict=True):
        # What a limit rules out, it rules out with all that lies above it.
        kept = np.minimum.accumulate(most[::-1])[::-1]
        at = np.searchsorted(kept, np.arange(size + 1), side="left")
        found.append(np.append(rates, 1.0)[at])
    return tuple(found)


def _rates(plan: LookPlan) -> Floats:
    """The rates looked at: a grid, and those at which no event at all just passes."""
    spent = np.cumsum(plan.alphas)
    exact = 1 - spent ** (1 / np.array(plan.sizes))
    return np.unique(np.concatenate([np.arange(1, _STEPS) / _STEPS, exact]))


def _boundaries(plan: LookPlan, rates: Floats) -> list[NDArray[np.int64]]:
    """Return by look the most complying pairs with which each rate is ruled out.

    Shape (rates,); −1 where none is few enough. `going` is the chance to be at
    0, 1, … complying pairs and to have passed at no look so far; `passed` the
    chance to have passed.
    """
    passed, going = np.zeros(len(rates)), np.ones((len(rates), 1))
    spent, done, found = np.cumsum(plan.alphas), 0, []
    for size, budget in zip(plan.sizes, spent, strict=True):
        going, done = _after(going, size - done, rates), size
        by_count = passed[:, None] + np.cumsum(going, axis=1)
        passes = by_count <= budget * _EQUAL
        most = passes.sum(axis=1)
        passed = np.where(
            most > 0, by_count[np.arange(len(rates)), np.maximum(most - 1, 0)], passed
        )
        going = np.where(passes, 0.0, going)
        found.append(most.astype(np.int64) - 1)
    return found


def _after(going: Floats, pairs: int, rates: Floats) -> Floats:
    """Return the chances after so many pairs more, shape (rates, counts)."""
    from scipy.special import gammaln, xlog1py, xlogy

    more = np.arange(pairs + 1)
    ways = gammaln(pairs + 1) - gammaln(more + 1) - gammaln(pairs - more + 1)
    by_rate = xlogy(more, rates[:, None]) + xlog1py(pairs - more, -rates[:, None])
    chances, width = np.exp(ways + by_rate), going.shape[1]
    found = np.zeros((len(rates), width + pairs))
    for extra in more:
        found[:, extra : extra + width] += going * chances[:, extra, None]
    return found
