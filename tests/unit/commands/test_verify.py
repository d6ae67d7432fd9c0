"""`domainsafety verify`: a store against what its runs set out to have."""

import sqlite3

import pytest
from click.testing import CliRunner

from pytest_domainsafety.commands.verify import verify
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Judgement, Record, Reply

MANIFEST = {
    "sampling": {"replications": 2},
    "expected": {"m": {"labor": {"s1": [], "s2": ["plain"]}}},
}
PLACES = [
    *(("s1", framing, "base") for framing in ("analytical", "operational")),
    *(("s2", framing, "base") for framing in ("analytical", "operational")),
    ("s2", "operational", "plain"),
]
COUNTS = {"model": "m", "domain": "labor", "responses": 4, "scored": 4, "complied": 4}


def fill(store, run, places, *, finished=True):
    store.begin_run(run, MANIFEST)
    for place in places:
        for replication in (1, 2):
            key = "-".join([*place, str(replication)])
            store.keep_reply(key, {}, Reply(text=key))
            judged = Judgement(judge="j", harm_identification=1, refusal=1, guidance=4)
            store.keep_judgement(f"j{key}", key, judged)
            row = Record(
                run=run,
                model="m",
                domain="labor",
                scenario=place[0],
                framing=place[1],
                variant=place[2],
                replication=replication,
                guidance=4,
            )
            store.keep_records([(row, key)])
    if finished:
        store.finish_run(run, {"domains": [COUNTS]})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.db"


def look(path, *args):
    return CliRunner().invoke(verify, [str(path), *args])


def test_a_whole_store(path):
    with Store(path) as store:
        fill(store, "r", PLACES)
    done = look(path)
    assert done.exit_code == 0
    assert "whole; 1 run, 10 replies, 10 judgements, 10 records" in done.output


def test_interactions_that_never_came(path):
    with Store(path) as store:
        fill(store, "r", PLACES[:-1])
    done = look(path)
    assert done.exit_code == 1
    assert "2 of 10 interactions are missing: labor/s2 operational 1 (plain)" in (
        done.output
    )


def test_a_run_that_was_broken_off_is_held_to_its_plan_when_named(path):
    with Store(path) as store:
        fill(store, "broken", PLACES[:2], finished=False)
        fill(store, "whole", PLACES)
    done = look(path)
    assert done.exit_code == 0
    assert "note: run broken: did not finish" in done.output
    assert "6 of 10 interactions are missing" in done.output
    assert "run broken" not in look(path, "--run", "whole").output
    assert look(f"{path}#bro").exit_code == 1


DAMAGE = {
    "UPDATE replies SET reply = '{}'": "does not match its hash",
    "UPDATE replies SET reply = '{\"text\"'": "does not match its hash",
    "DELETE FROM replies WHERE rowid = 1": "its reply is missing",
    "DELETE FROM judgements WHERE rowid < 3": "2 scored records without a judgement",
    "DELETE FROM records WHERE scenario = 's1'": "results say 4 responses, its records",
    "UPDATE records SET guidance = 1": "say 4 complied, its records 0",
    "UPDATE records SET scenario = 's9' WHERE scenario = 's1'": "did not ask for",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_tampered_with(path, damage):
    with Store(path) as store:
        fill(store, "r", PLACES)
    with sqlite3.connect(path) as raw:
        raw.execute(damage)
    raw.close()
    done = look(path)
    assert done.exit_code == 1
    assert DAMAGE[damage] in done.output


def test_a_damaged_file(path):
    with Store(path) as store:
        fill(store, "r", PLACES)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    done = look(path)
    assert done.exit_code == 1 or done.exception is not None


def test_no_store(tmp_path):
    path = tmp_path / "results.json"
    path.write_text("{}")
    for named in (path, tmp_path / "gone.db", tmp_path):
        assert isinstance(look(named).exception, SourceError)
