"""Records and preference pairs: read back, with and without text."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner
from example_results import all_records
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import ConfigError, SourceError, StoreError
from pytest_domainsafety.runs.export import export_preferences, export_records
from pytest_domainsafety.runs.probing import export_for_probing
from pytest_domainsafety.runs.record_files import read_rows
from pytest_domainsafety.runs.sources import find_source, open_rows
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Record, Reply


def make_store(path, exchanges, *, keep_text=True):
    """Write a store of (record, reply) with made-up prompts."""
    with Store(path, keep_text=keep_text) as store:
        store.begin_run("r", {})
        rows = []
        for number, (record, reply) in enumerate(exchanges):
            key = f"key-{number}"
            messages = [["user", f"prompt of {record.scenario}"]]
            store.keep_reply(key, {"messages": messages}, Reply(text=reply))
            rows.append((record.model_copy(update={"run": "r"}), key))
        store.keep_records(rows)
        store.finish_run("r", {"schema": 1})
    return find_source(path)


def answer(scenario, framing, guidance, refusal, known=1, *, replication=1, **more):
    return Record(
        model="m",
        domain="labor",
        scenario=scenario,
        framing=framing,
        guidance=guidance,
        refusal=refusal,
        harm_identification=known,
        replication=replication,
        **more,
    )


ANSWERS = [
    # Complied once, refused once: chosen is its own refusal.
    (answer("both", "operational", 4, 1), "help both"),
    (answer("both", "operational", 1, 5, replication=2), "no to both"),
    (answer("both", "analytical", 1, 1, 5), "harm of both"),
    # Always complied, but knows the harm: chosen is the analytical answer.
    (answer("knows", "operational", 5, 1), "help knows"),
    (answer("knows", "operational", 3, 1, replication=2), "some help knows"),
    (answer("knows", "analytical", 1, 1, 4), "harm of knows"),
    # Complies and does not know: nothing to choose.
    (answer("blind", "operational", 5, 1), "help blind"),
    (answer("blind", "analytical", 1, 1, 2), "no idea"),
    # Refuses: nothing to reject.
    (answer("safe", "operational", 1, 5), "no to safe"),
]


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path / "store.db", ANSWERS)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_what_is_exported_is_read_back_the_same(tmp_path, suffix):
    source = make_store(tmp_path / "s.db", [(one, "x") for one in all_records()])
    path = tmp_path / f"out{suffix}"
    assert export_records([source], path) == len(all_records())
    assert list(read_rows(path)) == list(open_rows([source]))


def test_a_long_reply_in_a_csv_reads_back(tmp_path):
    source = make_store(tmp_path / "s.db", [(ANSWERS[0][0], "A" * 200_000)])
    path = tmp_path / "out.csv"
    export_records([source], path, text=True)
    assert len(list(read_rows(path))) == 1


def test_parquet_reads_back(tmp_path, store):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "out.parquet"
    assert export_records([store], path, text=True) == len(ANSWERS)
    table = parquet.read_table(path)
    assert table.column_names == list(Record.model_fields)
    assert set(table["text"].to_pylist()) == {reply for _, reply in ANSWERS}
    assert sum(table["guidance"].to_pylist()) == sum(
        record.guidance for record, _ in ANSWERS
    )


def test_text_only_where_it_is_asked_for(tmp_path, store):
    path = tmp_path / "out.jsonl"
    export_records([store], path)
    assert "help both" not in path.read_text()
    assert all("text" not in row for row in lines(path))
    export_records([store], path, text=True)
    assert {row["text"] for row in lines(path)} == {reply for _, reply in ANSWERS}


def test_a_record_that_was_never_answered_has_no_text(tmp_path):
    path = tmp_path / "s.db"
    source = make_store(path, ANSWERS[:2])
    with Store(path) as store:
        lost = answer("lost", "operational", None, None, None, run="r", status="error")
        store.keep_records([(lost, "")])
    export_records([source], tmp_path / "out.jsonl", text=True)
    texts = {row["scenario"]: row["text"] for row in lines(tmp_path / "out.jsonl")}
    assert texts["lost"] == ""
    assert texts["both"] == "no to both"


def test_preferences(tmp_path, store):
    path = tmp_path / "pairs.jsonl"
    assert export_preferences(store, path, text=True) == 3
    told = [
        (row["scenario"], row["chosen_from"], *(_said(row, k) for k in SIDES))
        for row in lines(path)
    ]
    assert told == [
        ("both", "refusal", "no to both", "help both"),
        ("knows", "analytical", "harm of knows", "help knows"),
        ("knows", "analytical", "harm of knows", "some help knows"),
    ]
    assert lines(path)[0]["prompt"] == [{"role": "user", "content": "prompt of both"}]


SIDES = ("chosen", "rejected")


def _said(row, side):
    (message,) = row[side]
    assert message["role"] == "assistant"
    return message["content"]


def test_preferences_without_text_are_hashes(tmp_path, store):
    path = tmp_path / "pairs.jsonl"
    export_preferences(store, path)
    assert "help" not in path.read_text()
    row = lines(path)[0]
    assert row["rejected_hash"] == Reply(text="help both").hash()
    assert row["chosen_scores"]["refusal"] == 5
    assert not {"prompt", "chosen", "rejected"} & set(row)


def test_a_store_of_hashes_says_so(tmp_path):
    source = make_store(tmp_path / "s.db", ANSWERS, keep_text=False)
    assert export_records([source], tmp_path / "out.csv") == len(ANSWERS)
    for write in (
        lambda: export_records([source], tmp_path / "t.csv", text=True),
        lambda: export_preferences(source, tmp_path / "p.jsonl", text=True),
    ):
        with pytest.raises(StoreError, match="holds hashes and no text"):
            write()
    assert not (tmp_path / "t.csv").exists()
    assert not (tmp_path / "p.jsonl").exists()


def test_hostile_replies_and_names(tmp_path):
    csv.field_size_limit(10**8)
    hostile = [
        (
            answer(f"s-{number:03}", "operational", 4, 1).model_copy(
                update={"model": payload.text or "x", "reason": payload.text}
            ),
            payload.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
        )
        for number, payload in enumerate(PAYLOADS)
        if len(payload.text) < 10_000 and not _lone(payload.text)
    ]
    source = make_store(tmp_path / "s.db", hostile)
    export_records([source], tmp_path / "out.jsonl", text=True)
    export_records([source], tmp_path / "out.csv", text=True)
    written = (tmp_path / "out.jsonl").read_text("utf-8")
    assert not MOVES_THE_CURSOR.search(written)
    by_name = {row["scenario"]: row for row in lines(tmp_path / "out.jsonl")}
    assert len(by_name) == len(hostile)
    for record, reply in hostile:
        assert by_name[record.scenario]["text"] == reply
        assert by_name[record.scenario]["model"] == record.model
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(hostile)
    for row in rows:
        for value in row.values():
            assert not value.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r"))


def _lone(text):
    return any(0xD800 <= ord(sign) <= 0xDFFF for sign in text)


# ── mistakes ────────────────────────────────────────────────────────────────


def test_mistakes_are_one_sentence(tmp_path, store):
    export_records([store], tmp_path / "out.jsonl")
    records = find_source(tmp_path / "out.jsonl")
    for error, said, write in (
        (ConfigError, "ends in .jsonl, .csv", lambda: export([store], "out.txt")),
        (ConfigError, "is a folder", lambda: export([store], "d.csv")),
        (ConfigError, "can't be written", lambda: export([store], "out.jsonl/x.csv")),
        (SourceError, "need the store", lambda: pairs(records, "p.jsonl")),
        (ConfigError, "ends in .jsonl", lambda: pairs(store, "p.csv")),
        (
            SourceError,
            "only a store holds",
            lambda: export([records], "o.csv", text=True),
        ),
    ):
        (tmp_path / "d.csv").mkdir(exist_ok=True)

        def export(sources, name, **how):
            return export_records(sources, tmp_path / name, **how)

        def pairs(source, name):
            return export_preferences(source, tmp_path / name)

        with pytest.raises(error, match=said) as raised:
            write()
        assert "\n" not in str(raised.value)


def test_the_command(tmp_path, store):
    def run(*args):
        return CliRunner().invoke(group, ["export", *map(str, args)])

    nothing = run(store.path)
    assert nothing.exit_code == 2
    assert "say what to write" in nothing.output
    out, pairs = tmp_path / "o.csv", tmp_path / "p.jsonl"
    done = run(store.path, "--records", out, "--preferences", pairs)
    assert done.output == f"wrote {out}: 9 records\nwrote {pairs}: 3 pairs\n"
    assert "help both" not in out.read_text() + pairs.read_text()


def probing(source, path, **more):
    export_for_probing(source, path, **more)
    return {
        (row["scenario"], row["framing"]): row
        for row in map(json.loads, path.read_text("utf-8").splitlines())
    }


def test_a_prompt_is_one_row_with_its_label(tmp_path):
    source = make_store(tmp_path / "s.db", ANSWERS)
    rows = probing(source, tmp_path / "o.jsonl")
    both = rows["both", "operational"]
    assert (both["replies"], both["scored"], both["complied"]) == (2, 2, 1)
    assert both["complies"] is True  # a tie goes the careful way
    assert (both["guidance"], both["refusal"]) == (2.5, 3.0)
    assert len(both["reply_hashes"]) == 2
    assert rows["both", "analytical"]["complies"] is False
    text = (tmp_path / "o.jsonl").read_text("utf-8")
    assert "prompt of" not in text
    rows = probing(source, tmp_path / "t.jsonl", text=True)
    assert rows["both", "operational"]["prompt"] == ["prompt of both"]
    assert "help both" not in (tmp_path / "t.jsonl").read_text("utf-8")


def test_a_model_under_a_system_prompt_has_its_own_name_in_rows_for_probing(tmp_path):
    under = [
        (one.model_copy(update={"condition": "warn"}), text) for one, text in ANSWERS
    ]
    source = make_store(tmp_path / "s.db", under)
    rows = probing(source, tmp_path / "o.jsonl").values()
    assert {(row["model"], row["condition"]) for row in rows} == {("m", "warn")}


def test_rows_for_probing_as_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    source = make_store(tmp_path / "s.db", ANSWERS)
    export_for_probing(source, tmp_path / "o.parquet", text=True)
    rows = parquet.read_table(tmp_path / "o.parquet").to_pylist()
    assert rows == list(probing(source, tmp_path / "o.jsonl", text=True).values())


def test_what_has_no_label_is_no_safe_prompt(tmp_path):
    lost = answer("lost", "operational", None, None, None, status="unscored")
    source = make_store(tmp_path / "s.db", [(lost, "?"), *ANSWERS])
    rows = probing(source, tmp_path / "o.jsonl")
    assert rows["lost", "operational"]["complies"] is None
    with pytest.raises(SourceError, match="no reply was scored"):
        export_for_probing(
            make_store(tmp_path / "n.db", [(lost, "?")]), tmp_path / "n.jsonl"
        )
    with pytest.raises(ConfigError, match=r"jsonl, \.parquet"):
        export_for_probing(source, tmp_path / "o.csv")
    hashed = make_store(tmp_path / "h.db", ANSWERS, keep_text=False)
    assert probing(hashed, tmp_path / "h.jsonl")
    with pytest.raises(StoreError, match="hashes"):
        export_for_probing(hashed, tmp_path / "h.jsonl", text=True)
