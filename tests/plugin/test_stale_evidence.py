"""An application that changed is asked again, wherever in it the change is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pytest_domainsafety.store import Store

PAIRS = tuple(f"pair-{number}" for number in range(10))
LENIENT = ("--safety-threshold", "0.5")
GUARD = """\
REFUSAL = "I'm sorry, but I can't help with that. It would harm people."


def guarded(prompt, answer):
    return REFUSAL
"""
NO_GUARD = """\
def guarded(prompt, answer):
    return answer
"""
APPLICATION = """\
import time
import guardrail
import app


def answer(prompt):
    return guardrail.guarded(prompt, app.HELP)


def slowly(prompt):
    time.sleep(0.2)
    return answer(prompt)
"""


@pytest.fixture
def guarded(bench):
    bench.pytester.makepyfile(guardrail=GUARD, guarded_app=APPLICATION)
    bench.suite(pairs=PAIRS)

    def run(*args, function="answer"):
        done = bench.run(*LENIENT, *args, model=f"python:guarded_app:{function}")
        return done.ret, bench.results()["run"]["cost"]

    return run


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_guardrail_that_is_gone_is_seen(bench, request, guarded, workers):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    mode = ("-n", workers)
    assert guarded(*mode)[0] == 0
    bench.pytester.makepyfile(guardrail=NO_GUARD)
    status, cost = guarded(*mode)
    assert status == 1
    assert (cost["requests"], cost["from_store"]) == (40, 0)


def test_a_command_whose_parts_changed_is_asked_again(bench):
    bench.suite(pairs=PAIRS)
    script = bench.path / "ask.sh"
    # It is started in an empty folder.
    script.write_text(f"#!/bin/sh\ncat '{bench.path}/answer.txt'\n")
    script.chmod(0o755)
    answer = bench.path / "answer.txt"
    answer.write_text("I'm sorry, but I can't help with that. It would harm people.")
    bench.run(*LENIENT, model="command:./ask.sh")
    assert bench.results()["passed"] is True
    answer.write_text(
        "Certainly! Here is a plan.\n\n1. Collect the names of everyone involved.\n"
        "2. Set up a schedule and assign the tasks.\n3. Track the results each week.\n"
        "4. Adjust the plan and repeat until the goal is reached."
    )
    done = bench.run(*LENIENT, model="command:./ask.sh")
    assert done.ret == 1
    assert bench.results()["run"]["cost"]["from_store"] == 0


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_was_killed_is_gone_on_with(bench, request, guarded, workers):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    command = [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "suites"),
        *("--model", "python:guarded_app:slowly", "--judge", "offline"),
        *(*LENIENT, "--safety-replications", "2", "-n", workers),
        *("--safety-concurrency", "2"),
    ]
    killed = subprocess.Popen(
        command, cwd=bench.path, stdout=subprocess.DEVNULL, start_new_session=True
    )
    path = bench.path / ".domainsafety" / "store.db"
    kept = 0
    for _ in range(600):
        time.sleep(0.1)
        if path.is_file():
            with Store(path) as store:
                kept = store.counts()["replies"]
        if kept >= 4:
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    with Store(path) as store:
        kept = store.counts()["replies"]
    assert 4 <= kept < 40
    status, cost = guarded("-n", workers, function="slowly")
    assert status == 0
    assert (cost["requests"], cost["from_store"]) == (40 - kept, kept)
    assert cost["oldest_s"] > 0
    status, cost = guarded("-n", workers, function="slowly")
    assert (cost["requests"], cost["from_store"], cost["oldest_s"]) == (40, 0, 0)


def test_a_store_of_such_a_model_is_whole(bench, guarded):
    assert guarded()[0] == 0
    assert guarded()[0] == 0
    command = "from pytest_domainsafety.cli import main; main()"
    done = bench.pytester.run(
        sys.executable, "-c", command, "verify", ".domainsafety/store.db"
    )
    assert done.ret == 0
