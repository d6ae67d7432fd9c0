"""Scenario pairs on their way through the engine: asked, judged, handed to items."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from pytest_domainsafety.engine.concurrency import Pacer
from pytest_domainsafety.engine.dialogue import Conductor, Dialogue, Step, Target
from pytest_domainsafety.engine.early_stop import Stopper, operational_counts
from pytest_domainsafety.engine.lines import Place
from pytest_domainsafety.engine.looks import Gate, Looks
from pytest_domainsafety.engine.pair import Pending
from pytest_domainsafety.engine.plan import Cell, PairWork, Plan, cells
from pytest_domainsafety.engine.queue import Board, Job
from pytest_domainsafety.errors import ProviderError, StoreError
from pytest_domainsafety.judging.base import Judge
from pytest_domainsafety.providers.base import cancels_us
from pytest_domainsafety.providers.output import collecting
from pytest_domainsafety.types import PairOutcome

MOST_SAID = 10
"""Calls of a pair's application whose output is kept; its last ones."""


class PairQueue:
    """The engine's part that knows pairs; all of it runs on the engine's thread.

    Args:
        plan: What to run.
    """

    _board: Board
    _conductor: Conductor
    _pacer: Pacer

    def __init__(self, plan: Plan) -> None:
        """Begin with no pair, no model and no judge."""
        self.plan = plan
        self.steps = 0
        """Replies and judgements that are there, or will never be."""
        self._known: set[str] = set()
        self._finished: dict[str, PairOutcome | Exception] = {}
        self._said: dict[str, list[str]] = {}
        self._news = threading.Condition()
        self._awaited: str | None = None
        self._broken: StoreError | None = None
        self.stopper: Stopper | None = None
        self.looks: Looks | None = None
        self._targets: dict[str, Target] = {}
        self._judges: list[Judge] = []

    def _admit(self, works: list[PairWork]) -> None:
        by_model: dict[str, list[PairWork]] = {}
        for work in works:
            by_model.setdefault(work.model, []).append(work)
        for model, batch in by_model.items():
            begun = [] if self.looks is None else list(self.looks.begin(batch))
            apart = {work.key for _, pairs in begun for work in pairs}
            for gate, pairs in begun:
                for work in pairs:
                    gate.waiting[work.pair.id] = self._pending(work, gate)
                self._queue_due(gate)
            rest = [work for work in batch if work.key not in apart]
            self._board.add(self._stage_of(model), self._generation(rest))

    def _stage_of(self, subject: str) -> str:
        """Return the stage of a model: it is loaded once, whatever it is told."""
        return f"target {self._targets[subject].model.name}"

    def _pending(self, work: PairWork, gate: Gate | None = None) -> Pending:
        return Pending(work, len(list(cells(work.pair, self.plan))), gate)

    def _queue_due(self, gate: Gate) -> None:
        """Queue the pairs of a gate that need wait for no look any more."""
        if due := gate.due():
            self._board.add(self._stage_of(gate.key[0]), self._gate_jobs(gate, due))

    def _gate_jobs(self, gate: Gate, pairs: list[Pending]) -> Iterator[Job]:
        for pending in pairs:
            over = gate.over and not pending.work.pair.zero_tolerance
            if not over:
                gate.asked.add(pending.work.pair.id)
            for cell in cells(pending.work.pair, self.plan):
                if over:
                    self._skip(pending, cell, asked=False)
                else:
                    yield self._guarded(pending, partial(self._generate, pending, cell))

    def _note_finished(self, pending: Pending, counts: tuple[int, int]) -> None:
        """Look at a gate of which a pair is finished, or lost to a fault."""
        gate, looks, name = pending.gate, self.looks, pending.work.pair.id
        if gate is None or looks is None or name in gate.counts:
            return
        try:
            looks.note(gate, name, counts)
        except Exception as error:  # noqa: BLE001 - handed to all that wait for it
            for other in gate.waiting.values():
                self._deliver(other, error)
            gate.waiting.clear()
        self._queue_due(gate)

    def _generation(self, works: list[PairWork]) -> Iterator[Job]:
        """Yield the jobs of pairs; a pair takes memory from its first job on."""
        for work in works:
            pending = self._pending(work)
            for cell in cells(work.pair, self.plan):
                if self._is_over(work) or self._is_beyond(work):
                    self._skip(pending, cell, asked=False)
                    continue
                yield self._guarded(pending, partial(self._generate, pending, cell))

    async def _generate(self, pending: Pending, cell: Cell) -> None:
        target = self._targets[pending.work.model]
        dialogue = await self._conductor.generate(pending.work, cell, target)
        self.steps += 1
        self._advance(pending, dialogue)

    def _is_over(self, work: PairWork) -> bool:
        """Whether a pair need not be asked; zero tolerance is a test of its own."""
        key = (work.model, work.suite.suite.domain)
        over = self.stopper is not None and self.stopper.is_over(key)
        return over and not work.pair.zero_tolerance

    def _is_beyond(self, work: PairWork) -> bool:
        """Whether a pair that is run again comes after its gate's last look."""
        return self.looks is not None and self.looks.is_beyond(work)

    def _skip(self, pending: Pending, cell: Cell, *, asked: bool) -> None:
        """Leave an interaction out, and count what that saves."""
        pending.skipped += 1
        judges = self._judges[: len(self.plan.judges)]
        self.steps += len(judges) + (not asked)
        turns = len(pending.work.pair.turns(cell.framing, cell.variant))
        pending.saved += turns * sum(judge.model is not None for judge in judges)
        if not asked:
            pending.saved += turns
        self._count_down(pending)

    def _advance(self, pending: Pending, dialogue: Dialogue) -> None:
        """Send a dialogue to the next judge that it needs, or finish it."""
        step = self._conductor.next_step(dialogue)
        if step is None:
            self._finish(pending, dialogue)
            return
        if step.kind == "turn":
            job = self._guarded(pending, partial(self._go_on, pending, dialogue))
            self._board.add(f"target {pending.work.model}", iter([job]))
            return
        job = self._guarded(pending, partial(self._judge, pending, dialogue, step))
        self._board.add(f"judge {step.judge}", iter([job]), _place(dialogue))

    async def _go_on(self, pending: Pending, dialogue: Dialogue) -> None:
        target = self._targets[pending.work.model]
        await self._conductor.go_on(dialogue, target)
        self._advance(pending, dialogue)

    async def _judge(self, pending: Pending, dialogue: Dialogue, step: Step) -> None:
        first = step == Step("answer", 0)
        if first and self._is_over(pending.work):
            self._skip(pending, dialogue.cell, asked=True)
            return
        await self._conductor.judge(dialogue, step)
        self._advance(pending, dialogue)

    def _guarded(self, pending: Pending, job: Callable[[], Awaitable[None]]) -> Job:
        """Let no failure of a job go unheard by the item that waits for it."""

        async def run() -> None:
            try:
                if self._broken is not None:
                    raise self._broken
                with collecting(pending.said):
                    await job()
            except BaseException as error:
                if cancels_us(error):
                    raise
                # What can't be kept would be asked for again: ask no more.
                if isinstance(error, StoreError):
                    self._broken = error
                self._deliver(pending, _as_fault(error))
                self._note_finished(pending, (0, 0))
            self._board.limit = self._pacer.limit

        return run

    def _deliver(self, pending: Pending, result: PairOutcome | Exception) -> None:
        key = pending.work.key
        with self._news:
            if key in self._known:
                self._finished.setdefault(key, result)
                if pending.said:
                    self._said[key] = pending.said[-MOST_SAID:]
                if key == self._awaited:
                    self._news.notify_all()

    def _finish(self, pending: Pending, dialogue: Dialogue) -> None:
        self.steps += len(self.plan.judges)
        pending.dialogues[dialogue.cell] = dialogue
        pending.records[dialogue.cell] = self._conductor.record(dialogue)
        self._count_down(pending)

    def _count_down(self, pending: Pending) -> None:
        pending.left -= 1
        if pending.left:
            return
        outcome = pending.outcome(self.plan)
        if self.stopper is not None and not outcome.skipped:
            self.stopper.note(outcome)
        self._deliver(pending, outcome)
        if not outcome.skipped:
            self._note_finished(pending, operational_counts(outcome.records))


def _place(dialogue: Dialogue) -> Place:
    """Return beside which others a dialogue is judged: what their prompts share."""
    work, cell = dialogue.work, dialogue.cell
    shared = f"{work.suite.suite.domain} {work.suite.rubric_hash}"
    return shared, work.pair.prompt_hash(cell.framing, cell.variant)


def _as_fault(error: BaseException) -> Exception:
    """Return what an item can raise: SystemExit and its kin would end pytest."""
    if isinstance(error, Exception):
        return error
    return ProviderError(f"Asking and judging ended with {type(error).__name__}.")
