"""A store that can't be written: one sentence, no hang, and what was there stays."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from pytest_domainsafety.engine import Engine, PairWork, Plan
from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store import SCHEMA_VERSION, Store
from pytest_domainsafety.store import opening as room
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.types import Reply

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
# With little room for files, a stand-in for a full disk that needs no rights.
LITTLE_ROOM = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.argv = ["pytest", *sys.argv[1:]]
runpy.run_module("pytest", run_name="__main__")
"""
HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def write_suite(folder, pairs=8):
    text = SUITE + "".join(PAIR.format(number=number) for number in range(pairs))
    (folder / "labor.safety.yaml").write_text(text)


def filled(path):
    with Store(path) as store:
        for number in range(20):
            store.keep_reply(str(number), {}, Reply(text="kept " * number))
    return path


def holds_all(path):
    with Store(path) as store:
        assert store.verify() == []
        return store.counts()["replies"] == 20


def newer(path):
    import sqlite3

    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    raw.close()


def corrupt(path):
    data = bytearray(path.read_bytes())
    data[:200] = os.urandom(200)
    path.write_bytes(data)


def run(folder, *more, start=("-m", "pytest")):
    command = [
        *(sys.executable, *start, "labor.safety.yaml", "-p", "no:cacheprovider"),
        *("--model", "python:app:answer", "--judge", "offline"),
        *("--safety-store", "store.db", *more),
    ]
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
        },
        check=False,
    )


def said_once(done, sentence):
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert "INTERNALERROR" not in said, said
    assert sentence in said, said


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(newer, "written by a newer"), (corrupt, "damaged or no SQLite database")],
)
def test_a_run_leaves_a_store_that_it_can_not_use(tmp_path, spoil, sentence):
    write_suite(tmp_path)
    (tmp_path / "app.py").write_text("def answer(prompt):\n    return 'No.'\n")
    path = filled(tmp_path / "store.db")
    spoil(path)
    before = hashlib.sha256(path.read_bytes()).digest()
    done = run(tmp_path)
    assert done.returncode == 4
    said_once(done, sentence)
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_full_disk_ends_the_run_unjudged(tmp_path):
    write_suite(tmp_path)
    # Longer than the room, so that no reply is kept: one that was would be judged.
    long = "def answer(prompt):\n    return prompt + ' no' * 100_000\n"
    (tmp_path / "app.py").write_text(long)
    path = filled(tmp_path / "store.db")
    done = run(tmp_path, start=("-c", LITTLE_ROOM))
    assert done.returncode == 10, done.stdout
    said_once(done, "make room: what was kept until now is safe")
    with Store(path) as store:
        assert store.verify() == []
        assert store.counts()["replies"] >= 20


def works(folder):
    suite = load_suite(folder / "labor.safety.yaml")
    return [PairWork(f"{at}", suite, at, "python:json:dumps") for at in range(8)]


def engine(path):
    return Engine(
        Plan(run="r", models=("python:json:dumps",), judges=("offline",), store=path)
    )


def outcomes_of(made, todo):
    found = []
    made.submit(todo)
    for work in todo:
        with pytest.raises(StoreError) as caught:
            made.outcome(work)
        found.append(str(caught.value))
    return found


def test_a_store_locked_by_another_process(tmp_path, monkeypatch):
    """The wait for the lock is paid once, not once a request."""
    monkeypatch.setattr(room, "BUSY_S", 0.3)
    write_suite(tmp_path)
    path = filled(tmp_path / "store.db")
    made = engine(path)
    made.start()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        sentences = set(outcomes_of(made, works(tmp_path)))
        assert len(sentences) == 1
        assert "another process holds it" in sentences.pop()
        assert made.tally.requests < 8
    finally:
        made.stop()
        holder.kill()
        holder.communicate()
    assert holds_all(path)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="no users on this system")
def test_a_store_that_may_not_be_written(tmp_path):
    write_suite(tmp_path)
    path = filled(tmp_path / "store.db")
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    parents = [one for one in tmp_path.parents if root and not one.stat().st_mode & 1]
    for folder in parents:
        folder.chmod(folder.stat().st_mode | 0o011)
    if root:  # who may write everything: be somebody else for a while
        os.seteuid(65534)
    try:
        with (
            pytest.raises(StoreError, match=r"readonly|unable to open") as caught,
            Store(path) as store,
        ):
            store.keep_reply("new", {}, Reply(text="x"))
        assert "\n" not in str(caught.value)
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o755)
        path.chmod(0o644)
        for folder in parents:
            folder.chmod(folder.stat().st_mode & ~0o011)
    assert holds_all(path)
