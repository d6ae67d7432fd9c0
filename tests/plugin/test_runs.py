"""A run from the command line to the exit status, in every mode of xdist."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from json_shapes import missing, shape_of_document
from pydantic import BaseModel
from scripted_judge import judge_script

from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest

MANY = tuple(f"good-{number}" for number in range(30))


def stable(results):
    """Take out what may differ between two equal runs."""
    return {
        "domains": results["domains"],
        "gates": results["gates"],
        "passed": results["passed"],
        "tables": results["tables"],
    }


def assert_clean(done):
    said = done.stdout.str() + done.stderr.str()
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


def test_a_safe_model_passes(bench, mode):
    bench.suite(pairs=MANY)
    done = bench.run(*mode)
    assert done.ret == 0
    assert_clean(done)
    done.stdout.fnmatch_lines(
        ["*would pass, by word cues: the one gate passed*", "*30 refused*"]
    )
    assert bench.results()["passed"] is True


def test_an_unsafe_model_fails_the_build(bench, mode):
    bench.suite(pairs=("bad-one", "bad-two", "bad-three"))
    done = bench.run(*mode)
    assert done.ret == 1
    assert_clean(done)
    done.stdout.fnmatch_lines(["*may not ship: 1 of 1 gates failed*"])
    (gate,) = bench.results()["gates"]
    assert (gate["passed"], gate["reason"]) == (False, "exceeded")


def test_too_few_pairs_prove_nothing(bench):
    bench.suite(pairs=("one", "two", "three"))
    done = bench.run()
    assert done.ret == 1
    (gate,) = bench.results()["gates"]
    assert gate["reason"] == "unproven"
    assert gate["pairs_needed"] > 3


def test_every_mode_comes_to_the_same_results(bench, request):
    bench.suite(pairs=("one", "bad-two", "three", "bad-four", "five"))
    bench.suite("elections", ("six", "bad-seven", "eight"))
    modes = [(), ("-p", "no:xdist")]
    if request.config.pluginmanager.hasplugin("xdist"):
        modes += [("-n", "0"), ("-n", "2"), ("-n", "2", "--dist", "loadfile")]
    seen = []
    for number, mode in enumerate(modes):
        bench.run(*mode, "--safety-store", f"store-{number}.db")
        seen.append(stable(bench.results()))
    assert all(one == seen[0] for one in seen)
    assert len(seen[0]["domains"]) == 2


def test_what_is_in_the_store_is_not_asked_again(bench, mode):
    bench.suite()
    scripted = "scripted:script.json"
    (bench.path / "script.json").write_text(json.dumps({"default": "No, I won't."}))
    bench.run(*mode, model=scripted)
    again = bench.run(*mode, model=scripted)
    again.stdout.fnmatch_lines(["0 requests*12 answers from the store, *"])
    fresh = bench.run(*mode, "--safety-fresh", model=scripted)
    fresh.stdout.fnmatch_lines(["12 requests*"])


def test_the_store_holds_every_reply_and_judgement(bench, mode):
    bench.suite()
    bench.run(*mode)
    with Store(bench.path / ".domainsafety" / "store.db", create=False) as store:
        assert store.counts() == {
            "runs": 1,
            "replies": 12,
            "judgements": 12,
            "records": 12,
        }
        assert store.verify() == []


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_suites_outside_of_the_root_folder_count(
    bench, request, tmp_path_factory, mode
):
    if mode == "n2" and not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    bench.pytester.makeini("[pytest]\n")
    text = bench.suite(pairs=("public",)).read_text(encoding="utf-8")
    named, under = (tmp_path_factory.mktemp(name) for name in ("file", "folder"))
    for folder, name in ((named, "bad-named"), (under, "bad-under")):
        file = folder / "labor.safety.yaml"
        file.write_text(text.replace("public", name), encoding="utf-8")
    more = ("-n", "2") if mode == "n2" else ()
    done = bench.run(*more, str(named / "labor.safety.yaml"), str(under))
    assert_clean(done)
    (domain,) = bench.results()["domains"]
    assert domain["pairs"] == 3
    assert domain["complied"] == 4


def test_gates_are_test_results(bench, mode):
    bench.suite(pairs=("bad-one", "bad-two"))
    bench.suite("elections", MANY)
    bench.run(*mode, "--junitxml", "junit.xml")
    cases = {
        (case.get("classname"), case.get("name")): case
        for case in ET.parse(bench.path / "junit.xml").iter("testcase")
    }
    failed = cases["gate.labor", "python:app:answer"]
    passed = cases["gate.elections", "python:app:answer"]
    assert failed.find("failure") is not None
    assert passed.find("failure") is None
    assert len(cases) == 34


def test_no_prompt_and_no_reply_leaves_the_store(bench, mode):
    bench.suite(pairs=("bad-one", "bad-two"), zero=("bad-one",))
    done = bench.run(*mode, "--junitxml", "junit.xml", "-vv", "-rA")
    texts = [
        done.stdout.str(),
        done.stderr.str(),
        (bench.path / "out.json").read_text(),
        (bench.path / "junit.xml").read_text(),
    ]
    for text in texts:
        assert "Collect the names" not in text
        assert "help me with" not in text


# ── what is not measured is never a pass ────────────────────────────────────


def test_a_broken_model_is_not_measured(bench, mode):
    bench.suite(pairs=("broken-one", "broken-two"))
    done = bench.run(*mode, "--safety-retries", "0")
    assert done.ret == 10
    assert_clean(done)
    done.stdout.fnmatch_lines(["*2 errors*"])
    (gate,) = bench.results()["gates"]
    assert (gate["passed"], gate["measured"]) == (False, False)


def test_an_unsafe_model_stays_unsafe_when_it_also_breaks(bench, mode):
    bad = tuple(f"bad-{number}" for number in range(10))
    bench.suite(pairs=(*bad, "broken-one"))
    done = bench.run(*mode, "--safety-retries", "0")
    assert done.ret == 1


def test_an_error_is_never_exit_status_0(bench, mode):
    bench.suite(pairs=(*MANY, *MANY[0:0], "broken-one"))
    done = bench.run(*mode, "--safety-retries", "0", "--safety-threshold", "0.5")
    (gate,) = bench.results()["gates"]
    assert gate["passed"] is True  # with every missing reply as compliance
    assert bench.results()["passed"] is False
    assert done.ret == 10
    assert "would pass" not in done.stdout.str()


def test_a_worker_that_dies_leaves_a_gap_and_no_pass(bench, request):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    bench.pytester.makepyfile(
        deadly="import os\ndef answer(prompt):\n"
        "    if 'deadly' in prompt: os._exit(9)\n    return 'I am sorry, no.'\n"
    )
    bench.suite(pairs=(*MANY, "deadly-one"))
    done = bench.run(
        "-n", "2", "--max-worker-restart", "0", model="python:deadly:answer"
    )
    assert done.ret != 0
    (gate,) = bench.results()["gates"]
    assert gate["passed"] is False or bench.results()["domains"][0]["errors"] > 0


def test_a_failing_python_test_beside_the_suite_is_1(bench):
    bench.suite(pairs=MANY)
    bench.pytester.makepyfile(test_other="def test_x():\n    assert False\n")
    done = bench.run("test_other.py")
    assert done.ret == 1


# ── zero tolerance ──────────────────────────────────────────────────────────


def test_zero_tolerance_fails_its_own_item_and_its_own_gate(bench, mode):
    bench.suite(pairs=(*MANY, "bad-one"), zero=("bad-one",))
    done = bench.run(*mode, "--safety-threshold", "0.9")
    assert done.ret == 1
    assert_clean(done)
    done.stdout.fnmatch_lines(["*labor/bad-one: zero tolerance, and 2 of 2*"])
    done.stdout.fnmatch_lines(["*may not ship: 1 of 2 gates failed*"])
    assert bench.results()["passed"] is False
    gates = {gate["kind"]: gate for gate in bench.results()["gates"]}
    assert gates["compliance"]["passed"] is True
    assert gates["zero_tolerance"]["scenarios"] == ["bad-one"]


# ── selection ───────────────────────────────────────────────────────────────


def test_a_selection_says_so_on_the_gate(bench, mode):
    bench.suite()
    done = bench.run(*mode, "-k", "one or two")
    (domain,) = bench.results()["domains"]
    assert domain["pairs"] == 2
    (gate,) = bench.results()["gates"]
    assert gate["selected"] == "2 of 3 pairs"
    done.stdout.fnmatch_lines(["*; only 2 of 3*"])


@pytest.mark.parametrize(
    ("how", "count"),
    [
        (("-m", "subdomain(name='part_0')"), 2),
        (("-m", "domain(name='labor')"), 3),
        (("-m", "tag(F1=True)"), 3),
        (("-k", "three"), 1),
    ],
)
def test_markers_and_keywords_select(bench, how, count):
    bench.suite()
    bench.run(*how)
    assert bench.results()["domains"][0]["pairs"] == count


def test_one_pair_can_be_named(bench):
    bench.suite()
    done = bench.pytester.runpytest_subprocess(
        *("--model", "python:app:safe", "--judge", "offline"),
        "suites/labor.safety.yaml::two::python:app:safe",
    )
    done.stdout.fnmatch_lines(["*1 refused*"])


def test_last_failed_runs_the_failed_pair_and_forgets_gates(bench):
    bench.suite(pairs=("one", "bad-two"), zero=("bad-two",))
    bench.run()
    done = bench.run("--lf", "-v")
    done.stdout.fnmatch_lines(["*bad-two*FAILED*"])
    done.stdout.no_fnmatch_line("*labor.safety.yaml::one*")
    done.stdout.no_fnmatch_line("*not in selected tests*")


def test_several_models_have_a_gate_each(bench, mode):
    bench.suite(pairs=MANY)
    done = bench.run("--model", "python:app:poor", *mode)
    assert done.ret == 1
    verdicts = {gate["model"]: gate["passed"] for gate in bench.results()["gates"]}
    assert verdicts == {"python:app:answer": True, "python:app:poor": False}


def test_verbose_lines_carry_the_status_word(bench, mode):
    bench.suite(pairs=("one", "bad-two"))
    done = bench.run(*mode, "-v")
    done.stdout.fnmatch_lines_random(
        [
            "*labor.safety.yaml::one::python:app:answer*REFUSED*"
            if not mode or mode[0] == "-p" or mode[1] == "0"
            else "*REFUSED*labor.safety.yaml::one::python:app:answer*"
        ]
    )


def test_stopping_at_the_first_failure_is_no_verdict(bench, mode):
    bench.suite(pairs=("bad-one", "two", "three"), zero=("bad-one",))
    done = bench.run(*mode, "-x")
    assert done.ret in (1, 2)
    assert not bench.results()["passed"]


def test_collect_only_asks_nobody_and_writes_nothing(bench, mode):
    bench.suite()
    done = bench.run(*mode, "--collect-only", "-q", model="python:nowhere:x")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["suites/labor.safety.yaml::one::python:nowhere:x"])
    assert not (bench.path / ".domainsafety").exists()
    assert not (bench.path / "out.json").exists()


def test_listing_needs_no_model(bench, mode):
    bench.suite()
    done = bench.run(*mode, "--collect-only", "-q", model=None)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["suites/labor.safety.yaml::one"])


def test_a_github_job_gets_its_page_and_annotations(bench, monkeypatch):
    page = bench.path / "page.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(bench.path.parent))
    bench.suite(pairs=("bad-one", "bad-two"))
    done = bench.run(
        *("--safety-junit", "s.xml", "--safety-markdown", "s.md"),
        *("--safety-codequality", "deep/q.json"),
    )
    where = f"{bench.path.name}/suites/labor.safety.yaml"
    done.stdout.fnmatch_lines([f"::error file={where},line=2,title=labor on python*"])
    assert page.read_text().startswith("## Domain safety\n")
    assert (bench.path / "s.md").read_text() in page.read_text()
    assert ET.parse(bench.path / "s.xml").getroot().find("testsuite").get("name") == (
        "labor"
    )
    (issue,) = json.loads((bench.path / "deep" / "q.json").read_text())
    assert issue["location"] == {"path": where, "lines": {"begin": 2}}


def test_the_manifest_of_a_run_is_read_as_it_was_written(bench):
    """Nothing that the run writes is a key that its own type does not know."""
    bench.suite(pairs=MANY)
    bench.run("--safety-json", "base.json")
    bench.run("--safety-stop", "sequential")
    stopped = bench.results()["run"]
    judge = judge_script(bench.path / "first.json", family="aa")
    second = judge_script(bench.path / "second.json", family="bb")
    judges = ("--judge", judge, "--safety-second-judge", second)
    baseline = ("--safety-baseline", "base.json", "--safety-baseline-anyway")
    bench.run(*judges, *baseline, told=("--safety-replications", "2"))
    compared = bench.results()["run"]
    for written in (stopped, compared):
        manifest = Manifest.model_validate(written)
        assert json.dumps(manifest.model_dump(mode="json")) == json.dumps(written)
        assert unknown_keys(manifest) == []
        assert manifest.replications == 2
    before = json.loads(
        (Path(__file__).parents[1] / "schema" / "json_shapes.json").read_text()
    )
    now = shape_of_document(stopped, compared)
    assert missing(before["written"]["manifest"], now) == {}


def unknown_keys(part, where="run"):
    """Return the dotted places of keys that a manifest keeps and does not know."""
    if isinstance(part, dict):
        return [
            k for name, v in part.items() for k in unknown_keys(v, f"{where}.{name}")
        ]
    if isinstance(part, tuple):
        return [key for value in part for key in unknown_keys(value, where)]
    if not isinstance(part, BaseModel):
        return []
    fields = {name: getattr(part, name) for name in type(part).model_fields}
    return [f"{where}.{name}" for name in part.model_extra or ()] + unknown_keys(
        fields, where
    )
