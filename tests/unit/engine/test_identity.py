"""Whose answers may be used again: a rule by what is known of the model."""

from __future__ import annotations

import sys
import time

import pytest
from faultserver import FaultServer

from pytest_domainsafety.engine import Engine, PairWork, Plan
from pytest_domainsafety.engine.tally import Tally
from pytest_domainsafety.providers.names import hosted_identity
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import load_suite

SUITE = """\
schema: 1
domain: mining
title: Mining
rubric: {harm: Sees it., guidance: Helps., markers: {one: One?, two: Two?}}
scenarios:
  - {id: first, subdomain: coal, analytical: A, operational: B}
"""
REPLIES = 2 * 3  # framings, replications
APP = "python:shed_app:answer"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A suite, an application, and a store to be asked over and over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "shed_app", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "shed_app.py").write_text(
        "def answer(p): return 'I am sorry, but I cannot help with that.'\n"
    )
    (tmp_path / "mining.safety.yaml").write_text(SUITE)
    return tmp_path


@pytest.fixture
def run(place):
    """Ask one pair; return (requests, answers from the store, the oldest's age)."""

    def ask(number, model=APP, *, end=None, judge="offline", **more):
        suite = load_suite(place / "mining.safety.yaml")
        plan = Plan(
            run=f"run {number}",
            models=(model,),
            judges=(judge,),
            store=place / "store.db",
            check_judges=False,
            **more,
        )
        engine = Engine(plan)
        engine.start()
        with Store(plan.store) as store:
            judges = {judge: {}}
            store.begin_run(plan.run, {"models": {model: {}}, "judges": judges})
        try:
            work = PairWork("0", suite, 0, model)
            engine.submit([work])
            told = {one.status for one in engine.outcome(work).records}
            assert told <= {"scored", "unscored"}  # by word cues not all can be read
        finally:
            engine.stop()
        if end is not None:
            with Store(plan.store) as store:
                store.finish_run(plan.run, {"run": end})
        tally = engine.tally
        return tally.requests, tally.from_store, tally.oldest_s

    return ask


def test_a_run_that_was_killed_is_gone_on_with(run):
    assert run(1)[:2] == (REPLIES, 0)
    requests, stored, age = run(2)
    assert (requests, stored) == (0, REPLIES)
    assert 0 < age < 600


def test_however_often_it_is_killed(run):
    run(1)
    run(2)
    assert run(3)[:2] == (0, REPLIES)


def test_a_run_that_was_cut_short_is_gone_on_with(run):
    run(1, end={"interrupted": True})
    assert run(2)[:2] == (0, REPLIES)


def test_a_run_that_ended_is_not(run):
    run(1, end={})
    assert run(2, end={}) == (REPLIES, 0, 0.0)
    assert run(3) == (REPLIES, 0, 0.0)
    assert run(4)[:2] == (0, REPLIES)


def test_what_ended_before_the_killed_run_is_not_used(run):
    run(1, end={})
    assert run(2)[:2] == (REPLIES, 0)
    assert run(3)[:2] == (0, REPLIES)


def test_another_model_s_end_is_of_no_matter(run, place):
    run(1)
    with Store(place / "store.db") as store:
        store.begin_run("other", {"models": {"n": {}}, "judges": {"k": {}}})
        store.finish_run("other", {})
    assert run(2)[:2] == (0, REPLIES)


def test_a_worker_s_own_store_decides_nothing(run):
    """Runs stand in the controller's store; a worker is told the series."""
    run(1)
    assert run(2, series={APP: ">run 2", "offline": ""})[:2] == (REPLIES, 0)
    assert run(3, series={APP: ">run 2", "offline": ""})[:2] == (0, REPLIES)


def test_an_older_run_keeps_its_replies(run, place):
    for number in (1, 2, 3):
        run(number, end={})
    with Store(place / "store.db") as store:
        assert store.counts()["replies"] == 3 * REPLIES
        assert store.verify() == []


def test_weights_are_weights_on_any_day(run):
    with FaultServer("m:latest") as server:
        server.answer = lambda _: "No, I will not."
        endpoints = (server.url,)
        assert run(1, "m", end={}, endpoints=endpoints)[:2] == (REPLIES, 0)
        assert run(2, "m", end={}, endpoints=endpoints) == (0, REPLIES, 0.0)


# ── the series of a run ──


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "series.db") as found:
        yield found


def note(store, run, *, end=None, **manifest):
    store.begin_run(run, {"models": {}, "judges": {}} | manifest)
    if end is not None:
        store.finish_run(run, end)
    time.sleep(0.002)


def test_a_series_begins_after_the_last_run_that_ended(store):
    assert store.series_of("m", "new") == ">new"
    note(store, "a", models={"m": {}})
    assert store.series_of("m", "new") == ">a"
    note(store, "b", models={"m": {}}, end={"run": {}})
    assert store.series_of("m", "new") == "b>new"
    note(store, "c", models={"m": {}}, end={"run": {"interrupted": True}})
    note(store, "d", models={"m": {}})
    assert store.series_of("m", "new") == "b>c"


@pytest.mark.parametrize("role", ["models", "judges", "second_judge"])
@pytest.mark.parametrize(
    ("provider", "goes_on"),
    [("openai", True), ("anthropic", True), ("python", False), ("command", False)],
)
def test_what_a_servers_fault_left_is_asked_without_the_rest(
    store, role, provider, goes_on
):
    missed = {"run": {"unmeasured": ["1 of 2 scenario pairs could not be measured"]}}
    note(store, "a", **{role: {"m": {"provider": provider}}}, end=missed)
    assert store.series_of("m", "new") == (">a" if goes_on else "a>new")
    whole = {"run": {"unmeasured": []}}
    note(store, "b", **{role: {"m": {"provider": provider}}}, end=whole)
    assert store.series_of("m", "new") == "b>new"


@pytest.mark.parametrize("role", ["models", "judges", "second_judge"])
def test_whoever_was_asked_took_part(store, role):
    note(store, "a", **{role: {"m": {}}}, end={})
    assert store.series_of("m", "new") == "a>new"
    assert store.series_of("other", "new") == ">new"


def test_judging_again_asks_the_judge_alone(store):
    note(store, "a", kind="rejudge", models={"m": {}}, judges={"j": {}}, end={})
    assert store.series_of("m", "new") == ">new"
    assert store.series_of("j", "new") == "a>new"


@pytest.mark.parametrize("name", ['q"uote', "$.models", "a.b[0]", "ünïcode"])
def test_any_name_is_looked_up(store, name):
    note(store, "a", models={name: {}}, end={})
    assert store.series_of(name, "new") == "a>new"


# ── what a hosted name is worth ──

OPENAI, GATEWAY = "https://api.openai.com/v1", "https://gateway.example/openai.com/v1"


@pytest.mark.parametrize(
    ("model", "url", "identity"),
    [
        ("gpt-4.1-2025-04-14", OPENAI, "pinned"),
        ("gpt-4.1-20250414", "https://eu.api.openai.com/v1", "pinned"),
        ("gpt-4.1", OPENAI, "name"),
        ("gpt-4.1-2025-14-04", OPENAI, "name"),
        ("gpt-4.1-2025-04-14-preview", OPENAI, "name"),
        # Anybody's application may stand there, guardrails and all.
        ("gpt-4.1-2025-04-14", GATEWAY, "name"),
        ("gpt-4.1-2025-04-14", "https://notopenai.com/v1", "name"),
        ("gpt-4.1-2025-04-14", "http://127.0.0.1:8000/v1", "name"),
    ],
)
def test_a_dated_name_at_the_vendor_is_pinned(model, url, identity):
    assert hosted_identity(model, "openai.com", [url]) == identity
    assert hosted_identity(model, "openai.com", [url, GATEWAY]) == "name"


def test_the_oldest_answer_of_several_processes_counts():
    tally = Tally(oldest_s=3.0)
    tally.add(Tally(oldest_s=7.5))
    tally.add(Tally())
    assert tally.oldest_s == 7.5
