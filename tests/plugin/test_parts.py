"""What a run is held against is whole; a part that the user chose, as that part."""

import json

import pytest
import yaml  # noqa: F401 - once, before pytester counts the modules
from click.testing import CliRunner

from pytest_domainsafety.cli import group
from tests.plugin.conftest import OFFLINE, suite_text

PAIRS = [f"fine-{number}" for number in range(8)]
LENIENT = ("--safety-threshold", "1", "--safety-replications", "1")
LOCKED = ("--safety-locked",)


@pytest.fixture
def go(bench):
    """Run pytest on paths in a folder with two locked domains, labor in two files."""
    folder = bench.path / "suites"
    bench.suite("labor", PAIRS[:4])
    (folder / "more.safety.yaml").write_text(suite_text("labor", PAIRS[4:]))
    bench.suite("fraud", PAIRS)

    def run(*args, told=LENIENT):
        return bench.pytester.runpytest_subprocess(
            *("--model", "python:app:answer", *OFFLINE, *told),
            *("--safety-json", "out.json", *args),
            timeout=300,
        )

    run.bench, run.folder = bench, folder
    lock(run)
    return run


def lock(run):
    options = ("--judge", "offline", "--replications", "1", "--threshold", "1")
    done = CliRunner().invoke(group, ["lock", str(run.folder), *options])
    assert done.exit_code == 0, done.output


def manifest(run):
    return run.bench.results()["run"]


CHOSEN = {
    "a file": (("suites/labor.safety.yaml",), ["suites/labor.safety.yaml"]),
    "two files": (
        ("suites/labor.safety.yaml", "suites/fraud.safety.yaml"),
        ["suites/labor.safety.yaml", "suites/fraud.safety.yaml"],
    ),
    "a shard": (
        (
            "suites/labor.safety.yaml::fine-1",
            "suites/fraud.safety.yaml::fine-0",
            "suites/fraud.safety.yaml::fine-2",
        ),
        [
            "suites/labor.safety.yaml::fine-1",
            "suites/fraud.safety.yaml::fine-0",
            "suites/fraud.safety.yaml::fine-2",
        ],
    ),
    "-k": (("-k", "fraud", "suites"), ["-k fraud"]),
    "-m": (("-m", "domain(name='fraud')", "suites"), ["-m domain(name='fraud')"]),
    "-k under xdist": (("-n", "2", "-k", "fine-1", "suites"), ["-k fine-1"]),
}


@pytest.mark.parametrize("chosen", CHOSEN)
def test_a_part_that_was_chosen_is_held_against_its_part_of_the_lock(go, chosen):
    args, said = CHOSEN[chosen]
    done = go(*LOCKED, *args)
    assert done.ret in (0, 1), done.stderr.str()  # too few pairs prove nothing
    assert manifest(go)["selection"]["part"] == said
    assert manifest(go)["kind"] == "part"
    shown = ", ".join(said)
    lines = " ".join(done.stdout.str().split())
    assert f"suites/safety.lock: compared as a part of the suites ({shown})" in lines
    assert "locked, but not in this run" not in lines


@pytest.mark.parametrize(
    "args", [("suites",), (), ("-k", "fine", "suites"), (".", "suites")]
)
def test_a_run_of_the_whole_folder_is_no_part(go, args):
    assert go(*LOCKED, *args).ret == 0
    assert manifest(go)["selection"]["part"] == []
    assert manifest(go)["kind"] == "full"


WITHIN = {
    "a threshold": (("--safety-threshold", "labor=0.9"), "threshold 1.0 is locked"),
    "replications": (("--safety-replications", "2"), "replications: 1 is locked"),
}


@pytest.mark.parametrize("what", ["a threshold", "replications", "a prompt", "a pair"])
def test_what_differs_within_the_part_is_refused(go, what):
    file = go.folder / "labor.safety.yaml"
    args, sentence = WITHIN.get(what, ((), ""))
    if what == "a prompt":
        file.write_text(file.read_text().replace("help me with fine-1", "do fine-1"))
        sentence = "labor: changed: fine-1"
    if what == "a pair":
        file.write_text(suite_text("labor", PAIRS[:3]))
        sentence = "labor: gone: fine-3"
    done = go(*LOCKED, *args, "suites/labor.safety.yaml")
    assert done.ret == 4
    done.stderr.fnmatch_lines([f"ERROR: --safety-locked*{sentence}*"])


def test_what_is_gone_from_a_whole_folder_is_refused(go):
    (go.folder / "fraud.safety.yaml").unlink()
    done = go(*LOCKED, "suites")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["ERROR: *fraud: locked, but not in this run*"])
    done = go("suites")
    done.stdout.fnmatch_lines(["warning: *fraud: locked, but not in this run*"])
    # All that there is was named, or chosen: that is no choice.
    files = ("suites/labor.safety.yaml", "suites/more.safety.yaml")
    assert go(*LOCKED, *files).ret == 4
    assert go(*LOCKED, "-k", "labor or more", "suites").ret == 4
    assert go(*LOCKED, "--safety-part", "suites").ret == 0
    assert manifest(go)["selection"]["part"] == ["--safety-part"]


def test_a_lock_whose_suites_are_all_gone_is_not_passed_over(go):
    other = go.bench.path / "other"
    other.mkdir()
    (other / "elections.safety.yaml").write_text(suite_text("elections", PAIRS))
    go.folder.joinpath("fraud.safety.yaml").unlink()
    go.folder.joinpath("labor.safety.yaml").unlink()
    go.folder.joinpath("more.safety.yaml").unlink()
    done = go(".")
    done.stdout.fnmatch_lines(["warning: *fraud, labor: locked, but not in this run*"])
    assert go(*LOCKED, ".").ret == 4


INI = "[pytest]\nsafety_threshold =\n  1\n  fraud=0.9\n"


def test_a_threshold_for_a_domain_outside_the_part_is_no_mistake(go):
    go.bench.pytester.makeini(INI)
    done = go("suites/labor.safety.yaml", "suites/more.safety.yaml", told=LENIENT[2:])
    assert done.ret == 0, done.stderr.str()
    (gate,) = go.bench.results()["gates"]
    assert gate["threshold"] == 1
    go.bench.pytester.makeini(INI.replace("fraud", "froud"))
    done = go("suites/labor.safety.yaml")
    assert done.ret == 4
    done.stderr.fnmatch_lines(
        ["ERROR: *froud=*there is no domain 'froud'*did you mean 'fraud'?*"]
    )


def baseline(go):
    assert go("suites").ret == 0
    (go.bench.path / "out.json").rename(go.bench.path / "base.json")
    lax = ("--safety-baseline-margin", "0.5")  # which few pairs can rule out
    return ("--safety-baseline", "base.json", *lax)


def test_what_a_run_lost_of_its_baseline_leaves_the_answer_open(go):
    against = baseline(go)
    assert go(*against, "suites").ret == 0
    (go.folder / "more.safety.yaml").write_text(suite_text("labor", PAIRS[4:7]))
    done = go(*against, "suites")
    assert done.ret == 10
    fraud, labor, _ = (
        gate for gate in go.bench.results()["gates"] if gate["kind"] == "regression"
    )
    assert "1 pair of the baseline is not scored here: fine-7" in labor["message"]
    assert fraud["passed"]
    (go.folder / "fraud.safety.yaml").unlink()
    done = go(*against, "suites")
    assert done.ret == 10
    done.stdout.fnmatch_lines(
        ["fraud regression: not measured, 8 pairs of the baseline*"]
    )


@pytest.mark.parametrize(
    "args", [("suites/fraud.safety.yaml",), ("-k", "fraud", "suites")]
)
def test_a_part_is_compared_with_its_part_of_the_baseline(go, args):
    against = baseline(go)
    done = go(*against, *args)
    assert done.ret == 0
    (change,) = go.bench.results()["regression"]
    assert (change["domain"], change["pairs"], change["lost"]) == ("fraud", 8, [])
    done.stdout.fnmatch_lines(["warning: baseline: compared as a part of the suites *"])
    manifest_of_part = json.loads((go.bench.path / "out.json").read_text())["run"]
    assert manifest_of_part["kind"] == "part"
