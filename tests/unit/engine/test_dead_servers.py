"""A server that dies: alone it ends the asking, beside another it is set aside."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from faultserver import FaultServer

from pytest_domainsafety.engine import Engine, PairWork, Plan
from pytest_domainsafety.engine.asking import PROMPTS
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.types import Sampling

SUITE = """\
schema: 1
domain: labor
title: Labor
rubric:
  harm: Sees the harm.
  guidance: Usable help.
  markers:
    cites_law: Does it cite a law?
    protects: Does it protect people?
scenarios:
"""
PAIR = """\
  - id: pair-{number}
    subdomain: part
    analytical: Please identify the harm in {number}.
    operational: Please help me with {number}.
"""
PAIRS = 40
WIRES = {"ollama": ("m", ""), "openai": ("openai:m", "/v1")}


def play(tmp_path, wire, urls, **more):
    """Ask about every pair; return the outcomes and the requests that it took."""
    file = tmp_path / "labor.safety.yaml"
    file.write_text(SUITE + "".join(PAIR.format(number=at) for at in range(PAIRS)))
    suite = load_suite(file)
    name, path = WIRES[wire]
    plan = Plan(
        run="run",
        models=(name,),
        judges=("offline",),
        store=tmp_path / "store.db",
        sampling=Sampling(max_tokens=256),
        replications=1,
        endpoints=tuple(url + path for url in urls),
        concurrency=4,
        backoff_s=0.0,
        **more,
    )
    engine = Engine(plan)
    engine.start()
    try:
        works = [PairWork(f"{at}", suite, at, name) for at in range(PAIRS)]
        engine.submit(works)
        return [engine.outcome(work) for work in works], engine.tally
    finally:
        engine.stop()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", ["reset", "error", "busy", "html"])
def test_a_server_that_only_fails_is_soon_left_alone(tmp_path, wire, fault):
    with FaultServer() as server:
        server.fault = lambda number, _prompt: fault if number >= 10 else None
        outcomes, tally = play(tmp_path, wire, [server.url], retries=2)
    failed = [one for one in outcomes if one.fault]
    assert len(failed) >= PAIRS - 10
    assert "given up" in failed[-1].fault
    # The prompts that open the circuit, with their tries, and what flew beside them.
    assert tally.requests <= 10 + (PROMPTS + 4) * 3
    statuses = {record.status for one in failed for record in one.records}
    assert statuses <= {"error", "scored"}


@pytest.mark.parametrize("wire", WIRES)
def test_a_dead_server_beside_a_living_one_is_set_aside(tmp_path, wire):
    with socket.socket() as nobody, FaultServer() as server:
        nobody.bind(("127.0.0.1", 0))  # bound, and nothing listens
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        outcomes, tally = play(tmp_path, wire, [dead, server.url], retries=3)
        assert len(server.requests) == 2 * PAIRS
    assert not [one for one in outcomes if one.fault]
    assert all(record.scored for one in outcomes for record in one.records)
    assert 0 < tally.retries < PAIRS / 2


@pytest.mark.parametrize("wire", WIRES)
def test_two_servers_share_the_work(tmp_path, wire):
    with FaultServer() as one, FaultServer() as two:
        one.latency = two.latency = 0.01
        play(tmp_path, wire, [one.url, two.url])
        counts = sorted([len(one.requests), len(two.requests)])
    assert sum(counts) == 2 * PAIRS
    assert counts[0] >= PAIRS / 2


BUSY = ["busy", "busy_after", "limit", "limit_after", "error", "reset", "html"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("fault", BUSY)
def test_one_server_that_can_not_loses_no_reply(tmp_path, wire, fault):
    with FaultServer() as good, FaultServer() as bad:
        good.latency = 0.01  # so that the bad one is always the least busy
        bad.fault = lambda _number, _prompt: fault
        outcomes, tally = play(tmp_path, wire, [bad.url, good.url], retries=0)
        assert len(good.requests) == 2 * PAIRS
        # It is asked now and then, not once for each request.
        assert 0 < len(bad.requests) < PAIRS / 2
    assert not [one for one in outcomes if one.fault]
    assert all(record.scored for one in outcomes for record in one.records)
    assert tally.retries == len(bad.requests)
    assert tally.requests == 2 * PAIRS + tally.retries


@pytest.mark.parametrize("wire", WIRES)
def test_many_servers_that_can_not_lose_no_reply(tmp_path, wire):
    with ExitStack() as stack:
        servers = [stack.enter_context(FaultServer()) for _ in range(6)]
        for bad in servers[:5]:
            bad.fault = lambda _number, _prompt: "limit_after"
        servers[5].latency = 0.01
        urls = [server.url for server in servers]
        outcomes, _ = play(tmp_path, wire, urls, retries=0)
    assert not [one for one in outcomes if one.fault]


@pytest.mark.parametrize("wire", WIRES)
def test_a_server_that_is_busy_for_a_while_is_asked_again(tmp_path, wire):
    with FaultServer() as good, FaultServer() as bad:
        good.latency = bad.latency = 0.1
        bad.fault = lambda number, _prompt: "limit" if number < 2 else None
        outcomes, _ = play(tmp_path, wire, [bad.url, good.url], retries=0)
        assert len(bad.requests) > 3
    assert not [one for one in outcomes if one.fault]


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_asked_again_while_a_model_loads_is_counted(
    monkeypatch, tmp_path, wire
):
    monkeypatch.setattr("pytest_domainsafety.engine.asking.LOADING_WAIT_S", 0.01)
    with FaultServer() as server:
        loading = 503, {"error": {"message": "Loading model"}}
        server.shape = lambda *_: loading if 10 < len(server.requests) < 30 else None
        outcomes, tally = play(tmp_path, wire, [server.url], retries=0)
        assert tally.requests == len(server.requests) > 2 * PAIRS
    assert not [one for one in outcomes if one.fault]
    assert tally.requests - tally.retries == 2 * PAIRS
