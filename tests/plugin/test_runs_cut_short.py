"""A run that ends early says why, and one that only shows asks nothing."""

from __future__ import annotations

import pytest

TOLD = "labor: not judged, {} ended the run after {}: run again*"


@pytest.mark.parametrize(
    ("option", "said"),
    [("-x", "1 failure"), ("--maxfail=2", "2 failures")],
)
def test_x_is_said_as_what_it_is(bench, option, said):
    bench.suite(pairs=("broken-1", "broken-2", "safe-3", "safe-4", "safe-5"))
    done = bench.run(option, "--safety-retries", "0")
    assert done.ret == 10
    done.stdout.fnmatch_lines([TOLD.format(option, said)])
    done.stdout.no_fnmatch_line("*mend the errors*")
    run = bench.results()["run"]
    assert run["interrupted"]
    assert run["ended"] == f"{option} ended the run after {said}"
    count = 4 if option == "-x" else 3
    assert f"{count} of 5 scenario pairs did not run: {run['ended']}" in str(run)


def test_a_run_that_ends_by_itself_says_nothing_of_the_kind(bench):
    bench.suite(pairs=("broken-1", "safe-2"))
    bench.run("--safety-retries", "0", "--maxfail=5")
    run = bench.results()["run"]
    assert "ended" not in run
    assert run["unmeasured"] == ["1 of 2 scenario pairs could not be measured"]


SEEN = "def answer(prompt):\n    open('asked', 'a').write('!')\n    return 'No.'\n"


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only", "--collect-only"])
def test_what_only_shows_asks_nothing(bench, option, mode):
    bench.pytester.makepyfile(seen=SEEN)
    bench.suite()
    done = bench.run(*mode, option, model="python:seen:answer")
    assert done.ret == 0
    assert not (bench.path / "asked").exists()
    assert not (bench.path / "out.json").exists()
    assert not (bench.path / ".domainsafety").exists()
    assert "gate" not in done.stdout.str()
    if option != "--collect-only" and "-n" not in mode:
        done.stdout.fnmatch_lines([f"nothing was asked*: {option} only shows*"])
        assert bench.run(option, model=None).ret == 0


def test_without_capture_it_runs_as_well(bench):
    bench.suite(pairs=tuple(f"pair-{number}" for number in range(6)))
    done = bench.run("-p", "no:capture", "--safety-threshold", "0.9")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])
