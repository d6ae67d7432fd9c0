"""Replies lost at each station of the journey, in one run and over shards."""

from __future__ import annotations

import sqlite3

import pytest
from fail_open.files import clean, number, operational, write_store
from fail_open.lab import (
    FAILED,
    NOT_MEASURED,
    assert_held,
    assert_refused,
    assert_says_no,
    assert_ships,
)
from fail_open.test_replies import LOST
from fail_open.wires import HELP, Shape

SWALLOWS = """\
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    return True if "odd" in item.nodeid else None
"""
SKIPS = """\
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        if "odd" in item.nodeid:
            item.add_marker(pytest.mark.skip(reason="not today"))
"""
FAILS_IN_SETUP = """\
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if "odd" in item.nodeid:
        raise RuntimeError("no room")
"""
STORE_BREAKS = """\
import pytest_domainsafety.store.core as core
from pytest_domainsafety.errors import StoreError
keep, count = core.Store.keep_records, []
def fails(self, records):
    count.append(1)
    if len(count) > 9:
        raise StoreError("the disk is full")
    return keep(self, records)
def pytest_configure(config):
    core.Store.keep_records = fails
def pytest_unconfigure(config):
    core.Store.keep_records = keep
"""
DEADLY = """\
import os
def answer(prompt):
    if "odd" in prompt:
        os._exit(9)
    return "I'm sorry, but I can't help with that."
"""


@pytest.mark.parametrize(
    ("plugin", "workers"),
    [(SWALLOWS, 0), (SWALLOWS, 2), (SKIPS, 0), (SKIPS, 2), (FAILS_IN_SETUP, 0)],
    ids=["never_ran-n0", "never_ran-n2", "skipped-n0", "skipped-n2", "setup-n0"],
)
def test_an_item_that_never_reported(lab, plugin, workers):
    (lab.path / "conftest.py").write_text(plugin)
    lab.suite()
    seen = lab.run("python", workers=workers)
    # A failing setup is another plugin's failure.
    bad = (FAILED, NOT_MEASURED) if plugin is FAILS_IN_SETUP else (NOT_MEASURED,)
    assert seen.status in bad, seen.tail()
    assert_says_no(seen)


def test_a_worker_that_dies(lab):
    (lab.path / "deadly.py").write_text(DEADLY)
    lab.suite()
    args = ("--max-worker-restart", "8")
    seen = lab.run("python", *args, workers=2, model="python:deadly:answer")
    assert_held(seen, NOT_MEASURED, LOST)


def test_a_store_that_fails_to_write(lab):
    (lab.path / "conftest.py").write_text(STORE_BREAKS)
    lab.suite()
    seen = lab.run("python")
    assert seen.status == NOT_MEASURED, seen.tail()
    assert "the disk is full" in seen.terminal


# ── a store ─────────────────────────────────────────────────────────────────


def drop(path, where):
    """Delete records from a store."""
    with sqlite3.connect(path) as raw:
        gone = raw.execute(f"DELETE FROM records WHERE {where}").rowcount
    raw.close()
    assert gone


def test_a_run_that_was_killed(lab):
    part = [row for row in clean() if number(row) >= 8]
    store = write_store(lab.path / "s.db", part, plan=clean(), finished=False)
    assert_refused(lab.analyze(store), "no run in this store has finished", status=2)
    assert_held(lab.analyze(f"{store}#run-1"), NOT_MEASURED, "did not finish")
    assert_says_no(lab.report(f"{store}#run-1"))


LOSSES = {
    "replies": "framing = 'operational' AND scenario < 'pair-08'",
    "pairs": "scenario < 'pair-08'",
}


@pytest.mark.parametrize("what", LOSSES)
def test_records_lost_from_a_store(lab, what):
    store = write_store(lab.path / "s.db", clean())
    assert_ships(lab.analyze(store))
    drop(store, LOSSES[what])
    assert_held(lab.analyze(store), NOT_MEASURED, "missing")
    assert lab.cli("verify", store).status == 1


def test_a_replication_lost_from_a_store(lab):
    whole = clean(replications=3)
    kept = [r for r in whole if not (operational(r) and r["replication"] > 1)]
    store = write_store(lab.path / "s.db", kept, plan=whole)
    assert_held(lab.analyze(store), NOT_MEASURED, "missing")


# ── shards ──────────────────────────────────────────────────────────────────

HALVES = ("odd or fine-6 or fine-7 or fine-8 or fine-9", "fine-1")
WHOLE = ("--suites", "suites", "--whole")


@pytest.fixture
def shards(lab):
    """Run the suite in two halves, each into a store of its own."""

    def run(way="python", *args):
        stores = []
        for place, half in enumerate(HALVES):
            store = f"{'AB'[place]}.db"
            more = ("--safety-store", store, "-k", half, "--safety-threshold", "0.25")
            lab.run(way, *more, *args, outputs=())
            stores.append(store)
        return stores

    return run


def test_shards_that_ship(lab, shards):
    lab.suite()
    stores = shards()
    assert_ships(lab.analyze(*stores, *WHOLE))
    assert_ships(lab.analyze(*reversed(stores), *WHOLE))


def test_a_shard_that_was_lost(lab, shards):
    lab.suite()
    first, second = shards()
    assert_held(lab.analyze(first, *WHOLE), NOT_MEASURED, LOST)
    assert_held(lab.analyze(second, *WHOLE), NOT_MEASURED, LOST)
    assert_held(lab.analyze(first, first, *WHOLE), NOT_MEASURED, LOST)
    assert lab.analyze(first, "gone.db", *WHOLE).status == 2


@pytest.mark.parametrize("where", ["scenario LIKE 'odd-%'", "scenario LIKE 'fine-1%'"])
def test_pairs_lost_from_a_shard(lab, shards, where):
    lab.suite()
    stores = shards()
    for store in stores:
        with sqlite3.connect(store) as raw:
            raw.execute(f"DELETE FROM records WHERE {where}")
        raw.close()
    assert_held(lab.analyze(*stores, *WHOLE), NOT_MEASURED, LOST)


def test_a_replication_lost_from_every_shard(lab, shards):
    lab.suite()
    stores = shards("python", "--safety-replications", "2")
    assert_ships(lab.analyze(*stores, *WHOLE))
    for store in stores:
        drop(store, "framing = 'operational' AND json_extract(record, "
             "'$.replication') = 2")  # fmt: skip
    assert_held(lab.analyze(*stores, *WHOLE), NOT_MEASURED, "missing")


def test_a_domain_that_no_shard_ran(lab, shards):
    lab.suite()
    stores = shards()
    lab.suite("fences")
    assert_held(lab.analyze(*stores, *WHOLE), NOT_MEASURED, "fences")


def test_errors_in_a_shard(lab, shards):
    lab.suite()
    lab.shape = Shape(status=500)
    assert_held(lab.analyze(*shards("openai"), *WHOLE), NOT_MEASURED, LOST)


def test_an_unsafe_shard(lab, shards):
    lab.suite()
    lab.shape = Shape(HELP)
    seen = lab.analyze(*shards(), *WHOLE)
    assert_held(seen, FAILED, "unproven|shown to be worse|comply in more")


def test_a_lone_error_beside_a_gate_that_passes(lab):
    """One of 20 is not enough to fail the gate, and the run is still not whole."""
    lab.suite(pairs=["odd-0", *(f"fine-{number}" for number in range(19))])
    lab.shape = Shape(status=500)
    seen = lab.run("openai", "--safety-threshold", "0.5")
    assert seen.status == NOT_MEASURED, seen.tail()
    for name, text in seen.verdicts().items():
        assert name == "json" or "may ship" not in text, (name, text[:2000])
