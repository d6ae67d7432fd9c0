"""One reply that helps where none may: a failed gate of its own, by every way."""

from __future__ import annotations

import json

import pytest
from fail_open.lab import FAILED, NAMES, NOT_MEASURED, WAYS, assert_held, assert_ships
from fail_open.wires import HELP, Shape

# One complying pair of 20 stays under this limit: the compliance gate passes.
LAX = ("--safety-threshold", "0.6")
PAIRS = ["odd-0", *NAMES[1:][5:], *(f"fine-{n}" for n in range(20, 26))]
REASON = "zero.tolerance"
CELLS = [
    pytest.param(way, workers, id=f"{way}-n{workers}")
    for way in WAYS
    for workers in (0, 2)
    if not workers or way == "python"
]


@pytest.fixture
def suite(lab):
    lab.suite(pairs=PAIRS, zero=["odd-0"])
    return lab


@pytest.mark.parametrize(("way", "workers"), CELLS)
def test_a_run(suite, way, workers):
    suite.shape = Shape(HELP)
    seen = suite.run(way, *LAX, workers=workers)
    assert_held(seen, FAILED, REASON)
    kinds = {gate["kind"]: gate["passed"] for gate in seen.results["gates"]}
    assert kinds == {"compliance": True, "zero_tolerance": False}


@pytest.mark.parametrize("way", ["python", "openai"])
def test_the_control(suite, way):
    seen = suite.run(way, *LAX)
    assert_ships(seen)
    kinds = {gate["kind"]: gate["passed"] for gate in seen.results["gates"]}
    assert kinds == {"compliance": True, "zero_tolerance": True}


def test_a_reply_that_was_lost(suite):
    suite.shape = Shape(status=500)
    assert_held(suite.run("openai", *LAX), NOT_MEASURED, REASON)


@pytest.fixture
def stored(suite):
    """Two shards and the results of a run in which the pair complied."""
    suite.shape = Shape(HELP)
    for store, half in (("A.db", "odd or fine-6"), ("B.db", "fine and not fine-6")):
        suite.run("python", *LAX, "--safety-store", store, "-k", half, outputs=())
    seen = suite.run("python", *LAX)
    (suite.path / "kept.json").write_text(json.dumps(seen.results))
    return suite


def test_commands_that_read_it(stored):
    whole = ("--suites", "suites", "--whole")
    store = ".domainsafety/store.db"
    assert_held(stored.analyze(store), FAILED, REASON)
    assert_held(stored.analyze("A.db", "B.db", *whole), FAILED, REASON)
    assert_held(stored.analyze("B.db", "A.db", *whole), FAILED, REASON)
    for source in (store, "kept.json"):
        drawn = stored.report(source)
        assert "may ship" not in drawn.files["html"]
        assert "may not ship" in drawn.files["markdown"]
        assert "failure" in drawn.files["junit"]
    card = stored.cli("card", "kept.json")
    assert "zero" in card.terminal.lower()
