"""Work of one stage in line: what has much in common comes together.

A server that keeps what it has read of a prompt reads the next one the faster the more
both have in common at their beginning. So work bears a place, the coarsest part first
(a judgement's: its rubric, its prompt), and after a job comes one of the very same
place, else one that shares as much of it as there is, else what has waited longest. Who
waits for a place of their own waits no longer than it takes to empty the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator

Job = Callable[[], Awaitable[None]]
Place = tuple[str, str]
"""What a job's prompt begins with: what many have in common, and what few have."""
ANYWHERE: Place = ("", "")


class Line:
    """Batches of jobs that wait, those of one place beside each other."""

    def __init__(self) -> None:
        """Begin with nothing waiting."""
        # Both keep the order in which their keys came.
        self._batches: dict[str, dict[str, deque[Iterator[Job]]]] = {}
        self._last = ANYWHERE
        self._count = 0

    def __len__(self) -> int:
        """Return how many batches wait; a batch whose jobs are drawn is none."""
        return self._count

    def add(self, jobs: Iterator[Job], place: Place = ANYWHERE) -> None:
        """Queue a batch; it is drawn from only as places come free."""
        shared, own = place
        self._batches.setdefault(shared, {}).setdefault(own, deque()).append(jobs)
        self._count += 1

    def draw(self) -> Job | None:
        """Take the next job; None where the batch whose turn it was has no more."""
        shared: str
        own: str | None
        shared, own = self._last
        if shared not in self._batches:
            shared, own = next(iter(self._batches)), None
        places = self._batches[shared]
        if own is None or own not in places:
            own = next(iter(places))
        self._last = (shared, own)
        batches = places[own]
        job = next(batches[0], None)
        if job is not None:
            return job
        batches.popleft()
        self._count -= 1
        if not batches:
            del places[own]
        if not places:
            del self._batches[shared]
        return None

    def clear(self) -> None:
        """Forget all that waits."""
        self._batches.clear()
        self._count = 0
