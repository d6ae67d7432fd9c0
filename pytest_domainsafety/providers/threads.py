"""Where the user's own functions run: daemon threads that nobody has to wait for.

A function may block for ever, end its thread with any exception there is, stop the
event loop that it runs in, or never let go of it. None of this may reach the engine's
loop, other requests, or the end of the process: so each call that is under way has a
thread of its own, ``async`` functions share a loop of their own, the clock of a call
starts with the function and not with its place in a queue, and whatever does not come
back is left behind.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Any, NamedTuple, TypeVar

from pytest_domainsafety.errors import RequestTimeout, ServerFault
from pytest_domainsafety.providers.base import out_of_time
from pytest_domainsafety.providers.output import listening

_Place = TypeVar("_Place")

MOST_LEFT_BEHIND = 64
"""Calls that may never have come back before no further one is begun."""
ANSWERS_WITHIN_S = 1.0
"""In which an event loop that is not blocked runs what it is given."""


class Answer(NamedTuple):
    """What became of a call: what it returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class Call:
    """One call on its way, seen from the loop that waits for it."""

    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    said: list[str]
    started: asyncio.Future[None] = field(init=False)
    ended: asyncio.Future[Answer] = field(init=False)
    withdrawn: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        """Make the futures that the other thread settles."""
        self.started = self.loop.create_future()
        self.ended = self.loop.create_future()

    def tell(self, future: asyncio.Future[Any], value: Any = None) -> None:
        """Settle a future from the other thread; nobody may be there any more."""

        def settle() -> None:
            if not future.done():
                future.set_result(value)

        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(settle)

    def run(self) -> None:
        """Run a function that blocks, in this thread."""
        self.tell(self.started)
        try:
            with listening(self.said):
                answer = Answer(self.work())
        except BaseException as error:  # noqa: BLE001 - an answer like any other
            answer = Answer(error=error)
        self.tell(self.ended, answer)

    async def go(self) -> None:
        """Run an ``async`` function, in this loop."""
        if self.withdrawn:
            return
        self.tell(self.started)
        try:
            with listening(self.said):
                answer = Answer(await self.work())
        except BaseException as error:  # noqa: BLE001 - an answer like any other
            answer = Answer(error=error)
        self.tell(self.ended, answer)


class Worker:
    """A daemon thread that runs one blocking call after the other."""

    def __init__(self, name: str) -> None:
        """Start it.

        Raises:
            RuntimeError: The system has no thread left.
        """
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def begin(self, call: Call) -> None:
        """Run a call; only one that is idle is given one."""
        self._calls.put(call)

    def end(self) -> None:
        """Let it end when it is idle."""
        self._calls.put(None)

    def where(self) -> str:
        """Return where in the user's code it is now."""
        return place_of(sys._current_frames().get(self._thread.ident or 0))

    def _live(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()


class LoopThread:
    """A daemon thread with an event loop, for ``async`` functions.

    Attributes:
        dropped: Done when the loop is given up, on the loop that waits.
        blocked_at: Where the user's code was when it was given up as blocked, or ''.
    """

    def __init__(self, name: str, dropped: asyncio.Future[None]) -> None:
        """Start it.

        Raises:
            RuntimeError: The system has no thread left.
        """
        self.dropped = dropped
        self.blocked_at: str | None = None
        self._loop = asyncio.new_event_loop()
        # An application's forgotten tasks are not the run's business, and what
        # asyncio would log of them may quote a prompt.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._over = False
        self._alive_at = time.monotonic()
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._over:
            # An application may stop the loop, and SystemExit in one of its tasks
            # goes through it: the next call is served all the same.
            with suppress(BaseException):
                self._loop.run_forever()
        with suppress(BaseException):
            self._loop.run_until_complete(_cancelled(asyncio.all_tasks(self._loop)))
        self._loop.close()

    def begin(self, call: Call) -> None:
        """Run a call beside the others."""

        def start() -> None:
            self._note()
            call.task = self._loop.create_task(call.go())

        self._do(start)

    def cancel(self, call: Call) -> None:
        """Cancel a call; one that does not let itself be cancelled goes on."""
        call.withdrawn = True
        if call.task is not None:
            self._do(call.task.cancel)

    def _do(self, task: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(task)

    def _note(self) -> None:
        self._alive_at = time.monotonic()

    def silent_for(self) -> float:
        """Return the seconds since it was last seen at work, and look anew."""
        silent = time.monotonic() - self._alive_at
        self._do(self._note)
        return silent

    async def is_blocked(self) -> bool:
        """Whether something in the loop holds it up."""
        asked = time.monotonic()
        self._do(self._note)
        while self._alive_at < asked:
            if time.monotonic() - asked > ANSWERS_WITHIN_S:
                return True
            await asyncio.sleep(ANSWERS_WITHIN_S / 50)
        return False

    def where(self) -> str:
        """Return where in the user's code it is now."""
        return place_of(sys._current_frames().get(self._thread.ident or 0))

    def end(self) -> None:
        """Let the thread end; what still runs in it is left behind."""
        self._over = True
        self._do(self._loop.stop)
        if not self.dropped.done():
            self.dropped.set_result(None)


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel what still runs; what does not let itself be cancelled is left."""
    running = set(tasks)
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=ANSWERS_WITHIN_S)


class Workplace:
    """Runs a user's functions for one model; lives in one event loop.

    Args:
        who: What is called, as it shall stand in a message.
        seconds: That one call may take, from the moment in which it begins.
    """

    def __init__(self, who: str, seconds: float) -> None:
        """Prepare; threads are made as calls need them."""
        self._who = who
        self._seconds = seconds
        self._idle: list[Worker] = []
        self._shared: LoopThread | None = None
        self._left_behind = 0

    async def call(self, work: Callable[[], Any], said: list[str]) -> Answer:
        """Run a function that blocks.

        Args:
            work: Takes nothing; whatever it raises is part of the answer.
            said: Takes what it prints and logs.

        Raises:
            RequestTimeout: It did not come back in time.
            ServerFault: There is no thread to be had.
        """
        self._check()
        worker = self._idle.pop() if self._idle else self._made(self._worker)
        call = Call(work, asyncio.get_running_loop(), said)
        call.ended.add_done_callback(lambda _: self._idle.append(worker))
        worker.begin(call)
        await asyncio.shield(call.started)
        await asyncio.wait([call.ended], timeout=self._seconds)
        if not call.ended.done():
            self._leave(call)
            raise RequestTimeout(out_of_time(self._who, self._seconds, worker.where()))
        return call.ended.result()

    async def await_(
        self, work: Callable[[], Awaitable[Any]], said: list[str]
    ) -> Answer:
        """Run an ``async`` function; see :meth:`call`."""
        self._check()
        call, place = await self._begun(work, said)
        try:
            await asyncio.wait([call.ended], timeout=self._seconds)
        finally:
            if not call.ended.done():
                place.cancel(call)
        if call.ended.done():
            return call.ended.result()
        self._leave(call)
        raise RequestTimeout(await self._too_late(place))

    async def _begun(
        self, work: Callable[[], Awaitable[Any]], said: list[str]
    ) -> tuple[Call, LoopThread]:
        """Begin a call in the shared loop, however often that has to be made anew."""
        while True:
            if self._shared is None or self._shared.dropped.done():
                self._shared = self._made(self._loop_thread)
            place = self._shared
            call = Call(work, asyncio.get_running_loop(), said)
            place.begin(call)
            try:
                while not (call.started.done() or place.dropped.done()):
                    # Others may hold the loop up, each within its own time.
                    await asyncio.wait(
                        [call.started, place.dropped],
                        timeout=self._seconds,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if call.started.done():
                        break
                    if place.silent_for() >= self._seconds:
                        self._drop(place)
            finally:
                if not call.started.done():
                    call.withdrawn = True
            if call.started.done():
                return call, place

    async def _too_late(self, place: LoopThread) -> str:
        """Say why a call did not end; a loop that it blocks is given up."""
        if not place.dropped.done() and await place.is_blocked():
            self._drop(place)
        if place.blocked_at is None:
            return out_of_time(self._who, self._seconds)
        return out_of_time(self._who, self._seconds, place.blocked_at) + (
            " It blocks its event loop, and with it every call beside it: await what "
            "takes long, or leave 'async' out."
        )

    def _drop(self, place: LoopThread) -> None:
        """Give up a loop that something blocks."""
        if not place.dropped.done():
            place.blocked_at = place.where()
        place.end()
        if self._shared is place:
            self._shared = None

    def _check(self) -> None:
        if self._left_behind >= MOST_LEFT_BEHIND:
            raise RequestTimeout(
                f"{self._who} did not come back from {self._left_behind} calls, each "
                "of which holds a thread: no further one is begun."
            )

    def _leave(self, call: Call) -> None:
        """Count a call that may never come back, until it does."""
        self._left_behind += 1

        def back(_: asyncio.Future[Answer]) -> None:
            self._left_behind -= 1

        call.ended.add_done_callback(back)

    def _made(self, make: Callable[[], _Place]) -> _Place:
        try:
            return make()
        except (RuntimeError, OSError) as error:
            raise ServerFault(
                f"{self._who} could not be called: no thread is to be had "
                f"({type(error).__name__})."
            ) from None

    def _worker(self) -> Worker:
        return Worker("domainsafety-application")

    def _loop_thread(self) -> LoopThread:
        dropped = asyncio.get_running_loop().create_future()
        return LoopThread("domainsafety-application-loop", dropped)

    def close(self) -> None:
        """Let every thread end that is idle."""
        while self._idle:
            self._idle.pop().end()
        if self._shared is not None:
            self._shared.end()


def in_time(work: Callable[[], Any], seconds: float, said: list[str]) -> Answer | None:
    """Run something that may block, in a thread of its own; None after `seconds`."""
    ended: Future[Answer] = Future()

    def run() -> None:
        try:
            with listening(said):
                ended.set_result(Answer(work()))
        except BaseException as error:  # noqa: BLE001 - an answer like any other
            ended.set_result(Answer(error=error))

    name = "domainsafety-application"
    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return ended.result(seconds)
    except TimeoutError:
        return None


_STANDARD = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is of this package's code."""
    return str(frame.f_globals.get("__name__", "")).startswith(__package__)


def is_users(frame: FrameType) -> bool:
    """Whether a frame is of the user's code, and no library's or ours."""
    file = Path(frame.f_code.co_filename)
    library = file.is_relative_to(_STANDARD) or not {*_INSTALLED}.isdisjoint(file.parts)
    return file.suffix == ".py" and not library and not is_ours(frame)


def place_of(frame: FrameType | None) -> str:
    """Return file and line of the innermost frame of the user's code, or ''."""
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return "" if frame is None else f"{_name(frame)}:{frame.f_lineno}"


def _name(frame: FrameType) -> str:
    return Path(frame.f_code.co_filename).name
