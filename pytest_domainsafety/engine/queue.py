"""Which request comes next.

Work waits in stages, one a model and task (a model's replies, a judge's
judgements). *Stream* serves every stage: a later one once it has work for all
places, so that what is begun gets finished; else the earliest, so that at the end
there is work for all places which waits for nothing. *Split* serves one stage until
nothing of it waits or runs, then moves on, so that a server that holds one model at
a time changes models once and not once an item. Within a stage what has much of its
prompt in common comes together (:mod:`~pytest_domainsafety.engine.lines`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator

from pytest_domainsafety.engine.lines import ANYWHERE, Job, Line, Place

__all__ = ["Board", "Job"]

Change = Callable[[str | None, str | None], Awaitable[None]]


async def _nothing(_old: str | None, _new: str | None) -> None:
    """Change stages without further ado."""


class Board:
    """Keeps at most `limit` jobs running; lives in one event loop.

    Args:
        stages: Names of the stages, in the order in which split serves them.
        limit: Jobs running at once; who changes it calls :meth:`pump`.
        split: One stage at a time.
        change: Awaited before split serves another stage, with the stage that
            it leaves and the one that it comes to; None is no stage at all.
            Must not raise.
        held: Whether a stage shall wait although there is room.
        failed: Told what a job or a change raised although it must not.

    Attributes:
        wall: Seconds in which something of a stage ran, by stage.
        spent: Seconds of its jobs, summed.
        busy: Seconds in which something ran, of whatever stage.
    """

    def __init__(
        self,
        stages: tuple[str, ...],
        limit: int,
        *,
        split: bool,
        change: Change = _nothing,
        held: Callable[[str], bool] = lambda _stage: False,
        failed: Callable[[BaseException], None] = lambda _error: None,
    ) -> None:
        """Begin with nothing waiting."""
        self.limit = limit
        self.wall: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        self.busy = 0.0
        self._waiting: dict[str, Line] = {stage: Line() for stage in stages}
        self._running: dict[str, int] = dict.fromkeys(stages, 0)
        self._since: dict[str, float] = {}
        self._busy_since = 0.0
        self._split = split
        self._change = change
        self._held = held
        self._failed = failed
        self._stage: str | None = None
        self._changing = False
        self._cancelled = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return sum(self._running.values())

    @property
    def serving(self) -> tuple[str, ...]:
        """The stages of which something runs now."""
        return tuple(stage for stage, count in self._running.items() if count)

    def add(self, stage: str, jobs: Iterator[Job], place: Place = ANYWHERE) -> None:
        """Queue jobs; the iterator is drawn from only as places come free.

        Args:
            stage: Of which they are.
            jobs: One or many.
            place: Beside which other jobs of the stage they belong.
        """
        self._waiting[stage].add(jobs, place)
        self.pump()

    def pump(self) -> None:
        """Start what may be started."""
        while self.running < self.limit and not self._changing:
            stage = self._next_stage()
            if stage is None:
                return
            job = self._draw(stage)
            if job is not None:
                self._spawn(self._run(stage, job))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() and not self._cancelled:
            error = asyncio.CancelledError()
        if error is not None:
            self._failed(error)

    async def _run(self, stage: str, job: Job) -> None:
        began = time.monotonic()
        try:
            await job()
        finally:
            now = time.monotonic()
            self.spent[stage] = self.spent.get(stage, 0.0) + now - began
            self._running[stage] -= 1
            if not self._running[stage]:
                past = self.wall.get(stage, 0.0)
                self.wall[stage] = past + now - self._since.pop(stage)
            if not self.running:
                self.busy += now - self._busy_since
            self.pump()

    def _draw(self, stage: str) -> Job | None:
        """Take the next job of a stage; it counts as running from now on."""
        job = self._waiting[stage].draw()
        if job is None:
            return None
        if not self._running[stage]:
            self._since[stage] = time.monotonic()
            if not self.running:
                self._busy_since = self._since[stage]
        self._running[stage] += 1
        return job

    def _next_stage(self) -> str | None:
        if not self._split:
            ready = [s for s in self._waiting if self._waiting[s] and not self._held(s)]
            full = (s for s in reversed(ready) if len(self._waiting[s]) >= self.limit)
            return next(full, ready[0] if ready else None)
        if self._stage is not None:
            if self._waiting[self._stage]:
                return self._stage
            if self._running[self._stage]:
                return None
        following = next((s for s in self._waiting if self._waiting[s]), None)
        if following != self._stage:
            self._changing = True
            self._spawn(self._change_to(following))
        return None

    async def _change_to(self, new: str | None) -> None:
        """Go to another stage; nothing starts until the server is ready for it."""
        try:
            await self._change(self._stage, new)
        finally:
            self._stage, self._changing = new, False
            self.pump()

    async def cancel(self) -> None:
        """Cancel what runs, forget what waits, and wait for the end of both."""
        self._cancelled = True
        for line in self._waiting.values():
            line.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
