"""Curtailment: a verdict that nothing can change any more (method §M5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.intervals import guarded
from pytest_domainsafety.stats.looks import Decision


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
