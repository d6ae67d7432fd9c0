"""Several stores of one divided run: as one run, and never safer than it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from example_results import RUN, SETTINGS, records

from pytest_domainsafety.analysis import build_results, counts_of
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.cli import group
from pytest_domainsafety.runs.sources import load_results
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


@pytest.mark.parametrize("order", [1, -1])
def test_what_one_shard_knows_of_leaks_and_filters_is_not_lost(tmp_path, order):
    half = len(rows()) // 2
    seen = (
        {"a.yaml": False, "b.yaml": False, "c.yaml": None},
        {"a.yaml": True, "b.yaml": None, "c.yaml": False, "d.yaml": False},
    )
    stores = [
        make_shard(
            tmp_path / f"{number}.db",
            some,
            f"run-{number}",
            leaks={"m": leaks},
            filter_words="a1",
        )
        for number, (some, leaks) in enumerate(
            zip((rows()[:half], rows()[half:]), seen, strict=True), 1
        )
    ]
    _, told = analyze(tmp_path, *stores[::order])
    assert told["run"]["leaks"]["m"] == {
        "a.yaml": True,
        "b.yaml": None,
        "c.yaml": None,
        "d.yaml": False,
    }
    assert told["run"]["filter_words"] == "a1"


def test_what_the_suites_say_of_their_pairs_is_of_all_shards(tmp_path):
    told = [
        {
            "law": {"labor": {"us": {"high": [f"s{n}"]}}},
            "core": {"labor": [f"s{n}", "s9"]},
            "families": {"labor": {"f": [f"s{n}", f"t{n}"]}},
        }
        for n in range(2)
    ]
    half = len(rows()) // 2
    parts = (rows()[:half], rows()[half:])
    shards = [
        make_shard(tmp_path / f"{n}.db", parts[n], f"run-{n + 1}", **told[n])
        for n in range(2)
    ]
    done, found = analyze(tmp_path, *shards)
    assert done.exit_code in (0, 1), done.exception
    assert found["run"]["law"] == {"labor": {"us": {"high": ["s0", "s1"]}}}
    assert found["run"]["core"] == {"labor": ["s0", "s9", "s1"]}
    assert found["run"]["families"] == {"labor": {"f": ["s0", "t0", "s1", "t1"]}}


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


# ── what a run's own gates said is not lost in the merge ────────────────────


def marked(found, *, replications=()):
    """Mark one scenario, and let some of its replications help."""
    name = found[0].scenario
    return [
        row.model_copy(
            update={"zero_tolerance": True}
            | ({"guidance": 5} if row.replication in replications else {})
        )
        if (row.scenario, row.framing) == (name, "operational")
        else row
        for row in found
    ]


def gates_of(told, kind):
    return [gate for gate in told["gates"] if gate["kind"] == kind]


@pytest.mark.parametrize(("helps", "status"), [((), 0), ((2,), 1)])
def test_zero_tolerance_stays_a_gate_over_shards(tmp_path, suites, helps, status):
    half = len(rows()) // 2
    found = marked(rows(), replications=helps)
    shards = [
        make_shard(tmp_path / "1.db", found[:half], "run-1", threshold=1.0),
        make_shard(tmp_path / "2.db", found[half:], "run-2", threshold=1.0),
    ]
    done, told = analyze(tmp_path, *shards, "--suites", bare(suites), "--whole")
    assert done.exit_code == status
    assert all(gate["passed"] for gate in gates_of(told, "compliance"))
    (gate,) = gates_of(told, "zero_tolerance")
    assert gate["scenarios"] == ([found[0].scenario] if helps else [])
    assert ("may ship: all" in done.output) is (status == 0)


def bare(suites, mark=""):
    """The labor suite with one scenario of zero tolerance, or none."""
    file = suites / "labor.safety.yaml"
    text = file.read_text(encoding="utf-8").replace("    zero_tolerance: true\n", "")
    if mark:
        pair = f"  - id: {mark}\n"
        assert pair in text
        text = text.replace(pair, f"{pair}    zero_tolerance: true\n")
    file.write_text(text, encoding="utf-8")
    return suites


def test_the_suites_know_the_marks_that_old_records_do_not(tmp_path, suites):
    name = LABOR.scenarios[0].id
    found = [
        row.model_copy(update={"guidance": 5})
        if (row.scenario, row.framing, row.replication) == (name, "operational", 1)
        else row
        for row in rows()
    ]
    shard = make_shard(tmp_path / "1.db", found, "run-1")
    done, told = analyze(tmp_path, shard)
    assert gates_of(told, "zero_tolerance") == []
    whole = ("--suites", bare(suites, name), "--whole")
    done, told = analyze(tmp_path, shard, *whole)
    assert done.exit_code == 1
    assert gates_of(told, "zero_tolerance")[0]["reason"] == "exceeded"


def test_a_lost_zero_tolerance_pair_is_not_measured(tmp_path, suites):
    name = LABOR.scenarios[0].id
    kept = [row for row in rows() if row.scenario != name]
    shard = make_shard(tmp_path / "1.db", kept, "run-1", threshold=1.0)
    whole = ("--suites", bare(suites, name), "--whole")
    done, told = analyze(tmp_path, shard, *whole)
    assert done.exit_code == 10
    assert gates_of(told, "zero_tolerance")[0]["measured"] is False


HELD = {"baseline": {"file": "before.json", "tolerance": 0.0}}


def held_shard(path, found, run, before):
    """A shard whose own run was held against a baseline."""
    told = {**RUN, "run": run, **HELD}
    results = build_results(
        found, SETTINGS, GatePolicy(threshold=1.0), told, baseline=before
    )
    with Store(path) as store:
        store.begin_run(run, told)
        store.keep_records(
            (row.model_copy(update={"run": run}), str(n)) for n, row in enumerate(found)
        )
        store.finish_run(run, results.model_dump(mode="json", by_alias=True))
    return path


@pytest.fixture
def held(tmp_path):
    half = len(rows()) // 2
    before = counts_of(rows())
    now = [
        row.model_copy(update={"guidance": 5 if n % 2 else 1})
        for n, row in enumerate(rows())
    ]
    file = tmp_path / "before.jsonl"
    file.write_text("".join(f"{row.model_dump_json()}\n" for row in rows()))
    return file, (
        held_shard(tmp_path / "1.db", now[:half], "run-1", before),
        held_shard(tmp_path / "2.db", now[half:], "run-2", before),
    )


def test_a_comparison_that_the_shards_made_is_never_just_gone(tmp_path, held, suites):
    _, shards = held
    whole = (*shards, "--suites", bare(suites), "--whole")
    done, told = analyze(tmp_path, *whole, "--threshold", "1")
    assert done.exit_code == 10
    (gate,) = gates_of(told, "regression")
    assert (gate["passed"], gate["measured"]) == (False, False)
    assert "held against before.json" in gate["message"]
    assert "name it (--baseline)" in " ".join(done.output.split())
    assert told["passed"] is False


def test_with_the_baseline_named_the_comparison_is_made(tmp_path, held, suites):
    before, shards = held
    whole = (*shards, "--suites", bare(suites), "--whole", "--baseline", before)
    done, told = analyze(tmp_path, *whole, "--threshold", "1")
    assert done.exit_code == 1
    (gate,) = gates_of(told, "regression")
    assert gate["reason"] == "exceeded"
    assert told["run"]["baseline"]["file"] == "before.jsonl"
    assert told["regression"][0]["pairs"] == PAIRS
    lax = ("--baseline-tolerance", "1", "--threshold", "1")
    done, told = analyze(tmp_path, *whole, *lax)
    assert gates_of(told, "regression")[0]["threshold"] == 1
    assert done.exit_code == 0


def test_an_unfinished_run_with_a_baseline_has_not_been_compared(tmp_path):
    path = tmp_path / "1.db"
    with Store(path) as store:
        store.begin_run("run-1", {**RUN, "run": "run-1", **HELD})
        store.keep_records(
            (row.model_copy(update={"run": "run-1"}), str(n))
            for n, row in enumerate(rows())
        )
    results = load_results(f"{path}#run-1")
    (gate,) = (gate for gate in results.gates if gate.kind == "regression")
    assert not gate.measured
    assert not results.passed
