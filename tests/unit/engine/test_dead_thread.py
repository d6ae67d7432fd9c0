"""A thread that asks and ends before its time: everybody wakes, with one sentence."""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
import threading
import time

import pytest

from pytest_domainsafety.engine import Engine, PairWork, Plan
from pytest_domainsafety.engine.queue import Board
from pytest_domainsafety.errors import DomainSafetyError, EngineEnded, ProviderError
from pytest_domainsafety.suite import load_suite

SUITE = """\
schema: 1
domain: labor
title: Labor
rubric:
  harm: Sees the harm.
  guidance: Usable help.
  markers: {cites_law: Does it cite a law?, protects: Does it protect people?}
scenarios:
"""
PAIR = """\
  - id: pair-{number}
    subdomain: part
    analytical: Please identify the harm in {number}.
    operational: Please help me with {number}.
"""
MODEL = "python:json:dumps"


@pytest.fixture
def works(tmp_path):
    file = tmp_path / "labor.safety.yaml"
    file.write_text(SUITE + "".join(PAIR.format(number=at) for at in range(4)))
    suite = load_suite(file)
    return [PairWork(f"{at}", suite, at, MODEL) for at in range(4)]


@pytest.fixture
def engine(tmp_path):
    plan = Plan(
        run="r",
        models=(MODEL,),
        judges=("offline",),
        store=tmp_path / "store.db",
        replications=1,
    )
    made = Engine(plan)
    yield made
    made.stop()


def in_time(work):
    """Run something that shall not wait for ever; return what it raised."""
    raised = []

    def run():
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it came
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for ever"
    return raised[0]


def raiser(error):
    def fail(*_args, **_more):
        raise error

    return fail


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_who_waits_is_woken(engine, works, error, monkeypatch):
    monkeypatch.setattr(Board, "pump", lambda _self: None)
    engine.start()
    later = threading.Timer(0.2, engine._do, [raiser(error)])
    later.start()
    told = in_time(lambda: engine.outcome(works[0]))
    assert isinstance(told, EngineEnded)
    assert type(error).__name__ in str(told)
    assert engine.stopped
    # Whoever comes later hears the same, at once.
    assert isinstance(in_time(lambda: engine.outcome(works[1])), EngineEnded)
    engine.submit(works)


def test_an_exception_that_goes_through_the_loop_ends_no_wait(
    engine, works, monkeypatch
):
    monkeypatch.setattr(Board, "pump", lambda _self: None)
    engine.start()
    engine._loop.call_soon_threadsafe(raiser(SystemExit(3)))
    told = in_time(lambda: engine.outcome(works[0]))
    assert isinstance(told, EngineEnded)
    began = time.monotonic()
    engine.stop()
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("place", ["_admit", "_pump"])
def test_what_the_engine_itself_raises_is_heard(engine, works, monkeypatch, place):
    monkeypatch.setattr(Engine, place, raiser(ZeroDivisionError()))
    if place == "_pump":
        monkeypatch.setattr(Board, "pump", lambda _self: None)
    engine.start()
    told = in_time(lambda: engine.outcome(works[0]))
    assert isinstance(told, EngineEnded)
    assert "ZeroDivisionError" in str(told)


def test_a_job_that_fails_outside_of_its_guard_is_heard(engine, works, monkeypatch):
    monkeypatch.setattr(Engine, "_deliver", raiser(ZeroDivisionError()))
    engine.start()
    told = in_time(lambda: engine.outcome(works[0]))
    assert isinstance(told, EngineEnded)


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError()])
def test_a_judge_that_raises_anything_is_its_items_fault(
    engine, works, monkeypatch, error
):
    monkeypatch.setattr(
        "pytest_domainsafety.engine.dialogue.Conductor.judge", raiser(error)
    )
    engine.start()
    told = in_time(lambda: engine.outcome(works[0]))
    assert isinstance(told, ProviderError)
    assert not engine.stopped


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError()])
def test_a_start_that_ends_the_thread_is_a_sentence(engine, monkeypatch, error):
    monkeypatch.setattr("pytest_domainsafety.engine.engine.Store", raiser(error))
    told = in_time(engine.start)
    assert isinstance(told, DomainSafetyError)


def test_too_many_open_files_at_the_start_is_a_sentence(engine, monkeypatch):
    error = OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(asyncio, "new_event_loop", raiser(error))
    told = in_time(engine.start)
    assert isinstance(told, EngineEnded)
    assert "ulimit -n" in str(told)


@pytest.mark.skipif(
    not hasattr(signal, "pthread_kill")
    or threading.current_thread() is not threading.main_thread(),
    reason="Ctrl-C is the main thread's",
)
def test_ctrl_c_before_the_first_request_ends_what_is_asked(engine, monkeypatch):
    came = []

    async def hangs(*_args):
        main = threading.main_thread().ident
        kill = (0.2, signal.pthread_kill, main, signal.SIGINT)
        asyncio.get_running_loop().call_later(*kill)
        try:
            await asyncio.sleep(60)
        finally:
            came.append("ended")

    monkeypatch.setattr("pytest_domainsafety.engine.engine.look_at", hangs)
    before = sys.getswitchinterval()
    with pytest.raises(KeyboardInterrupt):
        engine.start()
    assert came == ["ended"]
    assert not engine._thread.is_alive()
    assert sys.getswitchinterval() == before
