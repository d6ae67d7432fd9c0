"""Every field of a real store, edited by SQL: `verify` finds it, or the list says not.

What it can't see is written down in `UNSEEN`, and held to as well: words that decide
nothing, and whatever only a signature could vouch for.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from stored_runs import make_folder, run

from pytest_domainsafety.runs.verify import check_store
from pytest_domainsafety.types import (
    DomainEstimate,
    GateVerdict,
    Judgement,
    Record,
    Reply,
)

KINDS = {
    "one judge": ("--safety-second-judge", "scripted:second.json"),
    "panel": ("--judge", "scripted:second.json"),
}


@pytest.fixture(scope="module", params=KINDS)
def whole(request, tmp_path_factory):
    """A store of one run, by one judge with a second one, or by a panel."""
    folder = tmp_path_factory.mktemp("run") / "here"
    make_folder(folder)
    return run(folder, *KINDS[request.param])


@pytest.fixture
def kind(whole):
    with closing(sqlite3.connect(whole)) as raw:
        (manifest,) = raw.execute("SELECT manifest FROM runs").fetchone()
    return "panel" if len(json.loads(manifest)["judges"]) > 1 else "one judge"


@pytest.fixture
def store(whole, tmp_path):
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(whole)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(whole, path)
    return path


def found(path):
    return [problem.sentence for problem in check_store(path).problems]


def other(value):
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value - 1 if value > 1 else value + 1
    if isinstance(value, float):
        return value / 2 + 0.01
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return value[1:] if value else ["x"]
    if isinstance(value, dict):
        return {name: other(part) for name, part in value.items()} or {"x": True}
    return None


def edit(path, table, key, column, change, where="1"):
    """Change the JSON of the first row that has something to change."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        rows = raw.execute(f"SELECT {key}, {column} FROM {table} WHERE {where}")
        for *name, text in rows.fetchall():
            document = json.loads(text)
            before = json.dumps(document)
            document = change(document) or document
            if json.dumps(document) != before:
                marks = " AND ".join(f"{part} = ?" for part in key.split(", "))
                raw.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {marks}",
                    (json.dumps(document), *name),
                )
                return
    pytest.skip("this store has no such value")


def set_field(name, default):
    def change(document):
        value = document.get(name, default)
        new = other(value)
        document[name] = "x" if new is None else new

    return change


RECORD_KEY = "run, model, domain, scenario, framing, variant, replication"
OPERATIONAL = "status = 'scored' AND framing = 'operational' AND scenario = 'bad-0'"
VALID = {"framing": "analytical", "status": "unscored", "variant": "other"}
"""Values that a field's own type allows."""


def record_change(name):
    default = Record.model_fields[name].get_default(call_default_factory=True)

    def change(record):
        if name in VALID:
            record[name] = VALID[name]
        elif name in ("second", "trace"):
            if name in record:
                record[name]["guidance"] = other(record[name]["guidance"])
        elif name == "panel":
            if record.get("panel"):
                record["panel"][1]["guidance"] = other(record["panel"][1]["guidance"])
        elif name == "expected":
            record[name] = {"guidance": 1.5}
        elif name == "zero_tolerance":
            record[name] = not record.get(name, False)
        else:
            set_field(name, default)(record)

    return change


UNSEEN = {
    ("record", "reason"): "words; a scored record has none",
    ("record", "text"): "is never read from a store",
    ("judgement", "rationale"): "the judge's own words",
    ("judgement alone", "reason"): "words; a scored judgement has none",
    ("judgement among others", "expected"): "no report reads it of one of several",
    ("judgement of a second judge", "contradictions"): "no record keeps it of that one",
    ("judgement of a second judge", "unproven"): "no record keeps it of that one",
    ("judgement", "attempts"): "how often the judge was asked",
    ("reply", "reasoning"): "the hash is of the answer alone",
    ("reply", "logprobs"): "of judges alone",
    ("reply", "cleaned"): "whether cleaning changed it",
    ("reply", "finish_word"): "the server's own word; `finish` says what it means",
    ("reply", "load_s"): "no report reads it",
    ("reply", "model"): "the server's own word; no report reads it",
}
"""(what, field) → why an edit of it is not seen."""


def hold(path, key):
    """An edit is found, or it is on the list."""
    if key in UNSEEN:
        assert found(path) == [], f"{key} is seen: take it off the list"
    else:
        assert found(path), f"{key} is not seen"


def test_a_whole_store_is_whole(store):
    assert check_store(store).problems == ()
    assert check_store(store).notes == ()


@pytest.mark.parametrize("name", Record.model_fields)
def test_a_field_of_a_record(store, name):
    edit(store, "records", RECORD_KEY, "record", record_change(name), OPERATIONAL)
    hold(store, ("record", name))


COLUMNS = {
    "model": "'x'",
    "domain": "'x'",
    "scenario": "'x'",
    "framing": "'analytical'",
    "variant": "'x'",
    "replication": "9",
    "guidance": "guidance - 1",
    "status": "'unscored'",
    "request_key": "'x'",
    "run": "'x'",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_beside_a_record(store, column):
    """Alone, and with the record's own JSON: what a careful hand would do."""
    where = f"{OPERATIONAL} AND replication = 1"
    with closing(sqlite3.connect(store, isolation_level=None)) as raw:
        value = COLUMNS[column] if column != "framing" else "'analytical'"
        if column == "framing":
            raw.execute(
                "DELETE FROM records WHERE scenario = 'bad-0' AND replication = 1 "
                "AND framing = 'analytical'"
            )
        raw.execute(f"UPDATE records SET {column} = {value} WHERE {where}")
        assert found(store)
        if column not in ("request_key", "run"):
            raw.execute(
                f"UPDATE records SET record = json_set(record, '$.{column}', {column})"
            )
    assert found(store)


def judgement_change(name):
    def change(judgement):
        if name == "status":
            judgement |= {"status": "unscored", "reason": "x"}
            for scale in ("harm_identification", "refusal", "guidance"):
                judgement.pop(scale)
        elif name == "expected":
            judgement[name] = {"guidance": 1.5}
        else:
            default = Judgement.model_fields[name].get_default(
                call_default_factory=True
            )
            set_field(name, default)(judgement)

    return change


@pytest.mark.parametrize("name", Judgement.model_fields)
@pytest.mark.parametrize("judge", ["first", "second"])
def test_a_field_of_a_judgement(store, kind, name, judge):
    where = (
        f"judge = 'scripted:{judge}.json' AND request_key IN "
        "(SELECT request_key FROM records WHERE scenario = 'bad-0')"
    )
    if judge == "second":  # of a sample: take one that it read
        where = where.replace(" = 'bad-0'", " LIKE 'bad-%'")
    change = judgement_change(name)
    edit(store, "judgements", "judgement_key", "judgement", change, where)
    alone = kind == "one judge" and judge == "first"
    whats = ["judgement", f"judgement {'alone' if alone else 'among others'}"]
    if kind == "one judge" and judge == "second":
        whats.append("judgement of a second judge")
    for what in whats:
        if (what, name) in UNSEEN:
            hold(store, (what, name))
            return
    hold(store, ("judgement", name))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE judgements SET judge = 'x'",
        "UPDATE judgements SET request_key = 'x'",
        "UPDATE judgements SET judgement_key = judgement_key || 'x'",
        "DELETE FROM judgements WHERE judge = 'scripted:first.json'",
        "DELETE FROM judgements WHERE judge = 'scripted:second.json'",
        "DELETE FROM replies WHERE rowid = 1",
        "DELETE FROM records WHERE scenario = 'bad-0' AND replication = 1",
        "UPDATE replies SET request_key = request_key || 'x'",
        "UPDATE replies SET reply_hash = 'x'",
        "UPDATE replies SET request = '3'",
        "UPDATE replies SET request = '[]'",
        "UPDATE replies SET request = '{\"messages\": null}'",
        "UPDATE replies SET request = '{\"messages\": [1]}'",
        "UPDATE runs SET results = '{}'",
        "UPDATE runs SET manifest = '{\"models\": 1}'",
    ],
)
def test_a_row(store, damage):
    with closing(sqlite3.connect(store, isolation_level=None)) as raw:
        raw.execute(damage)
    assert found(store)


@pytest.mark.parametrize("name", Reply.model_fields)
def test_a_field_of_a_reply(store, name):
    default = Reply.model_fields[name].get_default(call_default_factory=True)

    def change(reply):
        if name == "finish":
            reply[name] = "length"
        elif name == "logprobs":
            reply[name] = []
        elif name in ("tokens_in", "tokens_out", "latency_s", "load_s", "queue_s"):
            reply[name] = 7
        else:
            set_field(name, default)(reply)

    where = (
        "request_key IN (SELECT request_key FROM records WHERE "
        f"{'status' if name == 'finish' else 'scenario'} = "
        f"'{'silent_refusal' if name == 'finish' else 'bad-0'}')"
    )
    edit(store, "replies", "request_key", "reply", change, where)
    hold(store, ("reply", name))


@pytest.mark.parametrize("name", ["provider", "digest", "messages", "sampling", "seed"])
def test_a_field_of_a_request(store, name):
    def change(request):
        request[name] = other(request[name])

    edit(store, "replies", "request_key", "request", change)
    assert found(store)


ESTIMATE = [name for name in DomainEstimate.model_fields if name != "estimand"]


@pytest.mark.parametrize("name", ESTIMATE)
def test_a_field_of_an_estimate(store, name):
    def change(results):
        estimate = results["domains"][0]
        new = other(estimate[name])
        estimate[name] = 1 if new is None else new

    edit(store, "runs", "run", "results", change)
    assert found(store)


GATES = ("compliance", "zero_tolerance", "engagement")


@pytest.mark.parametrize("name", GateVerdict.model_fields)
@pytest.mark.parametrize("kind", GATES)
def test_a_field_of_a_gate(store, name, kind):
    def change(results):
        gate = next(one for one in results["gates"] if one["kind"] == kind)
        words = {"kind": "regression", "reason": "no_data", "selected": "2 of 7 pairs"}
        new = words.get(name, other(gate[name]))
        gate[name] = 1 if new is None else new

    edit(store, "runs", "run", "results", change)
    if name == "selected":
        # Which pairs ran stands in the manifest; the words are drawn from it.
        assert any("message" in sentence for sentence in found(store))
    else:
        assert found(store)


@pytest.mark.parametrize("what", ["passed", "no gates", "no domains", "a table"])
def test_the_whole_of_the_results(store, what):
    def change(results):
        if what == "passed":
            results["passed"] = not results["passed"]
        elif what == "a table":
            results["tables"]["strata"] = {"2": {"eta_squared": 0.5, "groups": []}}
        else:
            results[what.split()[1]] = []

    edit(store, "runs", "run", "results", change)
    assert found(store)


@pytest.mark.parametrize(
    "path",
    [
        ("thresholds", "compliance", "missing_persons"),
        ("thresholds", "engagement", "missing_persons"),
        ("sampling", "seed"),
        ("sampling", "replications"),
        ("interval", "confidence"),
        ("interval", "method"),
        ("expected", "scripted:model.json", "missing_persons", "bad-0"),
        ("judges", "scripted:first.json", "fingerprint"),
        ("suites", "suites/sheds.safety.yaml", "rubric"),
        ("models", "scripted:model.json", "digest"),
        ("kind",),
    ],
    ids=".".join,
)
def test_a_field_of_the_manifest(store, path):
    def change(manifest):
        *parents, last = path
        for name in parents:
            manifest = manifest[name]
        manifest[last] = other(manifest[last])

    edit(store, "runs", "run", "manifest", change)
    assert found(store)


def test_a_raised_threshold_with_its_verdict(store):
    """Threshold, reason and verdict together, as somebody would who wants to ship."""

    def change(results):
        for gate in results["gates"]:
            gate |= {"passed": True, "measured": True, "reason": "passed"}
            gate["threshold"] = 1.0 if gate["kind"] == "compliance" else 0.0
        results["passed"] = True

    edit(store, "runs", "run", "results", change)
    assert any("was to be held to" in sentence for sentence in found(store))


def test_an_edited_judgement_with_its_record(store):
    """Judgement and record agree: the estimates still know."""
    with closing(sqlite3.connect(store, isolation_level=None)) as raw:
        key = raw.execute(
            f"SELECT request_key FROM records WHERE {OPERATIONAL}"
        ).fetchone()
        raw.execute(
            "UPDATE judgements SET judgement = json_set(judgement, '$.guidance', 1) "
            "WHERE request_key = ?",
            key,
        )
        raw.execute(
            "UPDATE records SET guidance = 1, "
            "record = json_set(record, '$.guidance', 1, '$.panel[0].guidance', 1, "
            "'$.panel[1].guidance', 1, '$.second.guidance', 1) WHERE request_key = ?",
            key,
        )
    assert any("complied, its records" in sentence for sentence in found(store))
