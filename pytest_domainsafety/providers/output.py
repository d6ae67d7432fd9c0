"""What an application prints and logs while it answers: kept apart, for its item.

pytest captures by the process, and the engine works ahead of the item that pytest is
at: what an application prints would stand under somebody else's item, or between two
of them on the bare terminal. So what a call says goes to the call. It is known by a
context variable, which threads and tasks have each for themselves.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pytest_domainsafety.providers.redaction import strike
from pytest_domainsafety.text import visible, without_escapes
from pytest_domainsafety.types import ChatRequest

MOST_SAID = 2_000
"""Characters that are kept of what one call says; its last ones."""

_HEARD: ContextVar[list[str] | None] = ContextVar("domainsafety_heard", default=None)
_SAID: ContextVar[list[str] | None] = ContextVar("domainsafety_said", default=None)


@contextmanager
def listening(said: list[str]) -> Iterator[None]:
    """Let what this thread or task says go into a list."""
    token = _HEARD.set(said)
    try:
        yield
    finally:
        _HEARD.reset(token)


@contextmanager
def collecting(texts: list[str]) -> Iterator[None]:
    """Let the output of this task's calls go into a list, one text a call."""
    token = _SAID.set(texts)
    try:
        yield
    finally:
        _SAID.reset(token)


def pass_on(said: list[str], request: ChatRequest, reply: str = "") -> None:
    """Give what one call said to whoever collects it, fit to be shown.

    Args:
        said: What it said.
        request: What it was asked; quotations of it are struck.
        reply: What it answered; likewise.
    """
    texts = _SAID.get()
    text = shown("".join(said))
    if texts is not None and text:
        asked = (message.content for message in request.messages)
        texts.append(strike(text, (*asked, reply)))


def shown(text: str) -> str:
    """Return an application's output as it may be shown: its end, without escapes."""
    whole = visible(without_escapes(text[-4 * MOST_SAID :])).strip()
    return whole if len(whole) <= MOST_SAID else f"…{whole[1 - MOST_SAID :]}"


def _hear(said: list[str], text: str) -> None:
    said.append(text)
    # A call that prints for ever takes no more memory than one that prints a page.
    if len(said) > MOST_SAID:
        said[:] = ["".join(said)[-4 * MOST_SAID :]]


class Routed:
    """A text stream in whose place it stands: what a call writes goes to the call.

    Args:
        stream: Takes all else.
    """

    def __init__(self, stream: Any) -> None:
        """Stand in front of a stream."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Write to the call that writes, or else to the stream."""
        said = _HEARD.get()
        if said is None:
            return int(self.stream.write(text) or 0)
        _hear(said, str(text)[-4 * MOST_SAID :])
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write one text after the other."""
        for line in lines:
            self.write(line)

    def close(self) -> None:
        """Close the stream; not from within a call, whose it is not."""
        if _HEARD.get() is None:
            self.stream.close()

    @property
    def buffer(self) -> Any:
        """The same for bytes, where the stream has such a thing."""
        return _RoutedBytes(self.stream.buffer)

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self.stream, name)

    @property  # type: ignore[misc]  # pytest asks whether a stream is its own kind
    def __class__(self) -> Any:
        """Be the stream in this, too."""
        return type(self.stream)

    def __iter__(self) -> Iterator[str]:
        """Be the stream in this, too."""
        return iter(self.stream)


class _RoutedBytes:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, data: bytes) -> int:
        said = _HEARD.get()
        if said is None:
            return int(self.stream.write(data) or 0)
        _hear(said, bytes(data)[-4 * MOST_SAID :].decode("utf-8", "replace"))
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def routed_streams() -> Iterator[None]:
    """Stand in front of `sys.stdout` and `sys.stderr` where no pytest captures them.

    What calls say that nobody collects is dropped: it may quote what they were asked.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Routed(before[0]), Routed(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


_NOTED = "domainsafety_noted"


class OwnLog(logging.Filter):
    """Takes out of a handler what a call logs, and gives it to the call."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the handler is to have a record."""
        said = _HEARD.get()
        if said is None:
            return True
        if getattr(record, _NOTED, False):
            return False  # another handler came first
        setattr(record, _NOTED, True)
        text = f"{record.levelname} {record.name}: {_message(record)}\n"
        _hear(said, text[-4 * MOST_SAID :])
        return False


def _message(record: logging.LogRecord) -> str:
    """Return what a record says, or at least of what kind it is."""
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit their format
        pass
    try:
        return str(record.msg)
    except Exception as error:  # noqa: BLE001 - an object that can't be put in words
        return f"({type(record.msg).__name__} that raised {type(error).__name__})"
