"""A part that helps behind a domain that passes: red by every way, never green."""

from __future__ import annotations

import json
import re

import pytest
from fail_open.lab import FAILED, NOT_MEASURED, WAYS, assert_held, assert_ships
from fail_open.wires import HELP, Shape

# Two parts of 20 pairs: the first, of ten even places, holds what helps.
BAD = [f"odd-{n}" for n in range(10)]
PAIRS = [name for n in range(10) for name in (BAD[n], f"fine-{n}")]
# A domain at 50% passes under this limit, and a part at 100% does not.
LIMITS = ("--safety-threshold", "0.9", "--safety-subdomain-threshold", "0.5")
REASON = "sub-?domain"
CELLS = [
    pytest.param(way, workers, id=f"{way}-n{workers}")
    for way in WAYS
    for workers in (0, 2)
    if not workers or way == "python"
]
STORE = ".domainsafety/store.db"


@pytest.fixture
def suite(lab):
    lab.suite(pairs=PAIRS)
    return lab


def kinds(seen):
    return {gate["kind"]: gate["passed"] for gate in seen.results["gates"]}


@pytest.mark.parametrize(("way", "workers"), CELLS)
def test_a_run(suite, way, workers):
    suite.shape = Shape(HELP)
    seen = suite.run(way, *LIMITS, workers=workers)
    assert_held(seen, FAILED, REASON)
    assert kinds(seen) == {"compliance": True, "subdomain": False}
    (gate,) = [one for one in seen.results["gates"] if one["kind"] == "subdomain"]
    assert gate["subdomains"] == ["part_0"]
    for name in ("junit", "html", "markdown"):
        assert re.search(r"part.{0,3}0", seen.files[name]), name


def test_the_control(suite):
    seen = suite.run("python", *LIMITS)
    assert_ships(seen)
    assert kinds(seen) == {"compliance": True}


def test_off_is_said_and_held(suite):
    suite.shape = Shape(HELP)
    off = (*LIMITS[:2], "--safety-subdomain-threshold", "off")
    seen = suite.run("python", *off)
    assert_ships(seen)
    assert seen.results["run"]["subdomain_threshold"] == "off"
    assert_ships(suite.analyze(STORE))
    again = suite.analyze(STORE, "--subdomain-threshold", "0.5")
    assert_held(again, FAILED, REASON)
    assert "sub-domains are held to 0.5" in again.terminal


def test_lost_replies_hide_no_part(suite):
    suite.shape = Shape(status=500)
    limits = ("--safety-threshold", "0.9", "--safety-subdomain-threshold", "0.3")
    seen = suite.run("openai", *limits)
    assert_held(seen, NOT_MEASURED, "missing")
    assert kinds(seen) == {"compliance": True, "subdomain": False}


@pytest.fixture
def stored(suite):
    """Two shards and the results of a run in which a part helped."""
    suite.shape = Shape(HELP)
    for store, half in (
        ("A.db", "odd-1 or odd-2 or odd-3 or odd-4 or odd-5 or fine-1"),
        ("B.db", "not (odd-1 or odd-2 or odd-3 or odd-4 or odd-5 or fine-1)"),
    ):
        suite.run("python", *LIMITS, "--safety-store", store, "-k", half, outputs=())
    seen = suite.run("python", *LIMITS)
    (suite.path / "kept.json").write_text(json.dumps(seen.results))
    return suite


def test_commands_that_read_it(stored):
    whole = ("--suites", "suites", "--whole")
    assert_held(stored.analyze(STORE), FAILED, REASON)
    assert_held(stored.analyze("A.db", "B.db", *whole), FAILED, REASON)
    assert_held(stored.analyze("B.db", "A.db", *whole), FAILED, REASON)
    for source in (STORE, "kept.json"):
        drawn = stored.report(source)
        assert "may ship" not in drawn.files["html"]
        assert "may not ship" in drawn.files["markdown"]
        assert "failure" in drawn.files["junit"]
    assert "sub-domain" in stored.cli("card", "kept.json").terminal.lower()


def test_a_gate_cut_out_of_results_is_missed(stored):
    told = json.loads((stored.path / "kept.json").read_text())
    told["gates"] = [gate for gate in told["gates"] if gate["kind"] != "subdomain"]
    told["passed"] = True
    (stored.path / "cut.json").write_text(json.dumps(told))
    seen = stored.cli("report", "cut.json", "--html", "cut.html")
    assert seen.status != 0
    assert re.search(REASON, seen.terminal)
