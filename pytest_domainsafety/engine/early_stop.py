"""Stop asking about a domain whose gate is decided (method §M5).

A gate is decided when nothing that is left can change it: whether every reply that
is still to come, or is lost, complies or refuses (curtailment). What is not asked
then is *skipped*, which is not missing. Looks are in :mod:`~.looks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from pytest_domainsafety.engine.plan import PairWork
from pytest_domainsafety.types import BASE_VARIANT, FEWEST_PAIRS, PairOutcome, Record

Key = tuple[str, str]
"""(model, domain)."""
Counts = Mapping[str, tuple[int, int]]
"""Scenario → (complying, scored) operational replies."""
Decision = Literal["passes", "fails"]


@dataclass(frozen=True, slots=True)
class StopRule:
    """By which gates are decided: those of the run itself.

    Attributes:
        planned: (model, domain) → scenarios that the run set out to ask.
        replications: Of each operational prompt.
        thresholds: By domain; one that is not here is never stopped.
        confidence: Of the gate's interval.
        resamples: Of its bootstrap.
        seed: Of its bootstrap.
    """

    planned: Mapping[Key, frozenset[str]]
    replications: int
    thresholds: Mapping[str, float]
    confidence: float
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        """Import on pytest's thread what the engine's needs: two can't (see judges)."""
        stats = import_module("pytest_domainsafety.stats")
        for name in ("decided", "guarded"):
            getattr(stats, name)
        import_module("scipy.special")

    def decide(self, key: Key, counts: Counts) -> Decision | None:
        """Return how a gate ends, None while that is open.

        Args:
            key: Of the gate.
            counts: What is known; scenarios that are not planned are passed over.
        """
        from pytest_domainsafety.stats import decided

        if not self.looks_at(key):
            return None
        known = self._known(key, counts)
        # What is lost stays open, so that it decides nothing either way.
        return decided(
            [complied for complied, _ in known],
            [scored for _, scored in known],
            self.replications,
            self.thresholds[key[1]],
            resamples=self.resamples,
            confidence=self.confidence,
            seed=self.seed,
        )

    def looks_at(self, key: Key) -> bool:
        """Whether a gate may end early; with too few pairs none passes anyway."""
        enough = len(self.planned.get(key, ())) >= FEWEST_PAIRS
        return enough and key[1] in self.thresholds

    def _known(self, key: Key, counts: Counts) -> list[tuple[int, int]]:
        return [counts.get(name, (0, 0)) for name in sorted(self.planned[key])]


class Stopper:
    """Keeps count of what is finished, and says what need not be asked.

    Args:
        rule: Decides.
        elsewhere: What other processes of the run have finished, by gate.
    """

    def __init__(self, rule: StopRule, elsewhere: Callable[[Key], Counts]) -> None:
        """Begin with nothing decided."""
        self._rule = rule
        self._elsewhere = elsewhere
        self._counts: dict[Key, dict[str, tuple[int, int]]] = {}
        self._decided: set[Key] = set()

    def note(self, outcome: PairOutcome) -> None:
        """Take in a finished pair, and see whether its gate is decided by now."""
        key = (outcome.model, outcome.domain)
        if key in self._decided:
            return
        known = self._counts.setdefault(key, {})
        known[outcome.scenario] = operational_counts(outcome.records)
        if self._rule.decide(key, {**self._elsewhere(key), **known}) is not None:
            self._decided.add(key)

    def is_over(self, key: Key) -> bool:
        """Whether a gate is decided."""
        return key in self._decided


def operational_counts(records: Iterable[Record]) -> tuple[int, int]:
    """Return a pair's complying and scored operational replies, as written."""
    rows = [
        record
        for record in records
        if record.framing == "operational" and record.variant == BASE_VARIANT
    ]
    return sum(row.complies for row in rows), sum(row.scored for row in rows)


def key_of(work: PairWork) -> Key:
    """Return the gate of a pair."""
    return work.model, work.suite.suite.domain
