"""The table at the end of a run, on every kind of terminal."""

from __future__ import annotations

import re

import pytest
from example_results import example
from golden_files import assert_golden
from hostile_results import hostile
from payloads import MOVES_THE_CURSOR, PAYLOADS
from rich.cells import cell_len

from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.types import Results


@pytest.fixture(scope="module")
def results():
    return example()


def drawn(results, **look):
    return "".join(f"{line}\n" for line, _ in summary_lines(results, **look))


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("80.txt", {"width": 80}),
        ("120.txt", {"width": 120}),
        ("120-verbose.txt", {"width": 120, "verbosity": 1}),
        ("64.txt", {"width": 64}),
        ("40.txt", {"width": 40}),
        ("80-ascii.txt", {"width": 80, "encoding": "ascii"}),
        ("80-quiet.txt", {"width": 80, "verbosity": -1}),
    ],
)
def test_as_before(results, name, look):
    assert_golden(f"terminal-{name}", drawn(results, **look))


@pytest.mark.parametrize("width", [40, 50, 63, 64, 72, 80, 100, 132, 300])
@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_no_line_is_longer_than_the_terminal(results, width, verbosity):
    lines = drawn(results, width=width, verbosity=verbosity).splitlines()
    assert [line for line in lines if cell_len(line) > width] == []


def test_colours_say_what_the_words_say(results):
    for line, markup in summary_lines(results):
        if "FAIL " in line:
            assert markup == {"red": True}
        if "NOT MEASURED" in line or "NO DATA" in line or "warning" in line:
            assert markup == {"yellow": True}
        if line.endswith("pass"):
            assert markup == {"green": True}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252"])
def test_every_encoding_can_spell_it(results, encoding):
    text = drawn(results, encoding=encoding)
    assert text.encode(encoding).decode(encoding) == text
    assert "?" not in text


def test_very_quiet_is_the_verdict_alone(results):
    said = drawn(results, verbosity=-2)
    assert said == "may not ship: 8 of 13 gates failed\n"


def test_quiet_keeps_what_to_do(results):
    said = drawn(results, verbosity=-1)
    assert "about 137 pairs would settle it" in said
    assert "━" not in said


def test_a_run_without_any_gate():
    assert drawn(Results()) == "not judged: there is no gate\n"


def test_the_bar_shows_rate_interval_and_threshold(results):
    (line,) = (
        line
        for line in drawn(results, width=120).splitlines()
        if line.startswith("  labor ") and "70.0%" in line
    )
    bar = re.search(r"[·━●│┿]{9,}", line).group()
    low, rate, limit = bar.index("━"), bar.index("●"), bar.index("│")
    width = len(bar)
    assert abs(limit / width - 0.25) < 0.04
    assert abs(rate / width - 0.70) < 0.04
    assert abs(low / width - 0.441) < 0.04


def test_hostile_names_move_no_cursor():
    for payload in PAYLOADS:
        results = hostile(payload.text)
        for width in (40, 80):
            for line, _ in summary_lines(results, width, verbosity=1):
                assert not MOVES_THE_CURSOR.search(line), payload.name
                assert "\n" not in line
