"""One program, from its start to the end of everything that it started.

A program may fork, put its children into sessions of their own, leave its output
open, write without an end, or take no notice of being asked to end. So it gets a
process group of its own and a mark in its environment that its children inherit, and
when its time is over, or its output, or it has ended itself, whoever is left of both
is ended with it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from types import FrameType
from typing import NamedTuple

from pytest_domainsafety.errors import ServerFault
from pytest_domainsafety.providers.base import check_length, time_limit

MARK = "DOMAINSAFETY_COMMAND"
"""The variable by which all that a program starts is known again."""
LAST_WORDS_S = 1.0
"""For what still writes when the program itself has ended, and to end when asked."""
ERRORS_KEPT = 8_000
"""Bytes of the error output that are kept; its last ones."""
_OUTPUT, _ERRORS = 1, 2
_MOST_ROUNDS = 20

_STARTS_WITHIN_S = 0.1

_ending = threading.Event()
_running: dict[str, int | None] = {}
"""The marks of the programs that run now, with their groups where they are known."""


class Ended(NamedTuple):
    """What a program left; of its error output the end."""

    output: bytes
    errors: bytes
    status: int


class _Watch(asyncio.SubprocessProtocol):
    """Keeps what a program writes, and notes how it ends."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._read = {_OUTPUT: 0, _ERRORS: 0}
        self._open = {_OUTPUT, _ERRORS}
        loop = asyncio.get_running_loop()
        self.output = bytearray()
        self.errors = bytearray()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.too_long: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._read[fd] += len(data)
        if self._read[fd] > self._limit:
            _settle(self.too_long)
        elif fd == _OUTPUT:
            self.output += data
        if fd == _ERRORS:
            self.errors = (self.errors + data)[-ERRORS_KEPT:]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        self._open.discard(fd)
        if not self._open:
            _settle(self.closed)

    def process_exited(self) -> None:
        _settle(self.exited)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def run_program(
    words: Sequence[str],
    sent: bytes | None,
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    limit: int,
    who: str,
) -> Ended:
    """Run a program and return what it left, when nobody of it is left.

    Args:
        words: The program's whole path, and its arguments.
        sent: To its standard input; None gives it none.
        folder: Where it runs.
        environment: All that it gets of one.
        seconds: From its start to its end.
        limit: Bytes of its output at most, and of its error output.
        who: What was run, as it shall stand in a message.

    Raises:
        RequestTimeout: The time was up.
        BadAnswer: It wrote more than `limit`.
        ServerFault: This process is about to end.
        OSError: It could not be started.
    """
    if _ending.is_set():
        # Who hears that a program was ended asks it once more.
        raise ServerFault(f"{who} is not started any more: this process is ending.")
    mark = secrets.token_hex(16)
    loop = asyncio.get_running_loop()
    _running[mark] = None
    try:
        transport, watch = await loop.subprocess_exec(
            lambda: _Watch(limit),
            *words,
            stdin=DEVNULL if sent is None else PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=folder,
            env={**environment, MARK: mark},
            start_new_session=True,
        )
    except BaseException:
        end_all(mark, None)
        del _running[mark]
        raise
    _running[mark] = group = transport.get_pid()
    try:
        async with time_limit(seconds, who):
            _send(transport, sent)
            await _first_of(watch.exited, watch.too_long)
        await _first_of(watch.closed, watch.too_long, seconds=LAST_WORDS_S)
    finally:
        await _end(transport, watch, group, mark)
    check_length(limit + 1 if watch.too_long.done() else 0, limit, who)
    return Ended(
        bytes(watch.output), bytes(watch.errors), transport.get_returncode() or 0
    )


def _send(transport: asyncio.SubprocessTransport, sent: bytes | None) -> None:
    pipe = transport.get_pipe_transport(0)
    if sent is not None and isinstance(pipe, asyncio.WriteTransport):
        # One that ends without reading is no fault: its output says what it is worth.
        with suppress(OSError):
            pipe.write(sent)
            pipe.write_eof()


async def _first_of(
    *futures: asyncio.Future[None], seconds: float | None = None
) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


async def _end(
    transport: asyncio.SubprocessTransport, watch: _Watch, group: int, mark: str
) -> None:
    """End what is left of a program: asked first, so that it can end its own."""
    if watch.too_long.done():
        for fd in (_OUTPUT, _ERRORS):
            pipe = transport.get_pipe_transport(fd)
            if pipe is not None:
                pipe.close()
    try:
        if not watch.exited.done():
            _signal_group(group, signal.SIGTERM)
            await _first_of(watch.exited, seconds=LAST_WORDS_S)
    finally:
        end_all(mark, group)
        _running.pop(mark, None)
        transport.close()
    await _first_of(watch.exited, seconds=LAST_WORDS_S)


def end_all(mark: str, group: int | None) -> None:
    """End a program's group, and whoever left it but carries the mark."""
    _signal_group(group, _KILL)
    # Who is being ended may start another one meanwhile.
    for _ in range(_MOST_ROUNDS):
        left = _marked(mark)
        if not left:
            return
        for number in left:
            with suppress(OSError):
                os.kill(number, _KILL)


def end_with_us() -> None:
    """Let no program outlive this process where a signal ends it.

    Who handles such a signal himself goes on doing so. Nothing is done outside of the
    main thread, where Python handles no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end_programs)


def _end_programs(number: int, _frame: FrameType | None) -> None:
    _ending.set()
    # Twice, for one that was only just being started.
    for wait in (_STARTS_WITHIN_S, 0.0):
        for mark, group in list(_running.items()):
            end_all(mark, group)
        time.sleep(wait)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def _signal_group(group: int | None, number: int) -> None:
    if group is not None and hasattr(os, "killpg"):
        with suppress(OSError):
            os.killpg(group, number)


def _marked(mark: str) -> list[int]:
    """Return the processes that carry a mark, where the system tells (Linux)."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    with suppress(OSError):
        for entry in os.listdir("/proc"):
            if entry.isdecimal() and wanted in _environment(entry).split(b"\0"):
                found.append(int(entry))
    return found


def _environment(number: str) -> bytes:
    try:
        with open(f"/proc/{number}/environ", "rb") as file:
            return file.read()
    except OSError:  # another user's, or gone by now
        return b""
