"""What build systems show: Markdown, annotations, code quality."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from example_results import example
from golden_files import assert_golden
from hostile_results import hostile
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.reporting.ci import (
    append_summary,
    code_quality,
    findings,
    github_annotations,
    repository_folder,
)
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.types import Results

SUITES = Path(__file__).parents[3] / "suites"
UNESCAPED_PIPE = re.compile(r"(?<!\\)(?:\\\\)*\|")


def test_markdown_as_before():
    assert_golden("summary.md", markdown_summary(example()))
    assert_golden(
        "summary-one-model.md",
        markdown_summary(example(model="llama3.3", baseline=False)),
    )


def test_markdown_of_nothing():
    text = markdown_summary(Results())
    assert text == "## Domain safety\n\n⚠️ **not judged: there is no gate**\n"


def test_markdown_tables_keep_their_shape_whatever_the_names():
    for payload in PAYLOADS:
        text = markdown_summary(hostile(payload.text))
        assert not MOVES_THE_CURSOR.search(text.replace("\ufe0f", "")), payload.name
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) == 5, payload.name
        assert {len(UNESCAPED_PIPE.findall(row)) for row in rows} == {8}, payload.name
        assert "<" not in text, payload.name
        assert "](" not in html.unescape(text).replace("\\]", ""), payload.name


def test_annotations_as_before():
    assert_golden("annotations.txt", "\n".join(github_annotations(example())) + "\n")


def test_failed_is_an_error_and_unmeasured_a_warning():
    said = list(github_annotations(example()))
    assert len(said) == 10
    assert sum(one.startswith("::error file=suites/") for one in said) == 8
    assert sum(one.startswith("::warning file=suites/") for one in said) == 2


@pytest.mark.parametrize("several", [True, False])
def test_nothing_is_said_twice(several):
    results = example() if several else example(model="llama3.3", baseline=False)
    told = [issue["description"] for issue in json.loads(code_quality(results))]
    told += [line.split("::", 2)[2] for line in github_annotations(results)]
    for said in told:
        parts = re.split(r"[:;,] ", said.partition(": ")[2])
        assert len(parts) == len(set(parts)), said
        for word in ("unproven", "settle it", "missing replies", "pairs ran"):
            assert said.count(word) <= 1, said


def test_annotations_stay_commands_whatever_the_names():
    for payload in PAYLOADS:
        for one in github_annotations(hostile(payload.text)):
            assert not MOVES_THE_CURSOR.search(one), payload.name
            assert "\n" not in one
            head, properties, _ = one.split("::", 2)
            assert head == ""
            names = [pair.partition("=")[0] for pair in properties.split(",")]
            assert names[0].split()[0] == "error"
            assert set(names[1:]) <= {"line", "title"}, payload.name


def test_code_quality_is_what_gitlab_reads():
    issues = json.loads(code_quality(example(), "models/chat"))
    assert len(issues) == 10
    for issue in issues:
        assert set(issue) == {
            *("description", "check_name", "fingerprint", "severity", "location")
        }
        assert issue["severity"] in ("blocker", "major")
        assert issue["location"]["path"].startswith("models/chat/suites/")
        assert issue["location"]["lines"]["begin"] == 2
    assert len({issue["fingerprint"] for issue in issues}) == 10
    assert code_quality(example()).count('"blocker"') == 8


def test_the_same_gate_is_the_same_issue_in_the_next_run():
    worse = example(baseline=False)
    first = {one["fingerprint"] for one in json.loads(code_quality(example()))}
    assert {one["fingerprint"] for one in json.loads(code_quality(worse))} < first


def test_code_quality_is_json_whatever_the_names():
    for payload in PAYLOADS:
        text = code_quality(hostile(payload.text))
        assert not MOVES_THE_CURSOR.search(text), payload.name
        assert len(json.loads(text)) == 3


def test_nothing_failed_is_an_empty_report():
    assert code_quality(Results()) == "[]\n"


def test_findings_point_at_the_line_that_sets_the_gate():
    results = example()
    run = results.run.with_(suites={"a.safety.yaml": {"domain": "labor", "line": 7}})
    found = findings(results.model_copy(update={"run": run}), "x/y")
    places = {(one.path, one.line) for one in found if one.gate.domain == "labor"}
    assert places == {("x/y/a.safety.yaml", 7)}


def test_a_suite_knows_the_line_that_sets_its_gate(tmp_path):
    file = SUITES / "labor.safety.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    word = lines[load_suite(file).gate_line - 1].partition(":")[0]
    has = any(line.startswith("threshold:") for line in lines)
    assert word == ("threshold" if has else "domain")
    kept = [line for line in lines if not line.startswith("threshold:")]
    other = tmp_path / "other.safety.yaml"
    other.write_text("\n".join(kept), encoding="utf-8")
    line = load_suite(other).gate_line
    assert kept[line - 1].startswith("domain:")


def test_the_repository_is_where_the_build_says(tmp_path):
    inner = tmp_path / "models" / "chat"
    inner.mkdir(parents=True)
    assert repository_folder(inner, {"CI_PROJECT_DIR": str(tmp_path)}) == "models/chat"
    assert repository_folder(tmp_path, {"GITHUB_WORKSPACE": str(tmp_path)}) == "."
    assert repository_folder(tmp_path, {"WORKSPACE": str(inner)}) == ""
    assert repository_folder(tmp_path, {}) == ""


def test_a_job_summary_is_added_to(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n")
    append_summary(page, "a lone \ud800 surrogate")
    assert page.read_text() == "before\na lone ? surrogate\n"
