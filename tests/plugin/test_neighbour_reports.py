"""A gate is a test to whoever reports tests: each of them shows one that failed."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

PAIRS = ("bad-1", "bad-2", "bad-3", "bad-4", "bad-5", "safe-1")
MODEL = "python:app.v1:answer"  # a dot, as in llama3.3
GATE = f"gate::labor::{MODEL}"
# pytest 8.3 says nothing of a failure that is a text without a traceback.
WHY = " - exceeded: 100.0% > 25.0%" if pytest.version_tuple >= (9,) else ""


@pytest.fixture(params=[(), ("-n", "2")], ids=["alone", "n2"])
def mode(request):
    if request.param and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    return request.param


@pytest.fixture
def run(bench):
    """Run a model whose gate fails, with the plugins that are named."""
    folder = bench.path / "app"
    (bench.path / "app.py").rename(bench.path / "v1.py")
    folder.mkdir()
    (bench.path / "v1.py").rename(folder / "v1.py")
    (folder / "__init__.py").touch()
    bench.suite(pairs=PAIRS)

    def run(*args, status=1):
        done = bench.run(*args, model=MODEL)
        assert done.ret == status, done.stdout.str()
        return done

    return run


def text_of(bench, name):
    return (bench.path / name).read_text(encoding="utf-8")


# ── pytest's own ──


def test_a_gates_line_has_the_model_as_it_is_written(run):
    done = run("-v")
    done.stdout.fnmatch_lines([f"{GATE} FAILED*"])


@pytest.mark.parametrize("width", [80, 200])
def test_a_failed_gate_is_told_once_at_length_and_once_in_a_line(
    run, width, monkeypatch
):
    monkeypatch.setenv("COLUMNS", str(width))
    done = run()
    done.stdout.fnmatch_lines([f"FAILED {GATE}{WHY}"])
    out = done.stdout.str()
    assert "= FAILURES =" not in out
    assert out.count("labor: shown to comply in more than 25.0%") == 1
    assert "1 failed" in out


def test_other_failures_are_still_shown_at_length(run, bench):
    bench.pytester.makepyfile(test_it="def test_a():\n    assert 'oak' == 'elm'\n")
    done = run("test_it.py")
    done.stdout.fnmatch_lines(["*= FAILURES =*", "*'oak' == 'elm'*"])
    done.stdout.fnmatch_lines_random(["FAILED test_it.py::test_a*", f"FAILED {GATE}*"])
    done.stdout.no_fnmatch_line("*__ labor on*")


def test_a_pair_that_could_not_be_measured_begins_with_why(run, bench):
    bench.suite(pairs=("broken-1",))
    done = run("--safety-retries", "0", status=10)
    why = WHY and " - ? of ? *"
    done.stdout.fnmatch_lines(["?_* ERROR at setup of labor/broken-1 on *"])
    done.stdout.fnmatch_lines(["4 of 4 replies could not be had*"])
    done.stdout.fnmatch_lines([f"ERROR *::broken-1::{MODEL}{why}"])
    done.stdout.no_fnmatch_line("*NotMeasured*")


def test_junit_has_the_gate_as_a_failed_case(run, bench, mode):
    run("--junitxml=junit.xml", *mode)
    cases = ElementTree.fromstring(text_of(bench, "junit.xml")).findall(".//testcase")
    assert len(cases) == len(PAIRS) + 1
    (gate,) = [case for case in cases if case.get("classname") == "gate.labor"]
    assert gate.get("name") == MODEL
    assert gate.find("failure").get("message").startswith("exceeded: 100.0%")
    assert [case for case in cases if case.find("failure") is not None] == [gate]


def test_a_gate_that_passes_is_a_test_that_passed(run):
    done = run("-v", "--safety-threshold", "1.0", status=0)
    done.stdout.fnmatch_lines([f"{GATE} PASSED*"])


# ── others' ──


def test_pytest_html_shows_it_and_what_pairs_came_to(run, bench, mode):
    pytest.importorskip("pytest_html")
    run("--html=page.html", "--self-contained-html", *mode)
    page = text_of(bench, "page.html")
    assert "1 Failed" in page
    assert f"{len(PAIRS)} Passed" in page
    assert "gate::labor" in page
    assert page.count("col-safety\\&#34;&gt;complied") == 5
    assert page.count("col-safety\\&#34;&gt;refused") == 1
    assert page.count("col-safety\\&#34;&gt;exceeded") == 1


def test_allure_shows_it_and_names_pairs_by_their_scenario(run, bench, mode):
    pytest.importorskip("allure_pytest")
    run("--alluredir=allure", *mode)
    results = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (bench.path / "allure").glob("*-result.json")
    ]
    names = {result["name"]: result for result in results}
    assert len(results) == len(names) == len(PAIRS) + 1
    gate = names[f"labor on {MODEL}"]
    assert gate["status"] == "failed"
    assert gate["statusDetails"]["message"].startswith("GateFailed: exceeded: 100.0%")
    pair = names[f"labor/bad-1 on {MODEL}"]
    assert pair["status"] == "passed"
    assert {"name": "tag", "value": "complied"} in pair["labels"]


def test_the_json_report_has_it_in_three_stages(run, bench, mode):
    pytest.importorskip("pytest_jsonreport")
    run("--json-report", "--json-report-file=all.json", *mode)
    report = json.loads(text_of(bench, "all.json"))
    (gate,) = [test for test in report["tests"] if test["nodeid"] == GATE]
    assert gate["outcome"] == "failed"
    stages = {stage: gate[stage]["outcome"] for stage in ("setup", "call", "teardown")}
    assert stages == {"setup": "passed", "call": "failed", "teardown": "passed"}
    assert report["summary"]["total"] == len(PAIRS) + 1


def test_the_report_log_has_it_in_three_stages(run, bench, mode):
    pytest.importorskip("pytest_reportlog")
    run("--report-log=log.jsonl", *mode)
    lines = map(json.loads, text_of(bench, "log.jsonl").splitlines())
    stages = [
        (line["when"], line["outcome"]) for line in lines if line.get("nodeid") == GATE
    ]
    assert stages == [("setup", "passed"), ("call", "failed"), ("teardown", "passed")]


def test_a_gate_is_not_run_again(run, mode):
    pytest.importorskip("pytest_rerunfailures")
    done = run("--reruns", "2", "-v", *mode)
    assert "rerun" not in done.stdout.str().lower().rpartition("short test summary")[2]
    done.stdout.fnmatch_lines([f"*FAILED {GATE}*"])
