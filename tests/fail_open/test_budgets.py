"""A budget that is spent ends the asking: what is left is not measured."""

from __future__ import annotations

import re

import pytest
from fail_open.lab import (
    NOT_MEASURED,
    PAIRS,
    assert_held,
    assert_refused,
    assert_ships,
    flat,
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


def questions(lab):
    """Return what the server was asked; to let a model go is no question."""
    return [request for request in lab.server.requests if request.get("messages")]


def of_kind(seen, kind):
    return [gate for gate in seen.results["gates"] if gate["kind"] == kind]


@pytest.mark.parametrize("workers", [0, 2])
def test_requests_that_run_out_leave_the_rest_unmeasured(lab, workers):
    before = len(questions(lab))
    seen = lab.run("ollama", "--safety-budget", "requests=50", workers=workers)
    assert_held(seen, NOT_MEASURED, "the budget of 50 requests is spent")
    assert len(questions(lab)) - before == 50
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


# What servers say of tokens, by which a budget could look unspent.
COUNTS = {
    "nothing": (None, None),
    "nought": (0, 0),
    "negative": (-5, -100_000),
    "huge": (10**15, 10**15),
    "not a number": (float("nan"), float("nan")),
    "a word": ("none", "few"),
    "true": (True, True),
}


def counting(lab, counts):
    """Let the server count tokens so."""
    answer = lab.server.shape

    def shaped(path, body):
        status, said = answer(path, body)
        names = ("prompt_eval_count", "eval_count")
        for name, count in zip(names, counts, strict=True):
            said.pop(name, None)
            if count is not None:
                said[name] = count
        return status, said

    lab.server.shape = shaped


@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_no_count_of_a_servers_makes_a_budget_look_unspent(lab, counts):
    counting(lab, counts)
    seen = lab.run("ollama", "--safety-budget", "tokens=20000")
    assert_held(seen, NOT_MEASURED, "the budget of 20,000 tokens is spent")
    cost = seen.results["run"]["cost"]
    assert cost["estimated"] == cost["requests"]
    assert 10_000 < cost["tokens_in"] + cost["tokens_out"] <= 21_000
    assert "are estimated from the length" in flat(seen.terminal)


@pytest.mark.parametrize("workers", [0, 2])
def test_money_that_runs_out(lab, workers):
    seen = lab.run(
        "ollama",
        *("--safety-budget", "money=30", "--safety-prices", "prices.yaml"),
        workers=workers,
    )
    assert_held(seen, NOT_MEASURED, "the budget of 30.0 EUR is spent")
    # What was in flight may take a little more than what came before it.
    assert 20 < budget(seen)["spent"]["money"] <= 33


def test_hours_that_run_out(lab):
    seen = lab.run("ollama", "--safety-budget", "hours=0.000001")
    assert seen.status != 0
    assert "may ship" not in seen.terminal


def test_retries_count(lab):
    lab.server.script(*["busy"] * 4)
    seen = lab.run("ollama", "--safety-budget", "requests=30", "--safety-retries", "5")
    assert_held(seen, NOT_MEASURED, "the budget of 30 requests is spent")
    assert seen.results["run"]["cost"]["requests"] == 30


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        ("requests=3", "the first pair"),
        ("requests=9", "the checks before it take 6 and it takes 4 requests"),
        ("tokens=100", "the first pair"),
    ],
)
def test_a_budget_that_ends_before_the_first_pair_is_refused(lab, limit, what):
    before = len(lab.server.requests)
    seen = lab.run("ollama", "--safety-budget", limit)
    assert_refused(seen, what)
    assert len(lab.server.requests) == before


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("requests", "expected one of requests=N"),
        ("minutes=3", "expected one of requests=N"),
        ("requests=many", "expected a whole number of requests"),
        ("hours=nan", "expected more than 0 hours"),
        ("tokens=-4", "expected more than 0 tokens"),
        ("money=inf", "expected more than 0 money"),
        ("money=3", "what tokens cost is not known"),
    ],
)
def test_a_budget_that_is_none(lab, limit, sentence):
    assert_refused(lab.run("ollama", "--safety-budget", limit), sentence)


@pytest.mark.parametrize(
    ("prices", "sentence"),
    [
        ("prices: {m: {in: 1, out: 1}}", "no price of 'j'; it has m"),
        ("prices: {m: {in: -1, out: 1}}", "a number from 0 on"),
        ("prices: {m: {in: .nan, out: 1}}", "a number from 0 on"),
        ("prices: {m: {in: free, out: 1}}", "a number from 0 on"),
        ("prices: {m: {in: 1, out: 1}, m: {in: 0, out: 0}}", "stands there twice"),
        ("prices: {m: {in: 1}}", "expected {in: X, out: X}"),
        ("[", "no YAML"),
        ("", "got nothing"),
    ],
)
def test_prices_that_are_none(lab, prices, sentence):
    (lab.path / "prices.yaml").write_text(prices)
    seen = lab.run("ollama", "--safety-prices", "prices.yaml")
    assert_refused(seen, re.escape(sentence))


def test_a_saved_run_says_the_same(lab):
    lab.run("ollama", "--safety-budget", "requests=50")
    seen = lab.analyze(".domainsafety/store.db")
    assert seen.status == NOT_MEASURED, seen.tail()
    assert of_kind(seen, "budget")
    verified = lab.cli("verify", ".domainsafety/store.db")
    assert verified.status == 0, verified.tail()
