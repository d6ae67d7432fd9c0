"""What nobody foresaw: its traceback goes to a file, and one sentence says where.

A traceback holds what a model was asked in a frame's line or an exception's words,
and pytest would show it, with the values of the frame, in every report. So it is
written beside the store, for its owner alone to read, and struck like any sentence.
The words of an exception that may quote a reply are left out.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.providers.redaction import strike
from pytest_domainsafety.text import visible

FILE = "crash.txt"
MOST_BYTES = 1 << 20
"""Of the file, beyond which nothing more is written to it: enough to find a fault."""
LONGEST_LINE = 300
# Of frames: the first ones and the last ones of a recursion tell what there is.
MOST_FRAMES = 30
MOST_EXCEPTIONS = 10
# Their words are names and numbers; others quote what could not be read, a reply too.
_PLAIN = (
    AttributeError,
    ImportError,
    IndexError,
    NameError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    DomainSafetyError,
)


def report_crash(
    error: BaseException, folder: Path | None, messages: Iterable[str] = ()
) -> str:
    """Keep an exception's traceback, without keys and what was asked.

    Args:
        error: What nobody foresaw.
        folder: The store's; None keeps nothing.
        messages: Of the request in whose handling it was raised.

    Returns:
        What it was and where the traceback is, as the end of a sentence.
    """
    kind = type(error).__name__
    if folder is None:
        return f"{kind}, which nobody foresaw"
    path = folder / FILE
    try:
        _append(path, _told(error, tuple(messages)))
    except (OSError, MemoryError, RecursionError, ValueError) as trouble:
        return f"{kind}, whose traceback could not be kept ({type(trouble).__name__})"
    return f"{kind}, whose traceback is in {_shown(path)}"


def _told(error: BaseException, messages: tuple[str, ...]) -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = "\n".join(_lines(error, set())).splitlines()
    text = "\n".join(line[:LONGEST_LINE] for line in lines)
    return f"{now}\n{visible(strike(text, messages))}\n\n"


def _lines(error: BaseException, known: set[int]) -> Iterator[str]:
    """Yield an exception's traceback, after those that led to it."""
    if id(error) in known or len(known) >= MOST_EXCEPTIONS:
        return
    known.add(id(error))
    before = error.__cause__ or error.__context__
    if before is not None:
        yield from _lines(before, known)
        yield "\nFrom that came:\n"
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _lines(inner, known)
            yield "\nAmong others, of which came:\n"
    yield "Traceback (most recent call last):"
    frames = traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
    yield "".join(traceback.format_list(frames)).rstrip()
    words = str(error) if isinstance(error, _PLAIN) else "…"
    yield f"{type(error).__name__}: {words}"


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not through a link that somebody else put there.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    number = os.open(path, flags, 0o600)
    with os.fdopen(number, "ab") as file:
        with suppress(AttributeError):  # where a system has no permissions
            os.fchmod(number, 0o600)
        if os.fstat(number).st_size < MOST_BYTES:
            file.write(text.encode("utf-8", "replace"))


def _shown(path: Path) -> str:
    """Return a path from the working folder, as somebody there would type it."""
    with suppress(ValueError):
        return path.resolve().relative_to(Path.cwd()).as_posix()
    return path.name
