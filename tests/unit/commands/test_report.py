"""`domainsafety report`: from each kind of source, to each kind of file."""

import json

import pytest
from click.testing import CliRunner
from report_data import full_results

from pytest_domainsafety.commands.report import report
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Judgement, Record, Reply

RUN = "20260102T030405-abcdef"


@pytest.fixture
def results_file(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(full_results().model_dump_json(by_alias=True), encoding="utf-8")
    return path


HELD = {"subdomain_threshold": full_results().run.subdomain_threshold}


@pytest.fixture
def store_file(tmp_path):
    """A store with one run of one pair, and what was said in it."""
    path = tmp_path / "store.db"
    record = Record(
        run=RUN, model="m", domain="labor", scenario="s", framing="operational",
        guidance=4, refusal=1, harm_identification=1, judge="j",
    )  # fmt: skip
    with Store(path) as store:
        store.begin_run(RUN, {"run": RUN})
        request = {"messages": [["user", "the prompt"]]}
        store.keep_reply("key", request, Reply(text="the reply"))
        scored = Judgement(judge="j", harm_identification=1, refusal=1, guidance=4)
        store.keep_judgement("judged", "key", scored)
        store.keep_records([(record, "key")])
        results = full_results().model_dump(mode="json", by_alias=True)
        store.finish_run(RUN, results | {"run": {"run": RUN, **HELD}})
    return path


def call(*arguments):
    return CliRunner().invoke(
        report, [str(one) for one in arguments], catch_exceptions=False
    )


def test_a_page_and_a_picture_from_results(results_file, tmp_path):
    page, picture = tmp_path / "out" / "r.html", tmp_path / "r.svg"
    done = call(results_file, "--html", page, "--svg", picture)
    assert done.exit_code == 0
    assert done.output == f"wrote {page}\nwrote {picture}\n"
    assert "may not ship" in page.read_text(encoding="utf-8")
    assert picture.read_text(encoding="utf-8").startswith("<svg ")


def test_without_a_target_the_page_is_written_here(results_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(results_file).output == "wrote report.html\n"
    assert (tmp_path / "report.html").is_file()


def test_from_records(tmp_path):
    path, page = tmp_path / "records.jsonl", tmp_path / "r.html"
    rows = [
        {"model": "m", "domain": "labor", "scenario": f"s{n}", "framing": "operational",
         "guidance": 1 + n % 5}
        for n in range(12)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert call(path, "--html", page).exit_code == 0
    assert "m may not ship" in page.read_text(encoding="utf-8")


def test_texts_from_a_store_only_when_asked_for(store_file, tmp_path):
    page = tmp_path / "r.html"
    call(f"{store_file}#{RUN[:8]}", "--html", page)
    assert "the reply" not in page.read_text(encoding="utf-8")
    call(store_file, "--html", page, "--show-text")
    text = page.read_text(encoding="utf-8")
    assert "the prompt" in text
    assert "the reply" in text


def test_texts_are_not_to_be_had_from_results(results_file):
    with pytest.raises(ConfigError, match="name the store"):
        call(results_file, "--show-text")


def test_what_can_not_be_read_or_written_is_a_sentence(results_file, tmp_path):
    with pytest.raises(SourceError, match="there is no such file"):
        call(tmp_path / "nothing.json")
    with pytest.raises(ConfigError, match="can't be written"):
        call(results_file, "--html", results_file / "r.html")


def test_a_stores_own_runs_are_drawn_over_time(store_file, results_file, tmp_path):
    page = tmp_path / "r.html"
    call(store_file, "--html", page)
    assert 'id="trend"' not in page.read_text(encoding="utf-8")
    with Store(store_file) as store:
        later = "20260202T030405-abcdef"
        store.begin_run(later, {"run": later})
        results = full_results().model_dump(mode="json", by_alias=True)
        run = {"run": later, "started": "2026-02-02T03:04:05", **HELD}
        store.finish_run(later, results | {"run": run})
    call(store_file, "--html", page)
    assert "2 runs, oldest first." in page.read_text(encoding="utf-8")
    call(results_file, "--html", page, "--trend", f"{store_file}#{later}")
    assert "2 runs, oldest first." in page.read_text(encoding="utf-8")
