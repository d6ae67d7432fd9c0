"""`domainsafety report`: the files for build systems, from any source."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from example_results import all_records, example
from junitparser import JUnitXml

from pytest_domainsafety.cli import group
from pytest_domainsafety.reporting.ci import code_quality
from pytest_domainsafety.reporting.files import Material, write_files
from pytest_domainsafety.reporting.junit import junit_xml
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.store import Store


def run(*args):
    return CliRunner().invoke(group, ["report", *map(str, args)])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "results.json"
    assert write_files({"safety-json": path}, Material(example())) == []
    return path


def test_what_a_run_writes_a_report_writes_too(saved, tmp_path):
    junit, summary, quality = (tmp_path / name for name in ("j.xml", "s.md", "q.json"))
    done = run(
        *(saved, "--junit", junit, "--markdown", summary, "--codequality", quality)
    )
    assert done.output == f"wrote {junit}\nwrote {summary}\nwrote {quality}\n"
    assert junit.read_text() == junit_xml(example())
    assert summary.read_text() == markdown_summary(example())
    assert quality.read_text() == code_quality(example())
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        *("j.xml", "q.json", "results.json", "s.md")
    ]


def test_a_store_knows_how_long_replies_took(tmp_path):
    rows = [row.model_copy(update={"latency_s": 0.5}) for row in all_records()]
    with Store(tmp_path / "store.db") as store:
        store.begin_run(rows[0].run, {})
        store.keep_records((row, str(n)) for n, row in enumerate(rows))
        told = example().model_dump(mode="json", by_alias=True)
        store.finish_run(rows[0].run, told)
    assert run(tmp_path / "store.db", "--junit", tmp_path / "j.xml").exit_code == 0
    first = next(iter(JUnitXml.fromfile(str(tmp_path / "j.xml"))))
    assert first.time == 60.0


def test_paths_start_at_the_repository(saved, tmp_path, monkeypatch):
    inner = tmp_path / "models" / "chat"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    run(saved, "--codequality", "q.json")
    (issue, *_) = json.loads((inner / "q.json").read_text())
    assert issue["location"]["path"] == "models/chat/suites/elections.safety.yaml"


def test_mistakes_are_one_sentence(saved, tmp_path):
    (tmp_path / "file").write_text("")
    done = run(saved, "--junit", tmp_path / "file" / "j.xml")
    assert "can't be written" in str(done.exception)
    done = run(saved, "--junit", tmp_path)
    assert done.exit_code == 2
    assert "is a directory" in done.output
