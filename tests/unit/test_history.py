"""Compliance over runs, from stores and results files."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from example_results import example
from hostile_results import hostile
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.reporting.files import FORMATS
from pytest_domainsafety.runs.trend import trend
from pytest_domainsafety.session.outputs import write_outputs
from pytest_domainsafety.store import Store


def at(started, run, model="llama3.3"):
    results = example(model=model, baseline=False)
    told = results.run.with_(run=run, started=started)
    return results.model_copy(update={"run": told})


def dump(results):
    return results.model_dump(mode="json", by_alias=True)


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.db"
    with Store(path) as store:
        for started, run in (("2026-02-01T00:00:00", "b"), ("2026-01-01", "a")):
            store.begin_run(run, {})
            store.finish_run(run, dump(at(started, run)))
        store.begin_run("broken-off", {})
    return path


def run(*args):
    return CliRunner().invoke(group, ["trend", *map(str, args)])


def test_finished_runs_oldest_first(store):
    points = trend([store])
    assert [point.run for point in points] == ["a"] * 3 + ["b"] * 3
    labor = points[1]
    assert (labor.domain, labor.rate, labor.passed) == ("labor", 0.7, False)
    elections = points[0]
    assert (elections.domain, elections.passed) == ("elections", False), (
        "its compliance gate passed, and its engagement gate did not"
    )
    assert labor.digest == "sha256:" + "1" * 64
    assert labor.low < 0.7 < labor.high


def test_stores_and_results_files_together_and_nothing_twice(store, tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(dump(at("2026-03-01", "c", "tiny"))))
    again = tmp_path / "again.json"
    again.write_text(json.dumps(dump(at("2026-01-01", "a"))))
    points = trend([store, path, again])
    assert [point.run for point in points] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_the_table(store):
    done = run(store)
    lines = done.output.splitlines()
    assert lines[0].split() == [
        *("started", "model", "digest", "elections", "labor", "trafficking")
    ]
    assert lines[1].split() == [
        # Of elections the engagement gate did not pass.
        *("2026-01-01", "llama3.3", "1" * 12, "0.0%!", "70.0%!", "15.0%!")
    ]
    assert len(lines) == 3


def test_as_json(store, tmp_path):
    out = tmp_path / "trend.json"
    assert run(store, "--json", out, "--model", "llama3.3").exit_code == 0
    told = json.loads(out.read_text())
    assert told["schema"] == 1
    assert len(told["points"]) == 6
    assert told["points"][0]["run"] == "a"


def test_mistakes_are_one_sentence(store, tmp_path):
    records = tmp_path / "records.jsonl"
    records.write_text('{"model": "m"}\n')
    with pytest.raises(SourceError, match="records know no date"):
        trend([records])
    with pytest.raises(SourceError, match="there is no such file"):
        trend([tmp_path / "nope.db"])
    assert "no finished run of x" in str(run(store, "--model", "x").exception)
    with Store(tmp_path / "old.db") as old:
        old.begin_run("r", {})
        old.finish_run("r", {"schema": 99})
    with pytest.raises(SourceError, match="this version does not know"):
        trend([tmp_path / "old.db"])


def test_hostile_names_move_no_cursor(tmp_path):
    path = tmp_path / "store.db"
    with Store(path) as store:
        for number, payload in enumerate(PAYLOADS):
            if len(payload.text) < 10_000:
                name = payload.text.encode("utf-16", "surrogatepass")
                results = hostile(name.decode("utf-16", "replace"))
                store.begin_run(str(number), {})
                store.finish_run(str(number), dump(results))
    done = run(path, "--json", tmp_path / "out.json")
    assert done.exit_code == 0
    assert not MOVES_THE_CURSOR.search(done.output)
    assert not MOVES_THE_CURSOR.search((tmp_path / "out.json").read_text())


def test_a_runs_page_shows_the_runs_before_it(store, tmp_path, monkeypatch):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    page = tmp_path / "page.html"
    written = dict.fromkeys(form.field for form in FORMATS) | {"html": page}
    config = SimpleNamespace(store=store, show_text=False, **written)
    assert write_outputs(config, tmp_path, at("2026-02-01", "b"), ()) == []
    assert 'id="trend"' in page.read_text(encoding="utf-8")
    store.write_bytes(b"no store any more")
    assert write_outputs(config, tmp_path, at("2026-02-01", "b"), ()) == []
    assert 'id="trend"' not in page.read_text(encoding="utf-8")
