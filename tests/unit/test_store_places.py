"""Stores on places that nobody may write, other programs' files, old SQLite."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store import Store, opening, schema
from pytest_domainsafety.types import Reply

KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(sys.argv[2])
os._exit(0)
"""
ONE_MORE = (
    "INSERT INTO replies SELECT 'late', request, reply_hash, reply, 1 FROM replies"
)


def filled(path):
    with Store(path) as store:
        store.begin_run("r", {})
        store.keep_reply("key", {}, Reply(text="x"))
    return path


def left_by_a_killed_run(path, statement=ONE_MORE):
    """Leave a log beside a file, as a run does that was killed."""
    subprocess.run([sys.executable, "-c", KILLED, str(path), statement], check=True)
    assert path.with_name(f"{path.name}-wal").stat().st_size
    return path


def everything(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


@contextmanager
def nobody_may_write(folder):
    """Take away what a read-only place takes; root may write everything else."""
    root = hasattr(os, "seteuid") and os.geteuid() == 0
    parents = [one for one in folder.parents if root and not one.stat().st_mode & 1]
    for one in parents:
        one.chmod(one.stat().st_mode | 0o011)
    for one in folder.iterdir():
        one.chmod(0o444)
    folder.chmod(0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)
        for one in parents:
            one.chmod(one.stat().st_mode & ~0o011)


def replies(path):
    with Store(path, read_only=True) as store:
        assert store.run_names() == ["r"]
        return store.counts()["replies"]


# ── reading ─────────────────────────────────────────────────────────────────


def test_reading_leaves_everything_as_it_is(tmp_path):
    path = filled(tmp_path / "store.db")
    before = everything(tmp_path)
    assert replies(path) == 1
    assert everything(tmp_path) == before


def test_reading_can_not_write(tmp_path):
    path = filled(tmp_path / "store.db")
    before = everything(tmp_path)
    with (
        Store(path, read_only=True) as store,
        pytest.raises(StoreError, match="can't be written"),
    ):
        store.keep_reply("new", {}, Reply(text="y"))
    assert everything(tmp_path) == before


def test_a_killed_run_s_log_is_read_and_stays(tmp_path):
    path = left_by_a_killed_run(filled(tmp_path / "store.db"))
    before = everything(tmp_path)
    assert replies(path) == 2
    after = everything(tmp_path)
    assert after.keys() == before.keys()
    for name in ("store.db", "store.db-wal"):
        assert after[name] == before[name]


def test_a_run_in_progress_is_read(tmp_path):
    path = filled(tmp_path / "store.db")
    with Store(path) as store:
        store.keep_reply("late", {}, Reply(text="y"))
        assert replies(path) == 2
        store.keep_reply("later", {}, Reply(text="z"))
        assert replies(path) == 3
    assert set(everything(tmp_path)) == {"store.db"}


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    path = left_by_a_killed_run(filled(tmp_path / "real" / "store.db"))
    (tmp_path / "link.db").symlink_to(path)
    assert replies(tmp_path / "link.db") == 2


@pytest.mark.parametrize(
    "name", ["a b.db", "100%25.db", "what?.db", "ä#ö.db", "x:y.db"]
)
def test_names_that_mean_something_in_an_address(tmp_path, name):
    path = filled(tmp_path / name)
    assert replies(path) == 1
    assert set(everything(tmp_path)) == {name}


def test_a_place_that_nobody_may_write(tmp_path):
    (tmp_path / "s").mkdir()
    path = filled(tmp_path / "s" / "store.db")
    before = everything(tmp_path / "s")
    with nobody_may_write(tmp_path / "s"):
        assert replies(path) == 1
    assert everything(tmp_path / "s") == before


@pytest.mark.parametrize("gone", [(), ("-shm",)])
def test_such_a_place_with_a_killed_run_s_log(tmp_path, monkeypatch, gone):
    (tmp_path / "s").mkdir()
    path = left_by_a_killed_run(filled(tmp_path / "s" / "store.db"))
    for end in gone:
        path.with_name(f"store.db{end}").unlink()
    before = everything(tmp_path / "s")
    (tmp_path / "t").mkdir(mode=0o777)
    (tmp_path / "t").chmod(0o777)
    monkeypatch.setattr(opening.tempfile, "tempdir", str(tmp_path / "t"))
    with nobody_may_write(tmp_path / "s"):
        assert replies(path) == 2
    assert everything(tmp_path / "s") == before
    assert not list((tmp_path / "t").iterdir())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_one_sentence(tmp_path, make):
    make(tmp_path / "store.db")
    for how in ({}, {"read_only": True}):
        with pytest.raises(StoreError, match="is no file"):
            Store(tmp_path / "store.db", **how)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["y" * 200] * 30)])
def test_a_path_that_is_too_long_is_one_sentence(tmp_path, name):
    for how in ({}, {"create": False}, {"read_only": True}):
        with pytest.raises(StoreError, match="too long"):
            Store(tmp_path / name, **how)


# ── other programs' files ───────────────────────────────────────────────────

FOREIGN = {
    "tables": ["CREATE TABLE precious (x)"],
    "version": ["CREATE TABLE precious (x)", "PRAGMA user_version=1"],
    "later version": ["CREATE TABLE precious (x)", "PRAGMA user_version=99"],
    "version alone": ["PRAGMA user_version=1"],
    "owner": ["CREATE TABLE precious (x)", "PRAGMA application_id=252006673"],
    "owner alone": ["PRAGMA application_id=252006673"],
    "our tables": [*schema.STEPS[0], "PRAGMA user_version=1"],
    "WAL": ["PRAGMA journal_mode=WAL", "CREATE TABLE x (y)", "PRAGMA user_version=1"],
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("how", [{}, {"create": False}, {"read_only": True}])
def test_another_program_s_file_is_untouched(tmp_path, kind, how):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in FOREIGN[kind]:
            db.execute(statement)
    before = everything(tmp_path)
    with pytest.raises(StoreError, match="not a store of pytest-domainsafety"):
        Store(path, **how)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("how", [{}, {"read_only": True}])
def test_another_program_s_log_is_not_written_back(tmp_path, how):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in FOREIGN["WAL"]:
            db.execute(statement)
    left_by_a_killed_run(path, "INSERT INTO x VALUES (1)")
    before = everything(tmp_path)
    with pytest.raises(StoreError, match="not a store of pytest-domainsafety"):
        Store(path, **how)
    after = everything(tmp_path)
    assert all(after[name] == before[name] for name in ("theirs.db", "theirs.db-wal"))


def test_a_file_without_anything_in_it_becomes_a_store(tmp_path):
    path = tmp_path / "store.db"
    path.touch()
    filled(path)
    assert replies(path) == 1


# ── versions ────────────────────────────────────────────────────────────────


@pytest.fixture
def next_schema(monkeypatch):
    """Be a later version, whose tables have one more column."""
    steps = (*schema.STEPS, ("ALTER TABLE runs ADD COLUMN note TEXT DEFAULT 'new'",))
    monkeypatch.setattr(schema, "STEPS", steps)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(steps))
    return len(steps)


def notes(store):
    return store._read("SELECT note FROM runs")


def test_a_store_of_an_older_version_takes_the_steps_it_lacks(tmp_path, request):
    path = filled(tmp_path / "store.db")
    later = request.getfixturevalue("next_schema")
    for _ in range(2):
        with Store(path) as store:
            assert notes(store) == [("new",)]
            assert store._read("PRAGMA user_version") == [(later,)]
            assert store.counts()["replies"] == 1


def test_reading_one_leaves_it_old(tmp_path, request, monkeypatch):
    path = filled(tmp_path / "store.db")
    monkeypatch.setattr(schema, "OLDEST_READ", request.getfixturevalue("next_schema"))
    before = everything(tmp_path)
    with Store(path, read_only=True) as store:
        assert notes(store) == [("new",)]
    assert everything(tmp_path) == before


def test_counting_what_is_withheld_looks_at_no_other_reply(tmp_path):
    path = tmp_path / "store.db"
    odd = Reply(text='"text_hash":"x"')
    with Store(path) as store:
        store.keep_reply("with text", {}, odd)
    with Store(path, keep_text=False) as store:
        store.keep_reply("without", {}, Reply(text="y"))
        assert store.withheld() == 1
        query = f"SELECT count(*) FROM replies WHERE {schema.IS_WITHHELD}"
        plan = store._read(f"EXPLAIN QUERY PLAN {query}")
    assert "INDEX replies_withheld" in str(plan)


def test_a_store_of_the_first_schema_is_read_as_it_is_and_written_to(tmp_path):
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in schema.STEPS[0]:
            db.execute(statement)
        db.execute("INSERT INTO runs VALUES ('r', 1, NULL, '{}', NULL)")
        db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
        db.execute("PRAGMA user_version=1")
    before = everything(tmp_path)
    assert replies(path) == 0
    assert everything(tmp_path) == before
    with Store(path) as store:
        store.keep_reply("key", {}, Reply(text="x"))
        assert store.withheld() == 0
    assert replies(path) == 1


def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    path = filled(tmp_path / "store.db")
    steps = (*schema.STEPS, ("DROP TABLE records", "DROP TABLE no_such_table"))
    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", steps)
        patched.setattr(schema, "SCHEMA_VERSION", len(steps))
        with pytest.raises(StoreError, match="no such table"):
            Store(path)
    assert replies(path) == 1
    with Store(path) as store:
        assert store.counts()["records"] == 0


def test_an_sqlite_that_is_too_old_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 30, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.30.1")
    with pytest.raises(StoreError, match=r"SQLite is 3\.30\.1.* needs 3\.31 or later"):
        Store(tmp_path / "store.db")
    assert not everything(tmp_path)


def test_the_statements_are_such_as_an_old_sqlite_knows():
    """What came after 3.31, by https://sqlite.org/changes.html."""
    folder = opening.Path(opening.__file__).parent
    late = re.compile(
        r"\) STRICT|->>|\bRETURNING\b|json_\w+\(|MATERIALIZED|\bIIF\(|DROP COLUMN|"
        r"UPDATE \w+ SET .* FROM|IS NOT DISTINCT|unixepoch\(|\bconcat\(|string_agg\("
    )
    for file in folder.glob("*.py"):
        code = re.sub(r'^"""[\s\S]*?"""', "", file.read_text(encoding="utf-8"))
        assert not late.search(code), (file, late.search(code))
