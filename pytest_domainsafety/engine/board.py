"""Which request comes next.

Work waits in stages, one a model and task (a model's replies, a judge's
judgements). *Stream* serves every stage, the later ones first, so that what is
begun gets finished. *Split* serves one stage until nothing of it waits or runs,
then moves on, so that a server that holds one model at a time changes models
once and not once an item.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

Job = Callable[[], Awaitable[None]]
Leave = Callable[[str], Awaitable[None]]


class Board:
    """Keeps at most `limit` jobs running; lives in one event loop.

    Args:
        stages: Names of the stages, in the order in which split serves them.
        limit: Jobs running at once.
        split: One stage at a time.
        leave: Called when split leaves a stage for another.
    """

    def __init__(
        self, stages: tuple[str, ...], limit: int, *, split: bool, leave: Leave
    ) -> None:
        """Begin with nothing waiting."""
        self._waiting: dict[str, deque[Iterator[Job]]] = {s: deque() for s in stages}
        self._running: dict[str, int] = dict.fromkeys(stages, 0)
        self._limit = limit
        self._split = split
        self._leave = leave
        self._stage: str | None = None
        self._leaving = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """Jobs that run now."""
        return sum(self._running.values())

    def add(self, stage: str, jobs: Iterator[Job]) -> None:
        """Queue jobs; the iterator is drawn from only as places come free."""
        self._waiting[stage].append(jobs)
        self.pump()

    def pump(self) -> None:
        """Start what may be started."""
        while self.running < self._limit and not self._leaving:
            stage = self._next_stage()
            if stage is None:
                return
            job = self._draw(stage)
            if job is not None:
                self._running[stage] += 1
                task = asyncio.get_running_loop().create_task(self._run(stage, job))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _run(self, stage: str, job: Job) -> None:
        try:
            await job()
        finally:
            self._running[stage] -= 1
            self.pump()

    def _draw(self, stage: str) -> Job | None:
        queue = self._waiting[stage]
        job = next(queue[0], None)
        if job is None:
            queue.popleft()
        return job

    def _next_stage(self) -> str | None:
        if not self._split:
            return next((s for s in reversed(self._waiting) if self._waiting[s]), None)
        if self._stage is not None:
            if self._waiting[self._stage]:
                return self._stage
            if self._running[self._stage]:
                return None
        following = next((s for s in self._waiting if self._waiting[s]), None)
        if following is None or self._stage is None:
            self._stage = following or self._stage
            return following
        self._depart(self._stage, following)
        return None

    def _depart(self, old: str, new: str) -> None:
        """Leave a stage; nothing starts until the server has been told."""
        self._leaving = True

        async def leave() -> None:
            try:
                await self._leave(old)
            finally:
                self._stage, self._leaving = new, False
                self.pump()

        task = asyncio.get_running_loop().create_task(leave())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def cancel(self) -> None:
        """Cancel what runs, forget what waits, and wait for the end of both."""
        for queue in self._waiting.values():
            queue.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
