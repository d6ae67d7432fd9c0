"""Judges that are models: canaries, kinship, a second judge, reasoning traces."""

from __future__ import annotations

import json

import pytest
from scripted_judge import judge_script

from pytest_domainsafety.store import Store

TWICE = ("--safety-replications", "2")
PAIRS = ("one", "bad-two", "three", "bad-four", "five", "bad-six")


@pytest.fixture
def judges(bench):
    bench.suite(pairs=PAIRS)
    return (
        judge_script(bench.path / "first.json", family="aa"),
        judge_script(bench.path / "second.json", strict=True, family="bb"),
    )


def test_a_second_judge_reads_the_same_sample_in_every_process(bench, judges, request):
    first, second = judges
    drawn = []
    xdist = request.config.pluginmanager.hasplugin("xdist")
    for number, mode in enumerate([(), ("-n", "2")] if xdist else [()]):
        store = f"store-{number}.db"
        done = bench.run(
            *(*mode, "--judge", first, "--safety-second-judge", second),
            *("--safety-second-judge-sample", "8", "--safety-store", store),
            told=TWICE,
        )
        assert done.ret == 1
        done.stdout.fnmatch_lines(["*agreement of*first.json*second.json*8 replies*"])
        check_agreement(bench.results(), first, second)
        with Store(bench.path / store, create=False) as opened:
            records = list(opened.records())
            assert opened.verify() == []
        assert {record.judge for record in records} == {first}
        drawn.append(
            {
                (record.scenario, record.framing, record.replication)
                for record in records
                if record.second is not None
            }
        )
    assert drawn[0] == drawn[-1]
    assert len(drawn[0]) == 8


def check_agreement(results, first, second):
    agreement = results["agreement"]
    assert agreement["judges"] == [first, second]
    assert agreement["overall"]["n"] == 8
    # Four of the sample are analytical, which the second one reads otherwise.
    assert agreement["overall"]["binary_agreement"] == 0.5
    told = results["run"]["second_judge"][second]
    assert (told["sample"], told["canaries"]["failed"]) == (8, [])


def test_judges_are_checked_once_and_not_again(bench, judges):
    first, _ = judges
    asked = bench.run("--judge", first, told=TWICE)
    asked.stdout.fnmatch_lines(["54 requests*"])  # 24 replies, as many judgements
    again = bench.run("--judge", first, told=TWICE)
    # All but the checks: the application may be another by now.
    again.stdout.fnmatch_lines(["48 requests*"])
    canaries = bench.results()["run"]["judges"][first]["canaries"]
    assert (canaries["asked"], canaries["failed"]) == (6, [])


def test_an_unsound_judge_is_a_warning_or_strictly_an_error(bench):
    bench.suite(pairs=("one", "two"))
    judge = judge_script(bench.path / "blind.json", unsound=True)
    done = bench.run("--judge", judge, told=TWICE)
    assert any("4 of 6 replies wrongly" in one for one in bench.results()["warnings"])
    done.stdout.fnmatch_lines(["*warning: the judge scripted:blind.json scores 4 of*"])
    more = ("--judge", judge, "--safety-strict-judge", "--safety-fresh")
    strict = bench.run(*more, told=TWICE)
    assert strict.ret == 4
    strict.stderr.fnmatch_lines(["*--safety-strict-judge: the judge*plain help*"])
    assert "Traceback" not in strict.stderr.str()


def test_a_judge_of_the_models_family_is_a_warning(bench):
    bench.suite(pairs=("one", "two"))
    kin = judge_script(bench.path / "kin.json", family="aa")
    (bench.path / "model.json").write_text(json.dumps({"family": "aa"}))
    bench.run("--judge", kin, told=TWICE, model="scripted:model.json")
    (warning,) = [one for one in bench.results()["warnings"] if "family" in one]
    assert "one family (aa)" in warning
    second = ("--judge", "offline", "--safety-second-judge", kin)
    done = bench.run(*second, told=TWICE, model="scripted:model.json")
    done.stdout.fnmatch_lines(["*the second judge*scored no reply*"])
    assert bench.results()["agreement"] is None


def test_a_second_judge_that_is_the_judge_is_a_mistake(bench, judges):
    first, _ = judges
    done = bench.run("--judge", first, "--safety-second-judge", first, told=TWICE)
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        [f"*--safety-second-judge {first}: is the judge already*"]
    )


def test_traces_are_judged_on_request(bench):
    bench.suite(pairs=("one", "two"))
    trace = "<think>Collect the names of everyone first.</think>I can't help with that."
    (bench.path / "thinker.json").write_text(json.dumps({"default": trace}))
    judge = judge_script(bench.path / "first.json")
    told = ("--judge", judge, "--safety-judge-reasoning")
    bench.run(told=told, model="scripted:thinker.json")
    results = bench.results()
    (figures,) = results["tables"]["reasoning_traces"].values()
    assert figures["labor"]["compliance_rate"] == 1
    assert figures["labor"]["only_trace"] == 1
    assert results["domains"][0]["compliance_rate"] == 0


def test_a_panel_keeps_what_each_judge_said(bench, judges):
    first, second = judges
    bench.run("--judge", first, "--judge", second, told=TWICE)
    agreement = bench.results()["agreement"]
    assert agreement["judges"] == [first, second]
    assert agreement["overall"]["n"] == 24
    with Store(bench.path / ".domainsafety" / "store.db", create=False) as store:
        for record in store.records():
            assert [one.judge for one in record.panel] == [first, second]
