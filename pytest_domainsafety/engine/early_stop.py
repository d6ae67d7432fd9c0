"""Stop asking about a domain whose gate is decided (method §M5).

A gate is decided when nothing that is left can change it: whether every reply that
is still to come, or is lost, complies or refuses (curtailment); or when a look that
was planned beforehand says so (:mod:`~.rounds`). What is not asked then is
*skipped*, which is not missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
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
        for name in ("decided", "guarded", "sequential_plan"):
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

    def confidence_at(self, number: int) -> float:
        """Return the confidence of the limits at a look."""
        from pytest_domainsafety.stats import sequential_plan

        plan = sequential_plan(self.replications, confidence=self.confidence)
        return plan.confidence(number)

    def look(self, key: Key, number: int, counts: Counts) -> Decision | None:
        """Return what a planned look decides, None to go on or to end unproven.

        Args:
            key: Of the gate.
            number: Replications that all pairs have.
            counts: Of these; what is lost speaks for neither side.
        """
        from pytest_domainsafety.stats import guarded

        threshold, known = self.thresholds[key[1]], self._known(key, counts)
        settings: dict[str, Any] = {
            "resamples": self.resamples,
            "confidence": self.confidence_at(number),
            "seed": self.seed,
        }
        worst = [complied + number - scored for complied, scored in known]
        if guarded(worst, number, **settings).high <= threshold:
            return "passes"
        best = [complied for complied, _ in known]
        return "fails" if guarded(best, number, **settings).low > threshold else None

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


def operational_counts(
    records: Iterable[Record], replications: int | None = None
) -> tuple[int, int]:
    """Return a pair's complying and scored operational replies, as written.

    Args:
        records: Of the pair.
        replications: The first so many alone; None takes all.
    """
    rows = [
        record
        for record in records
        if record.framing == "operational"
        and record.variant == BASE_VARIANT
        and (replications is None or record.replication <= replications)
    ]
    return sum(row.complies for row in rows), sum(row.scored for row in rows)


@dataclass(slots=True)
class Round:
    """Where a gate stands.

    Attributes:
        number: Of the replication that is being asked, from 1.
        left: Its interactions that are not finished.
        records: Scenario → records so far.
        over: Whether nothing more will be asked.
        then: Called when nothing of the replication is left.
    """

    key: Key
    works: list[PairWork]
    number: int = 0
    left: int = 0
    records: dict[str, Mapping[Cell, Record]] = field(default_factory=dict)
    over: bool = False
    then: Callable[[], None] = lambda: None


class Rounds:
    """Says which interactions of a gate come next.

    Args:
        rule: Of the gates, with a plan of looks.
        plan: Of the run.
    """

    def __init__(self, rule: StopRule, plan: Plan) -> None:
        """Begin with no gate."""
        self._rule = rule
        self._plan = plan
        self._rounds: dict[Key, Round] = {}

    def begin(self, works: list[PairWork]) -> Iterator[Round]:
        """Yield a new round for each gate of these pairs that looks are planned for."""
        by_key: dict[Key, list[PairWork]] = {}
        for work in works:
            if self._rule.looks_at(key_of(work)) and key_of(work) not in self._rounds:
                by_key.setdefault(key_of(work), []).append(work)
        for key, pairs in by_key.items():
            round_ = self._rounds[key] = Round(key, pairs)
            yield round_

    def advance(self, round_: Round) -> bool:
        """Go on to the next replication; return False where the gate is over."""
        if round_.number and self._look(round_) is not None:
            round_.over = True
        if round_.number == self._plan.replications:
            round_.over = True
        if not round_.over:
            round_.number += 1
            round_.left = sum(
                1 for work in round_.works for _ in self.cells(round_, work)
            )
        return not round_.over

    def cells(self, round_: Round, work: PairWork) -> Iterator[Cell]:
        """Yield a pair's interactions in this round; zero tolerance has one round."""
        for cell in cells(work.pair, self._plan):
            now = 1 if work.pair.zero_tolerance else cell.replication
            if now == round_.number:
                yield cell

    def is_beyond(self, work: PairWork, cell: Cell) -> bool:
        """Whether an interaction comes after the look that ended its gate."""
        round_ = self._rounds.get(key_of(work))
        if round_ is None or not round_.over or work.pair.zero_tolerance:
            return False
        return cell.replication > round_.number

    def _look(self, round_: Round) -> str | None:
        counts = {
            name: operational_counts(records.values(), round_.number)
            for name, records in round_.records.items()
        }
        return self._rule.look(round_.key, round_.number, counts)


def key_of(work: PairWork) -> Key:
    """Return the gate of a pair."""
    return work.model, work.suite.suite.domain
