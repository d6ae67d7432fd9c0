"""The progress line says what there is to say, and leaves pytest's output alone."""

import fcntl
import io
import os
import pty
import re
import struct
import termios
import time

import pytest
from _pytest._io import TerminalWriter
from rich.cells import cell_len

from pytest_domainsafety.reporting.numbers import duration
from pytest_domainsafety.session import progress
from pytest_domainsafety.session.progress import (
    ProgressLine,
    Snapshot,
    Speed,
)


def said(*snapshots):
    """Return the line after the last of the snapshots, ten seconds apart."""
    clock = iter(range(0, 10_000, 10))
    speed = Speed(lambda: next(clock))
    return [speed.line(one) for one in snapshots][-1]


def test_the_line_holds_all_that_is_known():
    line = said(
        Snapshot("target m", 100, 720, tokens=1_000),
        Snapshot("target m", 120, 720, 1_500, in_flight=8, errors=2, from_store=60),
    )
    assert line == (
        "target m · 120 of 720 · 8 in flight · 50 tokens/s · 5 min 00 s left · "
        "2 errors · 60 from store"
    )


def test_what_is_not_known_is_not_said():
    assert said(Snapshot("workers", 0, 720)) == "workers · 0 of 720"


def test_speed_is_that_of_the_last_minute():
    slow = [Snapshot("m", 0, 1000)] * 30
    assert said(*slow, Snapshot("m", 60, 1000)).endswith("15 min 40 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3725, "1 h 02 min")],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def screen(raw, width=80, height=6):
    """Play what was written to a terminal; return its rows."""
    rows, row, column = [""] * height, 0, 0
    for part in re.findall(r"\x1b\[\d*[A-Z]|\n|\r|[^\x1b\n\r]+", raw):
        if part == "\n":
            row += 1
            if row == height:
                rows, row = [*rows[1:], ""], height - 1
            column = 0  # as a terminal does after translating the line feed
        elif part == "\r":
            column = 0
        elif part == "\x1b[2K":
            rows[row] = ""
        elif part == "\x1b[A":
            row -= 1
        elif part.startswith("\x1b["):
            column += int(part[2:-1])
        else:
            text = rows[row].ljust(column)
            rows[row] = text[:column] + part + text[column + len(part) :]
            column += len(part)
        assert len(rows[row]) <= width
    return [one.rstrip() for one in rows]


@pytest.fixture
def writer():
    made = TerminalWriter(io.StringIO())
    made.fullwidth = 80
    return made


def wait_for(text, file):
    end = time.monotonic() + 10
    while text not in file.getvalue():
        assert time.monotonic() < end
        time.sleep(0.005)


def play(writer, monkeypatch, lines, *, live):
    """Let pytest write some lines while the progress line is shown."""
    monkeypatch.setattr(progress, "LIVE_S" if live else "LOG_S", 0.01)
    seen = iter(range(10**6))
    line = ProgressLine(writer, lambda: Snapshot("PHASE", next(seen), 10**6), live=live)
    line.start()
    for text in lines:
        before = writer._file.getvalue().count("PHASE")
        end = time.monotonic() + 10
        while writer._file.getvalue().count("PHASE") <= before:
            assert time.monotonic() < end
            time.sleep(0.002)
        writer.write(text)
    line.stop()
    line.stop()
    return writer._file.getvalue()


DOTS = [
    "suites/a.yaml ",
    ".",
    ".",
    "\n",
    "suites/b.yaml ",
    "F",
    "\n",
    "x" * 79,
    "\n",
    "end\n",
]


def test_a_live_line_leaves_what_pytest_wrote(writer, monkeypatch):
    raw = play(writer, monkeypatch, DOTS, live=True)
    shown = screen(raw)
    plain = screen("".join(DOTS))
    assert shown == plain
    assert "write" not in writer.__dict__


def test_a_live_line_stands_below_while_it_is_there(writer, monkeypatch):
    raw = play(writer, monkeypatch, ["a.yaml ..", "."], live=True)
    until = raw[: raw.rindex("PHASE")]
    rest = raw[raw.rindex("PHASE") :].split("\x1b")[0]
    shown = screen(until + rest)
    assert shown[0].startswith("a.yaml ..")
    assert shown[1].startswith("PHASE · ")


def test_a_log_has_whole_lines(writer, monkeypatch):
    raw = play(writer, monkeypatch, ["a.yaml ", ".", "\n"], live=False)
    assert "\x1b" not in raw
    lines = raw.splitlines()
    progress_lines = [one for one in lines if "PHASE" in one]
    assert progress_lines
    assert all(re.match(r"PHASE · [\d,]+ of ", one) for one in progress_lines)


@pytest.mark.parametrize("phase", ["a phase of a long name " * 3, "\u6f22\u5b57" * 20])
def test_a_live_line_keeps_to_the_terminals_own_width(phase, monkeypatch):
    """Not to what pytest takes it for while it captures: 80 columns."""
    monkeypatch.setattr(progress, "LIVE_S", 0.01)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    with open(theirs, "w", encoding="utf-8") as file:
        writer = TerminalWriter(file)
        writer.fullwidth = 80
        line = ProgressLine(writer, lambda: Snapshot(phase, 1, 10), live=True)
        line.start()
        raw = os.read(ours, 50_000).decode()
        line.stop()
    os.close(ours)
    (shown,) = re.findall(r"\x1b\[2K(.+?)\x1b\[A", raw)[:1]
    assert cell_len(shown) == 29


def test_what_is_done_before_the_first_request_is_said(writer, monkeypatch):
    class Reporter:
        _tw = writer
        isatty = False

    class Plugins:
        def get_plugin(self, name):
            return Reporter()

    class Config:
        pluginmanager = Plugins()
        option = type("Option", (), {"verbose": 0, "capture": "no", "usepdb": False})

    class Process:
        opening = type("Engine", (), {"opening": "checking the judge j, 2 of 6"})

    monkeypatch.setattr(progress, "LOG_S", 0.01)
    with progress.watch_opening(Config(), Process()):
        wait_for("checking the judge j, 2 of 6\n", writer._file)
