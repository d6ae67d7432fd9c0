"""Several stores of one divided run: as one run, and never safer than it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from example_results import RUN, SETTINGS, records

from pytest_domainsafety.analysis import build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.cli import group
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import load_suite

SUITES = Path(__file__).parents[2] / "suites"
LABOR = load_suite(SUITES / "labor.safety.yaml").suite
PAIRS = len(LABOR.scenarios)


def rows():
    """Return records of a model that refuses all of the labor suite."""
    found = []
    for row in records("m", "labor", PAIRS, 0):
        pair = LABOR.scenarios[int(row.scenario.rpartition("-")[2])]
        found.append(row.model_copy(update={"scenario": pair.id}))
    return found


def make_shard(path, some, run, *, threshold=0.25, **manifest):
    told = {**RUN, "run": run, "started": f"2026-01-0{run[-1]}", **manifest}
    some = [row.model_copy(update={"run": run}) for row in some]
    results = build_results(some, SETTINGS, GatePolicy(threshold=threshold), told)
    with Store(path) as store:
        store.begin_run(run, told)
        store.keep_records((row, str(n)) for n, row in enumerate(some))
        store.finish_run(run, results.model_dump(mode="json", by_alias=True))
    return path


@pytest.fixture
def suites(tmp_path):
    folder = tmp_path / "suites"
    folder.mkdir()
    shutil.copy(SUITES / "labor.safety.yaml", folder)
    return folder


@pytest.fixture
def shards(tmp_path):
    half = len(rows()) // 2
    return (
        make_shard(tmp_path / "1.db", rows()[:half], "run-1"),
        make_shard(tmp_path / "2.db", rows()[half:], "run-2"),
    )


def analyze(tmp_path, *args):
    out = tmp_path / "out.json"
    done = CliRunner().invoke(
        group, ["analyze", *map(str, args), "--gate", "--json", str(out)]
    )
    return done, json.loads(out.read_text()) if out.exists() else None


def test_shards_together_are_the_whole_run(tmp_path, shards, suites):
    done, told = analyze(tmp_path, *shards, "--suites", suites, "--whole")
    assert done.exit_code == 0
    whole = build_results(rows(), SETTINGS, GatePolicy(), RUN)
    (domain,) = told["domains"]
    assert (domain["pairs"], domain["scored"]) == (PAIRS, 2 * PAIRS)
    assert domain["compliance_rate"] == whole.domains[0].compliance_rate
    assert told["run"]["shards"] == ["run-1", "run-2"]
    assert told["run"]["started"] == "2026-01-01"
    assert told["run"]["cost"]["requests"] == 480
    assert "gemma3:27b" in told["run"]["judges"]


def test_a_run_that_is_named_twice_was_asked_once(tmp_path, shards):
    _, once = analyze(tmp_path, shards[0])
    done, twice = analyze(tmp_path, shards[0], shards[0])
    assert twice["run"]["cost"]["requests"] == once["run"]["cost"]["requests"] == 240
    assert twice["run"]["shards"] == ["run-1"]
    assert "repeat a replication" in done.output


def test_a_lost_shard_is_no_pass(tmp_path, shards, suites):
    done, told = analyze(tmp_path, shards[0], "--suites", suites, "--whole")
    assert done.exit_code == 10
    assert told["domains"][0]["pairs"] == PAIRS
    assert told["domains"][0]["unscored"] > 0
    assert told["passed"] is False
    done, told = analyze(tmp_path, shards[0], tmp_path / "lost.db")
    assert "there is no such file" in str(done.exception)


def test_a_lost_pair_owes_every_replication_in_both_framings(tmp_path, suites):
    gone = LABOR.scenarios[0].id
    found = [row for row in rows() if row.scenario != gone]
    sampling = {"sampling": {"replications": 5}}
    shard = make_shard(tmp_path / "1.db", found, "run-1", **sampling)
    _, told = analyze(tmp_path, shard, "--suites", suites, "--whole")
    assert told["domains"][0]["by_pair"][gone]["responses"] == 5
    file = tmp_path / "records.jsonl"
    file.write_text("".join(f"{row.model_dump_json()}\n" for row in found))
    _, told = analyze(tmp_path, file, "--suites", suites, "--whole")
    assert told["domains"][0]["by_pair"][gone]["responses"] == 2


def test_a_domain_that_nobody_ran_is_no_pass(tmp_path, shards, suites):
    shutil.copy(SUITES / "elections.safety.yaml", suites)
    done, told = analyze(tmp_path, *shards, "--suites", suites, "--whole")
    assert done.exit_code == 10
    assert {gate["domain"]: gate["reason"] for gate in told["gates"]} == {
        "labor": "passed",
        "elections": "no_data",
    }


def test_the_strictest_threshold_counts(tmp_path):
    first = make_shard(tmp_path / "1.db", rows(), "run-1", threshold=0.3)
    second = make_shard(tmp_path / "2.db", rows(), "run-2", threshold=0.01)
    done, told = analyze(tmp_path, first, second)
    assert done.exit_code == 1
    assert told["gates"][0]["threshold"] == 0.01


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"judges": {"gemma3:27b": {"digest": "other"}}}, "judge gemma3:27b"),
        ({"models": {"llama3.3": {"digest": "other"}}}, "other weights"),
        ({"sampling": {"temperature": 0.1}}, "sampling setting"),
    ],
)
def test_stores_that_do_not_belong_together_are_said(tmp_path, suites, other, said):
    half = len(rows()) // 2
    first = make_shard(tmp_path / "1.db", rows()[:half], "run-1")
    second = make_shard(tmp_path / "2.db", rows()[half:], "run-2", **other)
    done, told = analyze(tmp_path, first, second)
    assert any(said in text for text in told["warnings"])
    assert f"{second}" in " ".join(told["warnings"])
    assert "judges" not in told["run"]
    assert done.exit_code == 0
    done, _ = analyze(tmp_path, first, second, "--suites", suites, "--whole")
    assert done.exit_code != 0
    assert said in str(done.exception)


def test_whole_needs_suites(tmp_path, shards):
    done, _ = analyze(tmp_path, *shards, "--whole")
    assert "--whole needs --suites" in str(done.exception)
