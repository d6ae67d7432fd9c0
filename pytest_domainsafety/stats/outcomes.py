"""Clustered binary outcomes: what every interval here starts from.

A cluster is one scenario pair on one model; it has `trials` scored replies, of
which `successes` show the event. Replications inside a cluster are correlated,
so the cluster is the unit of inference (study §3.6; method §M1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_DENSE = 1 << 20
"""Up to this many codes, counting distinct outcomes needs no sorting."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimated share with its limits.

    Attributes:
        estimate: Ratio of sums; None where there is nothing to estimate from.
        low: Lower limit, 0 without data.
        high: Upper limit, 1 without data: nothing is known, nothing is ruled out.
        method: How the limits were made.
        confidence: Of the two limits together.
    """

    estimate: float | None
    low: float
    high: float
    method: str
    confidence: float

    @property
    def limits(self) -> tuple[float, float]:
        """The two limits."""
        return self.low, self.high

    @property
    def width(self) -> float:
        """Distance between the limits."""
        return self.high - self.low


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Clusters, counted by their distinct (successes, trials).

    Attributes:
        successes: Shape (d,), by distinct outcome.
        trials: Shape (d,), each above 0.
        counts: Shape (d,), clusters that have the outcome.
    """

    successes: Floats
    trials: Floats
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, successes: ArrayLike, trials: ArrayLike) -> Outcomes:
        """Count clusters by outcome; a cluster without trials tells nothing.

        Args:
            successes: Shape (clusters,), whole numbers.
            trials: Shape (clusters,), or one number for all clusters.

        Raises:
            ValueError: Shapes differ, or some cluster has not
                0 ≤ successes ≤ trials, in whole numbers.
        """
        won = np.atleast_1d(np.asarray(successes, dtype=np.float64))
        tried = np.asarray(trials, dtype=np.float64)
        if tried.ndim == 0:
            tried = np.full_like(won, tried)
        _check(won, tried)
        won, tried = won[tried > 0], tried[tried > 0]
        if not len(won):
            return cls(won, tried, np.zeros(0, dtype=np.int64))
        base = int(tried.max()) + 1
        codes = (tried * base + won).astype(np.int64)
        if base * base <= _DENSE:
            every = np.bincount(codes)
            distinct = np.flatnonzero(every)
            counts = every[distinct].astype(np.int64)
        else:
            distinct, counts = np.unique(codes, return_counts=True)
        return cls(
            (distinct % base).astype(np.float64),
            (distinct // base).astype(np.float64),
            counts.astype(np.int64),
        )

    @property
    def clusters(self) -> int:
        """Clusters with at least one trial."""
        return int(self.counts.sum())

    @property
    def responses(self) -> float:
        """Trials of all clusters."""
        return float(self.trials @ self.counts)

    @property
    def events(self) -> float:
        """Successes of all clusters."""
        return float(self.successes @ self.counts)

    @property
    def rate(self) -> float | None:
        """Ratio of sums, None without clusters."""
        return self.events / self.responses if len(self.counts) else None


def _check(successes: Floats, trials: Floats) -> None:
    if successes.ndim != 1 or successes.shape != trials.shape:
        raise ValueError(
            f"successes and trials must be two rows of one length, got shapes "
            f"{successes.shape} and {trials.shape}"
        )
    sound = (successes >= 0) & (successes <= trials) & np.isfinite(trials)
    whole = (successes == np.floor(successes)) & (trials == np.floor(trials))
    if not bool(np.all(sound & whole)):
        place = int(np.flatnonzero(~(sound & whole))[0])
        raise ValueError(
            f"cluster {place}: {successes[place]:g} successes in {trials[place]:g} "
            "trials; expected whole numbers with 0 ≤ successes ≤ trials"
        )


def tail(confidence: float) -> float:
    """Return the probability that each limit may miss.

    Raises:
        ValueError: The confidence is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    return (1 - confidence) / 2
