"""`domainsafety verify`: a store against what its runs set out to have."""

import json
import sqlite3

import pytest
from click.testing import CliRunner

from pytest_domainsafety import __version__
from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.commands.verify import verify
from pytest_domainsafety.engine.plan import judgement_key, row_key, seed_from
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import Judgement, Record, Reply

MANIFEST = {
    "judges": {"j": {"fingerprint": "f"}},
    "suites": {"labor.safety.yaml": {"domain": "labor", "rubric": "rubric"}},
    "sampling": {"replications": 2, "seed": 42},
    "interval": {"resamples": 200},
    "expected": {"m": {"labor": {"s1": [], "s2": ["plain"]}}},
    "versions": {"pytest-domainsafety": __version__},
}
PLACES = [
    *(("s1", framing, "base") for framing in ("analytical", "operational")),
    *(("s2", framing, "base") for framing in ("analytical", "operational")),
    ("s2", "operational", "plain"),
]
SCORES = {"harm_identification": 1, "refusal": 1, "guidance": 4}


def keep(store, run, domain, place, replication):
    """Keep one interaction as a run does, with all that is behind it."""
    scenario, framing, variant = place
    seed = seed_from(42, domain, scenario, framing, variant, replication, 1, 1)
    prompt = " ".join(place)
    request = {
        "model": "m",
        "provider": "p",
        "digest": "d",
        "sampling": {},
        "seed": seed,
        "messages": [["user", prompt]],
    }
    key = row_key(request, replication)
    reply = Reply(text=f"{prompt} {replication}")
    store.keep_reply(key, request, reply)
    judged = Judgement(judge="j", **SCORES)
    store.keep_judgement(judgement_key([key], "f", "rubric"), key, judged)
    row = Record(
        run=run,
        model="m",
        domain=domain,
        scenario=scenario,
        framing=framing,
        variant=variant,
        replication=replication,
        judge="j",
        prompt_hash=fingerprint("prompt", [prompt]),
        reply_hash=reply.hash(),
        seed=seed,
        latency_s=0.0,
        **SCORES,
    )
    store.keep_records([(row, key)])
    return row


def fill(store, run, places, *, finished=True, domain="labor"):
    text = json.dumps(MANIFEST).replace("labor", domain)
    manifest = json.loads(text)
    store.begin_run(run, manifest)
    rows = [
        keep(store, run, domain, place, replication)
        for place in places
        for replication in (1, 2)
    ]
    if finished:
        settings = AnalysisSettings(resamples=200)
        results = build_results(rows, settings, GatePolicy(), manifest)
        store.finish_run(run, results.model_dump(mode="json", by_alias=True))


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


def test_a_word_in_a_name_decides_nothing(path):
    """What is missing is a note; what is wrong in `missing_persons` stays wrong."""
    with Store(path) as store:
        fill(store, "r", PLACES[:2], finished=False, domain="missing_persons")
    done = look(path)
    assert done.exit_code == 0
    assert "note: run r: 6 of 10 interactions are missing" in done.output
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE records SET guidance = 1")
    raw.close()
    done = look(path)
    assert done.exit_code == 1
    assert "wrong: run r: 4 records whose column guidance says otherwise" in done.output


DAMAGE = {
    "UPDATE replies SET reply = '{}'": "does not match its hash",
    "UPDATE replies SET reply = '{\"text\"'": "does not match its hash",
    "DELETE FROM replies WHERE rowid = 1": "its reply is missing",
    "DELETE FROM judgements WHERE rowid < 3": "2 records scored and without a judge",
    "DELETE FROM records WHERE scenario = 's1'": "say 4 scored, its records 2",
    "UPDATE records SET guidance = 1": "10 records whose column guidance",
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
