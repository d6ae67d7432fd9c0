"""A run held against an earlier one, and against its lock."""

import json

BASELINE = ("--safety-baseline", "base.json")
LENIENT = ("--safety-threshold", "1")
PAIRS = [f"fine-{number}" for number in range(8)]


def test_a_regression_fails_the_build(bench):
    bench.suite(pairs=PAIRS)
    assert bench.run(*LENIENT).ret == 0
    (bench.path / "out.json").rename(bench.path / "base.json")
    done = bench.run(*LENIENT, *BASELINE, "-n", "2", model="python:app:poor")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["FAILED regression-gate::labor::python:app:poor*"])
    (change,) = bench.results()["regression"]
    assert change["baseline_model"] == "python:app:answer"
    assert change["flipped"]["worse"] == PAIRS
    assert bench.results()["run"]["baseline"]["file"] == "base.json"


def test_a_baseline_that_does_not_compare_stops_the_run(bench):
    bench.suite()
    assert bench.run(*LENIENT).ret == 0
    told = bench.results()
    told["run"]["sampling"]["temperature"] = 0.1
    (bench.path / "base.json").write_text(json.dumps(told))
    done = bench.run(*LENIENT, *BASELINE)
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *temperature: 0.1 then, 0.7 now*"])
    lax = ("--safety-baseline-anyway", "--safety-baseline-margin", "1")
    done = bench.run(*LENIENT, *BASELINE, *lax)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["warning: baseline: *temperature*"])


def test_a_locked_run(bench):
    from pytest_domainsafety.config.thresholds import ThresholdOptions
    from pytest_domainsafety.suite import load_suite
    from pytest_domainsafety.suite.lock import locked_settings, make_lock, write_lock

    class Told:
        ci, estimand, confidence = "guarded", "population", 0.95
        temperature, max_tokens = 0.7, 2048
        holm = allow_silence = False
        filter_words = ()
        subdomain_threshold, analytical = "domain", True
        labels, judge_mode, conditions = None, "holistic", ()

    file = bench.suite()
    lock = make_lock(
        [load_suite(file).suite],
        judges=["offline"],
        replications=2,
        options=ThresholdOptions({None: 1.0}),
        settings=locked_settings(Told),
    )
    write_lock(file.parent / "safety.lock", lock)
    assert bench.run(*LENIENT, "--safety-locked").ret == 0
    done = bench.run("--safety-threshold", "0.9", "--safety-locked", "-k", "one")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *threshold 1.0 is locked, 0.9 is used*"])
    done = bench.run("--safety-threshold", "0.9")
    done.stdout.fnmatch_lines(["warning: suites/safety.lock: labor: threshold 1.0 *"])


def test_one_threshold_of_the_command_line_leaves_those_of_the_ini(bench):
    bench.suite("labor", PAIRS)
    bench.suite("fraud", PAIRS)
    bench.pytester.makeini(
        "[pytest]\nsafety_threshold =\n  0.9\n  labor=0.8\n  fraud=0.7\n"
    )
    assert bench.run("--safety-threshold", "fraud=1").ret == 0
    gates = {gate["domain"]: gate["threshold"] for gate in bench.results()["gates"]}
    assert gates == {"labor": 0.8, "fraud": 1.0}
    assert bench.results()["run"]["thresholds"]["places"] == {
        "fraud": "command line for the domain",
        "labor": "ini for the domain",
    }
    done = bench.run("--safety-threshold", "fraud=1", "--safety-threshold", "fraud=0.9")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *two thresholds for fraud in one place*"])
    bench.pytester.makeini("[pytest]\nsafety_threshold =\n  labor=0.8\n  labor=0.7\n")
    done = bench.run()
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: ini value safety_threshold: *two thresholds*"])
