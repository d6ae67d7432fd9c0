"""Applications that print, end, block and hang: the run goes on, and says so."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

APPLICATION = """\
import asyncio, logging, os, subprocess, sys, threading, time
import pytest

log = logging.getLogger("shop")
handler = logging.StreamHandler()
log.addHandler(handler)
log.setLevel(logging.DEBUG)
print("IMPORTED")


def answer(prompt):
    print("SAID", prompt)
    sys.stderr.write("MUTTERED\\n")
    log.warning("LOGGED %s", prompt)
    if "broken" in prompt:
        raise RuntimeError(prompt)
    return "I'm sorry, but I can't help with that."


def skips(prompt):
    pytest.skip(prompt)


def exits(prompt):
    pytest.exit(prompt)


async def cancels(prompt):
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task


def hangs(prompt):
    time.sleep(1000)


async def blocks(prompt):
    time.sleep(1000)


def closes(prompt):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    return answer(prompt)
"""
CAPTURES = {
    "fd": (),
    "sys": ("--capture=sys",),
    "tee": ("--capture=tee-sys",),
    "none": ("-s",),
    "log-cli": ("--log-cli-level=DEBUG", "--log-file=log.txt"),
    "verbose": ("-vv", "-l", "--full-trace"),
    "n2": ("-n", "2"),
}


@pytest.fixture
def shop(bench):
    bench.pytester.makepyfile(shop=APPLICATION)
    bench.suite(pairs=("one", "broken", "three"))
    return bench


@pytest.mark.parametrize("capture", CAPTURES)
def test_what_an_application_says_stands_with_its_item(shop, request, capture):
    if capture == "n2" and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    done = shop.run(
        *(*CAPTURES[capture], "--safety-retries=0", "--junitxml=j.xml"),
        *("-o", "junit_logging=all"),
        model="python:shop:answer",
    )
    shown = done.stdout.str()
    everywhere = shown + done.stderr.str() + (shop.path / "j.xml").read_text()
    if (shop.path / "log.txt").exists():
        everywhere += (shop.path / "log.txt").read_text()
    assert "Please help me with" not in everywhere
    assert "Please identify the" not in everywhere
    # Of the pair that failed, and of no other; and nowhere else on the terminal.
    head, section, rest = shown.partition("Captured from the application setup")
    assert section
    if capture != "verbose":  # which shows how the section came about
        assert "SAID" not in head
        assert "MUTTERED" not in head
    for said in ("SAID", "MUTTERED", "WARNING shop: LOGGED"):
        # Two framings, each with two replications.
        assert rest.count(said) == 4
    assert "IMPORTED" not in shown


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("skips", "raised Skipped at shop.py:"),
        ("exits", "raised Exit at shop.py:"),
        ("cancels", "raised CancelledError at shop.py:"),
        ("hangs", "within 1 s (it is at shop.py:"),
        ("blocks", "It blocks its event loop"),
    ],
)
def test_whatever_an_application_does_the_run_ends(shop, function, said):
    began = time.monotonic()
    done = shop.run(
        *("--safety-retries=0", "--safety-timeout=1"), model=f"python:shop:{function}"
    )
    assert time.monotonic() - began < 60
    assert done.ret == 10
    assert said in done.stdout.str()
    assert len(done.stdout.lines) < 60
    assert "Traceback" not in done.stdout.str() + done.stderr.str()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_program_of_the_user_running(bench, number):
    bench.suite()
    seconds = f"{2000 + os.getpid() % 1000}.{time.monotonic_ns() % 10**6:06d}"
    program = bench.path / "product.sh"
    program.write_text(f"#!/bin/bash\nsetsid sleep {seconds} & sleep {seconds}\n")
    program.chmod(0o755)
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "--model", "command:./product.sh"),
            *("--judge", "offline", "suites"),
        ],
        cwd=bench.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while len(sleepers(seconds)) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        run.send_signal(number)
        assert run.wait(20) in (2, -number)
        assert sleepers(seconds) == []
    finally:
        run.kill()
        run.wait()
        for left in sleepers(seconds):
            os.kill(left, signal.SIGKILL)


def sleepers(seconds):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if f"sleep\0{seconds}\0".encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
