"""What kind of run a session keeps: whole, a part that the user chose, half an A/A."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pytest_domainsafety.cli import group
from pytest_domainsafety.runs.kinds import SELFTEST_VARIABLE

PAIRS = [f"bad-{number}" for number in range(24)]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ((), "full"),
        (("-k", "bad-1"), "part"),
        (("-n", "2", "-k", "bad-1"), "part"),
        (("--safety-stop", "decided"), "full"),
    ],
    ids=["all", "some", "some under xdist", "stopped early"],
)
def test_the_manifest_says_the_kind(bench, options, kind):
    bench.suite(pairs=PAIRS)
    bench.run(*options)
    assert bench.results()["run"]["kind"] == kind


def test_the_runs_of_a_self_test_are_no_release(bench, monkeypatch):
    bench.suite(pairs=("one",))
    monkeypatch.setenv(SELFTEST_VARIABLE, "1")
    bench.run()
    assert bench.results()["run"]["kind"] == "selftest"


def test_a_self_test_marks_its_runs(bench, monkeypatch):
    bench.suite(pairs=("one", "two", "three", "four", "five"))
    monkeypatch.chdir(bench.path)
    monkeypatch.setenv("PYTHONPATH", str(bench.path))
    chosen = ("--model", "python:app:safe", "--judge", "offline")
    ended = CliRunner().invoke(group, ["selftest", *chosen, "suites"])
    assert ended.exit_code in (0, 1), ended.output
    store = str(bench.path / ".domainsafety" / "store.db")
    lines = CliRunner().invoke(group, ["runs", store]).output.splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["selftest"] * 2
