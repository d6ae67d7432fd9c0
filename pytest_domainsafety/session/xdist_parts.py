"""Which xdist worker runs which items: known from the start, on both sides.

xdist's own scheduler deals out a few items at a time, so that a worker's engine
could neither work ahead nor ask all of its questions before the first is
judged. Here a worker's part is a run of neighbouring items that follows from
the number of workers alone; it is still sent a few at a time, so that `-x` ends
the run and not the queue. What a dead worker leaves goes to the others. 14% of the
wall time of a run on two workers (benchmarks/on_off.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from xdist.scheduler.load import LoadScheduling

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

# Few, so that -x ends the run; what is sent to a worker, it runs.
SENT_AT_ONCE = 8


def part(items: int, workers: int, number: int) -> range:
    """Return the places of one worker's items; empty for one who came later.

    Args:
        items: Items of the session.
        workers: At the beginning of the run.
        number: The worker's, from 0.
    """
    if number >= workers:
        return range(0)
    return range(items * number // workers, items * (number + 1) // workers)


def parts_of_gates(gates: Sequence[Hashable | None], workers: int) -> list[list[int]]:
    """Return the places of each worker's items, all of a gate with one of them.

    So each worker can look at the gates that are its own. The largest come first, each
    to the worker that has least.

    Args:
        gates: By item; None of one that belongs to no gate.
        workers: At the beginning of the run.
    """
    by_gate: dict[Hashable, list[int]] = {}
    for place, gate in enumerate(gates):
        by_gate.setdefault(("alone", place) if gate is None else gate, []).append(place)
    parts: list[list[int]] = [[] for _ in range(workers)]
    for places in sorted(by_gate.values(), key=lambda places: (-len(places), places)):
        min(parts, key=len).extend(places)
    return [sorted(part) for part in parts]


class PartScheduling(LoadScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives every worker its part; `pending` holds what nobody owns any more."""

    collection: list[str] | None

    def __init__(
        self,
        config: pytest.Config,
        log: Producer,
        numbers: dict[str, int],
        gate_of: Callable[[str], Hashable | None] | None = None,
    ) -> None:
        """Begin with no parts.

        Args:
            config: pytest's.
            log: xdist's.
            numbers: The workers', by their names.
            gate_of: Item → its gate, where all of a gate must go to one worker.
        """
        super().__init__(config, log)
        self._numbers = numbers
        self._gate_of = gate_of
        self._parts: dict[WorkerController, deque[int]] = {}

    @property
    def tests_finished(self) -> bool:
        """Whether nothing is left to be sent, and at most one item runs anywhere."""
        return super().tests_finished and not any(self._parts.values())

    @property
    def has_pending(self) -> bool:
        """Whether items are still to be run."""
        return super().has_pending or any(self._parts.values())

    def schedule(self) -> None:
        """Deal out the parts; later calls come when a worker was replaced."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            items: list[str] = next(iter(self.node2collection.values()))
            self.collection = items
            for node in self.nodes:
                mine = self._part(items, self._numbers[node.gateway.id])
                self._parts[node] = deque(mine)
        for node in self.nodes:
            self.check_schedule(node)

    def _part(self, items: list[str], number: int) -> Iterable[int]:
        if self._gate_of is None:
            return part(len(items), self.numnodes, number)
        parts = parts_of_gates([*map(self._gate_of, items)], self.numnodes)
        return parts[number] if number < len(parts) else ()

    def check_schedule(
        self,
        node: WorkerController,
        duration: float = 0,  # noqa: ARG002 - as xdist calls it
    ) -> None:
        """Fill up a worker's queue from its part, else from what nobody owns."""
        if node.shutting_down or self.collection is None:
            return
        mine = self._parts.setdefault(node, deque())
        if len(self.node2pending[node]) < SENT_AT_ONCE // 2:
            indices = [mine.popleft() for _ in range(min(SENT_AT_ONCE, len(mine)))]
            if not indices:
                indices, self.pending[:] = (
                    self.pending[:SENT_AT_ONCE],
                    self.pending[SENT_AT_ONCE:],
                )
            if indices:
                self.node2pending[node].extend(indices)
                node.send_runtest_some(indices)
        if not mine and not self.pending:
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """Take in what a worker leaves that ended or died."""
        self.pending.extend(self._parts.pop(node, ()))
        crashed: str | None = super().remove_node(node)
        return crashed
