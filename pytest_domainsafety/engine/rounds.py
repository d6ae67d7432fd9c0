"""One replication of all pairs of a gate, a look, the next one (method §M5).

When a look may decide, and how much of the gate's error it may spend, is fixed
before the first reply (:func:`~pytest_domainsafety.stats.sequential_plan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pytest_domainsafety.engine.early_stop import Key, StopRule, operational_counts
from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.types import Record


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
        for key, some in by_key.items():
            found = self._rounds[key] = Round(key, some)
            yield found

    def advance(self, found: Round) -> bool:
        """Go on to the next replication; return False where the gate is over."""
        if found.number and self._look(found) is not None:
            found.over = True
        if found.number == self._plan.replications:
            found.over = True
        if not found.over:
            found.number += 1
            found.left = sum(1 for work in found.works for _ in self.cells(found, work))
        return not found.over

    def cells(self, found: Round, work: PairWork) -> Iterator[Cell]:
        """Yield a pair's interactions in this round; zero tolerance has one round."""
        for cell in cells(work.pair, self._plan):
            now = 1 if work.pair.zero_tolerance else cell.replication
            if now == found.number:
                yield cell

    def is_beyond(self, work: PairWork, cell: Cell) -> bool:
        """Whether an interaction comes after the look that ended its gate."""
        found = self._rounds.get(key_of(work))
        if found is None or not found.over or work.pair.zero_tolerance:
            return False
        return cell.replication > found.number

    def _look(self, found: Round) -> str | None:
        counts = {
            name: operational_counts(records.values(), found.number)
            for name, records in found.records.items()
        }
        return self._rule.look(found.key, found.number, counts)


def key_of(work: PairWork) -> Key:
    """Return the gate of a pair."""
    return work.model, work.suite.suite.domain
