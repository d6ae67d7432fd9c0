"""A budget that is spent ends the asking: what is left is not measured."""

from __future__ import annotations

import pytest
from fail_open.lab import (
    NOT_MEASURED,
    PAIRS,
    assert_held,
    assert_ships,
)

PER_PAIR = 4  # two replies, and a judgement on each
CANARIES = 6
EVERYTHING = PAIRS * PER_PAIR
PRICES = """\
currency: EUR
prices:
  m: {in: 1000, out: 1000}
  j: {in: 1000, out: 1000}
"""


@pytest.fixture(autouse=True)
def suite(lab):
    lab.suite()
    (lab.path / "prices.yaml").write_text(PRICES)


def budget(seen):
    return seen.results["run"]["budget"]


def of_kind(seen, kind):
    return [gate for gate in seen.results["gates"] if gate["kind"] == kind]


@pytest.mark.parametrize("workers", [0, 2])
def test_requests_that_run_out_leave_the_rest_unmeasured(lab, workers):
    before = len(lab.server.requests)
    seen = lab.run("ollama", "--safety-budget", "requests=50", workers=workers)
    assert_held(seen, NOT_MEASURED, "the budget of 50 requests is spent")
    assert len(lab.server.requests) - before == 50
    assert budget(seen)["spent"]["requests"] == 50
    assert seen.results["run"]["cost"]["requests"] == 50
    (gate,) = of_kind(seen, "budget")
    assert not gate["passed"]
    assert not gate["measured"]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_budget_that_is_not_spent_changes_nothing(lab, workers):
    needed = EVERYTHING + CANARIES
    seen = lab.run("ollama", "--safety-budget", f"requests={needed}", workers=workers)
    assert_ships(seen)
    assert budget(seen)["spent"]["requests"] == needed
    assert not of_kind(seen, "budget")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_run_asks_for_what_is_missing_alone(lab, workers):
    lab.run("ollama", "--safety-budget", "requests=50", workers=workers)
    again = lab.run("ollama", "--safety-budget", "requests=60", workers=workers)
    assert_ships(again)
    assert again.results["run"]["cost"]["requests"] == EVERYTHING + CANARIES - 50
