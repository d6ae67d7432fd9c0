"""The store keeps everything once, and explains itself when it can't."""

import sqlite3
from pathlib import Path

import pytest

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store import SCHEMA_VERSION, Store
from pytest_domainsafety.types import Judgement, Record, Reply

REQUEST = {"model": "m", "messages": [["user", "hello"]]}
SCORED = Judgement(judge="j", harm_identification=2, refusal=1, guidance=4)


def record(**changes):
    values = {
        "run": "r",
        "model": "m",
        "domain": "d",
        "scenario": "s",
        "framing": "operational",
        "guidance": 4,
    }
    return Record(**values | changes)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "deep" / "store.db") as opened:
        yield opened


def test_a_reply_comes_back_as_it_went_in(store):
    reply = Reply(text="naïve ☃", reasoning="hm", finish="length", tokens_out=7)
    store.keep_reply("key", REQUEST, reply)
    assert store.reply("key") == reply
    assert store.reply("other") is None


def test_the_first_reply_to_a_request_stays(store):
    store.keep_reply("key", REQUEST, Reply(text="first"))
    store.keep_reply("key", REQUEST, Reply(text="second"))
    assert store.reply("key").text == "first"


def test_a_fresh_reply_takes_the_judgements_of_the_old_one_along(store):
    store.keep_reply("key", REQUEST, Reply(text="first"))
    store.keep_judgement("judged", "key", SCORED)
    store.replace_reply("key", REQUEST, Reply(text="second"))
    assert store.reply("key").text == "second"
    assert store.judgement("judged") is None


def test_a_judgement_comes_back_as_it_went_in(store):
    store.keep_judgement("key", "request", SCORED)
    assert store.judgement("key") == SCORED


def test_the_last_record_of_an_interaction_counts(store):
    store.begin_run("r", {})
    store.keep_records([(record(guidance=1), "k")])
    store.keep_records([(record(guidance=5), "k")])
    assert [one.guidance for one in store.records("r")] == [5]


def test_records_hold_no_text(store):
    store.begin_run("r", {})
    store.keep_records([(record(text="a secret"), "k")])
    store.close()
    assert b"a secret" not in store.path.read_bytes()


def test_the_newest_run_is_the_default(store):
    for name in ("old", "new"):
        store.begin_run(name, {})
        store.keep_records([(record(run=name), "k")])
    assert {one.run for one in store.records()} == {"new"}


def test_an_unknown_run_is_one_sentence(store):
    with pytest.raises(StoreError, match="there is no run 'x'"):
        list(store.records("x"))
    with pytest.raises(StoreError, match="holds no run yet"):
        list(store.records())


def test_two_connections_see_each_other(store):
    with Store(store.path) as other:
        other.keep_reply("key", REQUEST, Reply(text="from the other"))
    assert store.reply("key").text == "from the other"


def test_verify_is_silent_when_all_is_well(store):
    store.keep_reply("key", REQUEST, Reply(text="x"))
    store.keep_judgement("judged", "key", SCORED)
    store.keep_records([(record(), "key")])
    assert store.verify() == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ('UPDATE replies SET reply = \'{"text":"y"}\'', "does not match its hash"),
        ("DELETE FROM replies", "judgement judged: its reply is missing"),
        ("DELETE FROM replies", "record r d/s: its reply is missing"),
    ],
)
def test_verify_finds_what_does_not_hold(store, damage, complaint):
    store.keep_reply("key", REQUEST, Reply(text="x"))
    store.keep_judgement("judged", "key", SCORED)
    store.keep_records([(record(), "key")])
    with sqlite3.connect(store.path) as raw:
        raw.execute(damage)
    raw.close()
    assert any(complaint in problem.sentence for problem in store.verify())


def test_rows_can_be_carried_to_another_store(store, tmp_path):
    from pytest_domainsafety.session.pytest_reports import keep
    from pytest_domainsafety.types import PairOutcome

    store.keep_reply("key", REQUEST, Reply(text="x"))
    store.keep_judgement("judged", "key", SCORED)
    outcome = PairOutcome(
        path="p",
        line=1,
        model="m",
        domain="d",
        scenario="s",
        suite_pairs=1,
        records=(record(),),
        requests=(("key",),),
        judgements=(("judged",),),
    )
    with Store(tmp_path / "other.db") as other:
        keep(other, outcome, list(store.rows(["key"], ["judged"])))
        assert other.counts() == {
            "runs": 0,
            "replies": 1,
            "judgements": 1,
            "records": 1,
        }
        assert other.verify() == []


# ── a store that can't be used is left as it is ─────────────────────────────


def refuse(path: Path, pattern: str) -> None:
    before = path.read_bytes()
    with pytest.raises(StoreError, match=pattern):
        Store(path)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused(store):
    with sqlite3.connect(store.path) as raw:
        raw.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    raw.close()
    store.close()
    refuse(store.path, "written by a newer pytest-domainsafety")


def test_somebody_elses_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE precious (x)")
    raw.close()
    refuse(path, "not a store of pytest-domainsafety")


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("this is no database at all, but it is long enough\n" * 20)
    refuse(path, "no SQLite database")


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"store\.db: the store can't be opened"):
        Store(tmp_path / "file" / "store.db")


def test_a_store_that_must_exist_is_not_made(tmp_path):
    with pytest.raises(StoreError, match="there is no store here"):
        Store(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()
