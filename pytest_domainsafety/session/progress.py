"""How far a run is: one live line on a terminal, a plain one now and then in a log.

pytest writes its dots from left to right and knows nothing of a line below. So
the live line stands on the row under pytest's own, the cursor always goes back
to where pytest left it, and the line is wiped before pytest writes anything.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from pytest_domainsafety.engine import Engine
from pytest_domainsafety.engine.plan import cells
from pytest_domainsafety.reporting.numbers import duration
from pytest_domainsafety.session.expected import Expected
from pytest_domainsafety.session.internals import terminal_writer
from pytest_domainsafety.session.process import Process
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import PairOutcome

if TYPE_CHECKING:
    import pytest

# Seconds from one line to the next: on a terminal, in a log.
LIVE_S = 0.25
LOG_S = 30.0
WINDOW_S = 60.0
"""Over which speed and the time left are taken."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a run stands.

    Attributes:
        phase: What is being done, in words.
        done: Replies and judgements that are there.
        total: Those that there will be.
        tokens: Generated until now.
        in_flight: Requests on their way; None where that is not known.
        errors: Requests that failed for good.
        from_store: Answers that the store already had.
    """

    phase: str
    done: int
    total: int
    tokens: int = 0
    in_flight: int | None = None
    errors: int = 0
    from_store: int = 0


class Speed:
    """What was done and generated a second, lately.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing seen."""
        self._clock = clock
        self._seen: deque[tuple[float, Snapshot]] = deque()

    def line(self, now: Snapshot) -> str:
        """Take a snapshot in, and say it in one line."""
        self._seen.append((self._clock(), now))
        while self._seen[-1][0] - self._seen[0][0] > WINDOW_S:
            self._seen.popleft()
        (began, old), (ended, _) = self._seen[0], self._seen[-1]
        seconds = ended - began
        parts = [now.phase, f"{now.done:,} of {now.total:,}"]
        if now.in_flight is not None:
            parts.append(f"{now.in_flight} in flight")
        if seconds > 0 and now.tokens > old.tokens:
            parts.append(f"{(now.tokens - old.tokens) / seconds:,.0f} tokens/s")
        if seconds > 0 and now.done > old.done:
            left = (now.total - now.done) * seconds / (now.done - old.done)
            parts.append(f"{duration(left)} left")
        if now.errors:
            parts.append(f"{now.errors:,} error{'s' if now.errors > 1 else ''}")
        if now.from_store:
            parts.append(f"{now.from_store:,} from store")
        return printable(" · ".join(parts), 400)


class ProgressLine:
    """Shows snapshots, or words, until it is stopped, from a thread of its own.

    Args:
        writer: pytest's terminal writer; what it writes is guarded meanwhile.
        look: Returns the present state.
        live: A line that is drawn over; otherwise lines in a log.
    """

    def __init__(
        self, writer: Any, look: Callable[[], Snapshot | str], *, live: bool
    ) -> None:
        """Prepare; nothing is shown yet."""
        self._writer = writer
        self._look = look
        self._live = live
        self._speed = Speed()
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._shown = False
        self._file, self._ours = _same_place(writer._file)
        self._thread = threading.Thread(
            target=self._show, name="domainsafety-progress", daemon=True
        )

    def start(self) -> None:
        """Begin to show, and to stand aside when pytest writes."""
        original = self._writer.write

        def write(*args: Any, **markup: Any) -> None:
            with self._lock:
                self._wipe()
                original(*args, **markup)
                if self._live:  # what lies in a buffer has no place on the screen
                    self._writer.flush()

        self._writer.write = write
        self._thread.start()

    def stop(self) -> None:
        """Wipe the line and give the terminal back; twice is safe."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._wipe()
            self._writer.__dict__.pop("write", None)
            if self._ours:
                self._file.close()
                self._ours = False

    def _show(self) -> None:
        while not self._over.wait(LIVE_S if self._live else LOG_S):
            now = self._look()
            line = now if isinstance(now, str) else self._speed.line(now)
            with self._lock:
                if self._live:
                    self._draw(line)
                else:
                    self._log(line)

    def _log(self, line: str) -> None:
        start = "\n" if self._writer.width_of_current_line else ""
        self._file.write(f"{start}{line}\n")
        self._file.flush()
        self._writer._current_line = ""

    def _draw(self, line: str) -> None:
        from rich.cells import cell_len, set_cell_size

        room = self._columns() - 1  # a line that fills its row would begin another
        self._below(set_cell_size(line, min(room, cell_len(line))))
        self._shown = True

    def _columns(self) -> int:
        """Return the terminal's width: pytest can't tell while it captures."""
        with suppress(OSError, ValueError, AttributeError):
            columns = os.get_terminal_size(self._file.fileno()).columns
            if columns:
                return columns
        width: int = self._writer.fullwidth
        return width

    def _wipe(self) -> None:
        if self._shown:
            self._below("")
            self._shown = False

    def _below(self, text: str) -> None:
        """Write on the row below, and bring the cursor back to its place."""
        column = self._writer.width_of_current_line
        back = f"\x1b[{column}C" if column else ""
        # A line feed scrolls at the bottom of the screen; one row up is still ours.
        self._file.write(f"\n\r\x1b[2K{text}\x1b[A\r{back}")
        self._file.flush()


def _same_place(file: TextIO) -> tuple[TextIO, bool]:
    """Return a file that writes to the same place, and whether it is a new one.

    While an item runs, pytest captures whatever goes to the descriptor of its
    own terminal file; a duplicate made between two items still leads there.
    """
    try:
        descriptor = os.dup(file.fileno())
    except (OSError, ValueError, AttributeError):
        return file, False
    encoding = file.encoding or "utf-8"
    return open(descriptor, "w", encoding=encoding, errors="replace"), True


def watch(
    config: pytest.Config,
    process: Process,
    expected: Expected,
    outcomes: Mapping[str, PairOutcome],
) -> ProgressLine | None:
    """Show how far the run is; return None where nobody would read it.

    Args:
        config: pytest's, for its terminal and its verbosity.
        process: The controller's part of the run.
        expected: What will come.
        outcomes: What has come, by node id; grows meanwhile.
    """
    return _show(config, snapshots(process, expected, outcomes))


@contextmanager
def watch_opening(config: pytest.Config, process: Process) -> Iterator[None]:
    """Show what is done before the first request: loading and checking take minutes.

    Args:
        config: pytest's, for its terminal and its verbosity.
        process: The controller's part of the run.
    """

    def look() -> str:
        engine = process.opening
        return "" if engine is None else printable(engine.opening, 400)

    with watch_words(config, look):
        yield


@contextmanager
def watch_words(config: pytest.Config, look: Callable[[], str]) -> Iterator[None]:
    """Show what is being done, in words, as long as that takes."""
    line = _show(config, look)
    try:
        yield
    finally:
        if line is not None:
            line.stop()


def _show(
    config: pytest.Config, look: Callable[[], Snapshot | str]
) -> ProgressLine | None:
    """Begin a line; return None where nobody would read it."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or config.option.verbose <= -2:
        return None
    # With -s, without capture or in a debugger the terminal belongs to others, too.
    alone = getattr(config.option, "capture", "no") != "no" and not config.option.usepdb
    writer = terminal_writer(reporter)
    live = reporter.isatty and writer.hasmarkup and alone
    line = ProgressLine(writer, look, live=live)
    line.start()
    return line


def snapshots(
    process: Process, expected: Expected, outcomes: Mapping[str, PairOutcome]
) -> Callable[[], Snapshot]:
    """Return a function that tells where the run stands."""
    engine = process.started
    plan = process.plan()
    steps = 1 + len(plan.judges)
    total = steps * sum(
        len(list(cells(pair.suite.suite.scenarios[pair.place], plan)))
        for pair in expected.pairs.values()
    )
    if engine is not None and not engine.stopped:
        return lambda: _of_engine(engine, total)
    return lambda: _of_reports(list(outcomes.values()), steps, total)


def _of_engine(engine: Engine, total: int) -> Snapshot:
    tally = engine.tally
    return Snapshot(
        phase=", ".join(engine.serving) or "waiting",
        done=engine.steps,
        total=total,
        tokens=tally.tokens_out,
        in_flight=engine.running,
        errors=tally.failed,
        from_store=tally.from_store,
    )


def _of_reports(outcomes: list[PairOutcome], steps: int, total: int) -> Snapshot:
    records = [record for outcome in outcomes for record in outcome.records]
    return Snapshot(
        phase="workers",
        done=steps * len(records),
        total=total,
        tokens=sum(record.tokens_out or 0 for record in records),
        errors=sum(outcome.fault is not None for outcome in outcomes),
    )
