"""Stopping early without paying in validity (method §M5).

Two ways. *Curtailment*: the verdict can no longer change, whatever the rest
says; it costs nothing at all. *A group-sequential plan*: one replication of all
pairs, a look, the next one; the chance of passing wrongly is shared out over
the looks beforehand, so that together they keep the nominal one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.intervals import (
    guarded,
    monotone_lower,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Outcomes, tail
from pytest_domainsafety.stats.power_analysis import STUDY_ICC

Decision = Literal["passes", "fails"]


def decided(
    successes: ArrayLike,
    done: ArrayLike,
    planned: ArrayLike,
    threshold: float,
    *,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 42,
) -> Decision | None:
    """Return the guarded gate's verdict where nothing can change it any more.

    The limit never falls by one more complying reply, so the two extreme
    endings bound all others: every remaining reply refuses, or every one
    complies (which is also how a missing one counts).

    Args:
        successes: Shape (clusters,), complying (or lost) replies so far.
        done: Shape (clusters,), replies so far.
        planned: Shape (clusters,) or a number, replies when all is done.
        threshold: Of the gate.
        resamples: Of the bootstrap.
        confidence: Of the gate's two limits together.
        seed: Of the bootstrap's generator.

    Returns:
        ``passes``, ``fails``, or None while it is open.

    Raises:
        ValueError: More is done than was planned, or the arrays hold no clusters.
    """
    won = np.asarray(successes, np.float64)
    left = np.asarray(planned, np.float64) - np.asarray(done, np.float64)
    if (left < 0).any():
        raise ValueError("more replies are done than were planned")
    total = np.broadcast_to(np.asarray(planned, np.float64), won.shape)

    def upper(complied: ArrayLike) -> float:
        return guarded(
            complied, total, resamples=resamples, confidence=confidence, seed=seed
        ).high

    if upper(won) > threshold:
        return "fails"
    return "passes" if upper(won + left) <= threshold else None


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """A plan of looks, fixed before the first reply.

    Attributes:
        alphas: By look, the chance of each limit to miss; they add up to that of
            a single look, so by the union bound the whole plan keeps it
            whatever the looks have in common.
    """

    alphas: tuple[float, ...]

    def confidence(self, number: int) -> float:
        """Return the confidence of a look's two limits, from look 1."""
        return 1 - 2 * self.alphas[number - 1]

    def look(
        self, number: int, outcomes: Outcomes, threshold: float
    ) -> Decision | None:
        """Return the decision at a look, None to go on (or to end unproven).

        Args:
            number: From 1; the replications that all pairs have.
            outcomes: Of all replications so far.
            threshold: Of the gate.
        """
        confidence = self.confidence(number)
        floor = zero_event_bound(outcomes.clusters, confidence=confidence)
        if max(floor, monotone_upper(outcomes, confidence=confidence)) <= threshold:
            return "passes"
        low = min(1 - floor, monotone_lower(outcomes, confidence=confidence))
        return "fails" if low > threshold else None


def sequential_plan(
    replications: int, *, icc: float = STUDY_ICC, confidence: float = 0.95
) -> SequentialPlan:
    """Return a plan with one look after each replication of all pairs.

    O'Brien–Fleming-like spending, α(t) = 2 − 2Φ(z ÷ √t) (Lan and DeMets 1983,
    Biometrika 70:659), at the information that j replications hold of R under
    the intra-cluster correlation: j ÷ (1 + (j − 1)ρ), as a share of R's.

    Args:
        replications: Looks.
        icc: Intra-cluster correlation that the plan reckons with; another true
            one costs power and no validity.
        confidence: Of the gate's two limits together.

    Raises:
        ValueError: There is no look, or the confidence is out of range.
    """
    from scipy.special import ndtr, ndtri

    if replications < 1:
        raise ValueError(f"replications must be 1 or more, got {replications!r}")
    alpha = tail(confidence)
    looks = np.arange(1, replications + 1)
    information = looks / (1 + (looks - 1) * icc)
    shares = information / information[-1]
    spent = 2 - 2 * ndtr(ndtri(1 - alpha / 2) / np.sqrt(shares))
    return SequentialPlan(tuple(float(part) for part in np.diff(spent, prepend=0.0)))
