"""How drawn runs end at a gate, under each plan of asking (method §M8, §M11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.anytime import first_ends
from pytest_domainsafety.stats.exact_limits import upper_limits
from pytest_domainsafety.stats.intervals import (
    monotone_lower,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.looks import LookPlan, decision_of, look_plan
from pytest_domainsafety.stats.outcomes import Outcomes, tail

Stop = Literal["none", "sequential", "anytime"]
"""How a run may end: with all pairs, at a look, after any pair."""
STOPS: tuple[Stop, ...] = ("none", "sequential", "anytime")

Counts = NDArray[np.int64]
_CELLS = 1_000_000
"""Pairs of runs that are betted on at once, for memory."""


def stop_of(name: str | None) -> Stop:
    """Return the plan of `--safety-stop`, as far as it changes what passes.

    Curtailment (`decided`) does not: it ends a run whose end is known.
    """
    return next((stop for stop in STOPS if stop == name), "none")


@dataclass(frozen=True, slots=True)
class Ends:
    """How each of some runs ended.

    Attributes:
        passes: Shape (runs,).
        fails: Shape (runs,), shown to be worse than the threshold.
        pairs: Shape (runs,), asked by then.
    """

    passes: NDArray[np.bool_]
    fails: NDArray[np.bool_]
    pairs: Counts


def ends_of(
    won: Counts,
    replications: int,
    threshold: float,
    *,
    stop: Stop = "none",
    confidence: float = 0.95,
    method: str = "guarded",
) -> Ends:
    """Return how runs end at a gate.

    Args:
        won: Shape (runs, pairs), complying replies in the order asked.
        replications: Replies a pair.
        threshold: Of the gate.
        stop: The plan in force.
        confidence: Of the gate's two limits together.
        method: `guarded` (without its bootstrap, as at a look) or `exact`; said of
            a run that asks all pairs, since looks and bets have limits of their own.

    Raises:
        ValueError: There is no such plan.
    """
    if stop == "sequential":
        return _at_looks(won, replications, threshold, confidence)
    if stop == "anytime":
        return _at_bets(won, replications, threshold, confidence)
    if stop != "none":
        raise ValueError(f"no plan {stop!r}: expected one of {', '.join(STOPS)}")
    runs, pairs = won.shape
    levels, at = _patterns(won, replications)
    limits = _limits(levels, replications, confidence, method)
    decisions = np.array([decision_of((x, y), pairs, threshold) for x, y in limits])[at]
    return Ends(decisions == "passes", decisions == "fails", np.full(runs, pairs))


def _at_looks(
    won: Counts, replications: int, threshold: float, confidence: float
) -> Ends:
    runs, every = won.shape
    plan = look_plan(every, confidence=confidence)
    passes, fails = np.zeros(runs, bool), np.zeros(runs, bool)
    asked, going = np.full(runs, every), np.arange(runs)
    for number, size in enumerate(plan.sizes, 1):
        levels, at = _patterns(won[going, :size], replications)
        found = np.array(
            [_look(plan, number, row, replications, threshold) for row in levels]
        )[at]
        passes[going], fails[going] = found == "passes", found == "fails"
        asked[going] = size
        going = going[(found != "passes") & (found != "fails")]
        if not len(going):
            break
    return Ends(passes, fails, asked)


def _look(
    plan: LookPlan, number: int, row: Counts, replications: int, threshold: float
) -> str | None:
    outcomes = _outcomes(row, replications)
    limits = plan.lower(number, outcomes), plan.upper(number, outcomes)
    return decision_of(limits, plan.sizes[number - 1], threshold)


def _at_bets(
    won: Counts, replications: int, threshold: float, confidence: float
) -> Ends:
    pairs = won.shape[1]
    found = []
    for part in np.array_split(won, max(1, won.size // _CELLS)):
        shares = part / replications
        found.append(first_ends(shares, shares, threshold, confidence=confidence))
    passed, failed = (np.concatenate(side) for side in zip(*found, strict=True))
    passes, fails = (passed <= failed) & (passed <= pairs), failed < passed
    return Ends(passes, fails, np.minimum(np.minimum(passed, failed), pairs))


def _patterns(won: Counts, replications: int) -> tuple[Counts, Counts]:
    """Return the distinct runs as pairs that comply 0, 1, … times, and whose is which.

    Shapes (patterns, levels) and (runs,).
    """
    levels = np.stack(
        [(won == level).sum(axis=1) for level in range(replications + 1)], axis=1
    )
    distinct, at = np.unique(levels, axis=0, return_inverse=True)
    return distinct, at.reshape(-1)


def _limits(
    levels: Counts, replications: int, confidence: float, method: str
) -> NDArray[np.float64]:
    """Return the lower and upper limit of each pattern, shape (patterns, 2)."""
    if method == "exact":
        shares = np.arange(replications + 1) / replications
        alpha = tail(confidence)
        return np.column_stack(
            [
                1 - upper_limits(1 - shares, levels, alpha),
                upper_limits(shares, levels, alpha),
            ]
        )
    floor = zero_event_bound(int(levels[0].sum()), confidence=confidence)
    return np.array(
        [
            (
                min(monotone_lower(outcomes, confidence=confidence), 1 - floor),
                max(monotone_upper(outcomes, confidence=confidence), floor),
            )
            for outcomes in (_outcomes(row, replications) for row in levels)
        ]
    )


def _outcomes(counts: Counts, replications: int) -> Outcomes:
    seen = counts > 0
    won = np.flatnonzero(seen).astype(np.float64)
    return Outcomes(won, np.full(len(won), float(replications)), counts[seen])
