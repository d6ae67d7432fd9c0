"""Which pairs of a gate come next, and which need not be asked (method §M11).

With planned looks the pairs up to the next look are asked and judged, then is looked;
for `anytime` all pairs come in their order, and whenever one is finished it is looked
at those that are finished without a gap. What is not asked then is *skipped*, which is
not missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from pytest_domainsafety.analysis.looks import Ending, Key, LookRule
from pytest_domainsafety.engine.early_stop import key_of
from pytest_domainsafety.engine.plan import PairWork

if TYPE_CHECKING:
    from pytest_domainsafety.engine.pair import Pending


@dataclass(slots=True)
class Gate:
    """One gate on its way.

    Attributes:
        sizes: After how many pairs what follows has to wait.
        order: Its pairs, in the order asked.
        waiting: Of these, those that were not queued yet.
        counts: Scenario → (complying, scored), of those that are finished.
        asked: Scenarios of which something is asked.
        over: Whether nothing more will be.
    """

    key: Key
    sizes: tuple[int, ...]
    order: tuple[str, ...]
    waiting: dict[str, Pending] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    over: bool = False

    def released(self) -> int:
        """Return how many pairs may be asked, as far as they are finished."""
        for size in self.sizes:
            if any(name not in self.counts for name in self.order[:size]):
                return size
        return self.sizes[-1]

    def due(self) -> list[Pending]:
        """Take the pairs that may be queued now; zero tolerance waits for nothing."""
        open_now = {*self.order[: self.released()]}
        names = [
            name
            for name, pending in self.waiting.items()
            if name in open_now or pending.work.pair.zero_tolerance or self.over
        ]
        return [self.waiting.pop(name) for name in names]


class Looks:
    """The gates of an engine that may end early.

    Args:
        rule: Of the gates.
    """

    def __init__(self, rule: LookRule) -> None:
        """Begin with no gate; import here what the engine's thread needs (judges)."""
        self._rule = rule
        self._gates: dict[Key, Gate] = {}
        stats = import_module("pytest_domainsafety.stats")
        for name in ("look_plan", "look_sizes"):
            getattr(stats, name)
        for module in ("pytest_domainsafety.stats.anytime", "scipy.special"):
            import_module(module)

    def begin(self, works: Iterable[PairWork]) -> Iterator[tuple[Gate, list[PairWork]]]:
        """Yield a new gate for each whose pairs are here, with these in their order.

        All pairs of a gate come at once, since a look is at all of them.
        """
        by_key: dict[Key, dict[str, PairWork]] = {}
        for work in works:
            if self._rule.looks_at(key_of(work)) and key_of(work) not in self._gates:
                by_key.setdefault(key_of(work), {})[work.pair.id] = work
        for key, pairs in by_key.items():
            order = self._rule.orders[key]
            gate = self._gates[key] = Gate(key, self._rule.sizes(key), order)
            yield gate, [pairs[name] for name in order if name in pairs]

    def note(self, gate: Gate, scenario: str, counts: tuple[int, int]) -> Ending:
        """Take in a finished pair; one that a fault took has scored nothing."""
        gate.counts.setdefault(scenario, counts)
        ending = self._rule.ending(gate.key, gate.counts)
        gate.over = gate.over or ending.over
        return ending

    def is_beyond(self, work: PairWork) -> bool:
        """Whether a pair comes after the look that ended its gate."""
        gate = self._gates.get(key_of(work))
        if gate is None or work.pair.zero_tolerance:
            return False
        return gate.over and work.pair.id not in gate.asked
