"""A store that keeps hashes alone, and one that hands texts out."""

from __future__ import annotations

import pytest

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import Judgement, Record, Reply

CANARY = "canary-3f9a"
REQUEST = {
    "model": "m",
    "messages": [
        ["system", f"{CANARY} system"],
        ["user", f"{CANARY} one"],
        ["assistant", f"{CANARY} answer one"],
        ["user", f"{CANARY} two"],
    ],
}
REPLY = Reply(text=f"{CANARY} answer two", reasoning=f"{CANARY} thought", tokens_out=3)
JUDGEMENT = Judgement(
    judge="j",
    harm_identification=1,
    refusal=1,
    guidance=4,
    rationale=f"it says {CANARY}",
)
RECORD = Record(
    run="r", model="m", domain="labor", scenario="s", framing="operational", guidance=4
)


def fill(path, **how):
    with Store(path, **how) as store:
        store.begin_run("r", {})
        store.keep_reply("key", REQUEST, REPLY)
        store.keep_judgement("jkey", "key", JUDGEMENT)
        store.keep_records([(RECORD, "key")])
        return store.reply("key"), list(store.rows(["key"], ["jkey"]))


def test_a_store_of_hashes_holds_no_text_at_all(tmp_path):
    path = tmp_path / "store.db"
    fill(path, keep_text=False)
    for file in tmp_path.iterdir():
        assert CANARY.encode() not in file.read_bytes(), file.name


def test_a_full_store_holds_the_text(tmp_path):
    fill(tmp_path / "store.db")
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert CANARY.encode() in written


def test_the_process_that_asked_still_knows_the_text(tmp_path):
    reply, _ = fill(tmp_path / "store.db", keep_text=False)
    assert reply == REPLY


def test_another_process_has_to_ask_again(tmp_path):
    fill(tmp_path / "store.db", keep_text=False)
    with Store(tmp_path / "store.db") as store:
        assert store.reply("key") is None
        assert store.withheld() == 1
        assert store.verify() == []
        (row,) = store.rows(["key"], [])
        assert Reply.model_validate(row[3]).hash() == REPLY.hash()
        assert Reply.model_validate(row[3]).tokens_out == 3


def test_the_same_answer_keeps_its_judgement_and_another_loses_it(tmp_path):
    fill(tmp_path / "store.db", keep_text=False)
    with Store(tmp_path / "store.db", keep_text=False) as store:
        store.keep_reply("key", REQUEST, REPLY)
        assert store.judgement("jkey") is not None
    with Store(tmp_path / "store.db", keep_text=False) as store:
        store.keep_reply("key", REQUEST, Reply(text="something else"))
        assert store.judgement("jkey") is None
        assert store.reply("key") == Reply(text="something else")


def test_a_worker_ships_hashes_and_they_stay_what_they_are(tmp_path):
    _, rows = fill(tmp_path / "worker.db", keep_text=False)
    assert CANARY not in str(rows)
    with Store(tmp_path / "other.db", keep_text=False) as store:
        _, key, request, reply = rows[0]
        store.keep_reply(key, request, Reply.model_validate(reply))
        assert list(store.rows(["key"], [])) == [rows[0]]
        assert request["messages"][1] == [
            "user",
            fingerprint("message", f"{CANARY} one"),
        ]


def test_text_takes_the_place_of_a_hash(tmp_path):
    fill(tmp_path / "store.db", keep_text=False)
    with Store(tmp_path / "store.db") as store:
        store.keep_reply("key", REQUEST, REPLY)
        assert store.reply("key") == REPLY
        assert store.withheld() == 0


def test_exchanges_are_the_texts_behind_the_records(tmp_path):
    fill(tmp_path / "store.db")
    with Store(tmp_path / "store.db") as store:
        (one,) = store.exchanges()
    assert one.record == RECORD
    assert one.system == f"{CANARY} system"
    assert one.prompt == (f"{CANARY} one", f"{CANARY} two")
    assert one.replies == (f"{CANARY} answer one", f"{CANARY} answer two")


def test_a_store_of_hashes_says_what_it_can_not_do(tmp_path):
    fill(tmp_path / "store.db", keep_text=False)
    with (
        Store(tmp_path / "store.db") as store,
        pytest.raises(StoreError, match="holds hashes and no text"),
    ):
        list(store.exchanges())
    with (
        Store(tmp_path / "store.db") as store,
        pytest.raises(StoreError, match="there is no run 'x'"),
    ):
        list(store.exchanges("x"))
