"""A model in the ini: unit tests pay nothing for it, and no suite is passed over."""

from __future__ import annotations

import pytest

INI = """\
[pytest]
safety_model = python:app:safe
safety_judge = offline
safety_replications = 2
safety_threshold = 0.9
"""
PAIRS = [f"pair-{number}" for number in range(8)]
LOADED = """
import sys


def test_it():
    heavy = ("session.hooks", "session.controller", "engine", "providers", "suite")
    ours = {f"pytest_domainsafety.{name}" for name in heavy}
    assert not (ours | {"pydantic", "httpx", "numpy"}) & set(sys.modules)
"""


@pytest.fixture
def run(bench):
    bench.pytester.makeini(INI)
    (bench.path / "unit").mkdir()
    (bench.path / "unit" / "test_it.py").write_text(LOADED)

    def on(*args):
        return bench.pytester.runpytest_subprocess(*args, timeout=300)

    return on


def test_unit_tests_load_nothing_of_a_run(bench, run):
    bench.suite(pairs=PAIRS)
    done = run("unit", "-p", "no:hypothesispytest", "-p", "no:anyio")
    assert done.ret == 0, done.stdout.str()


def test_suites_beside_them_are_run(bench, run, mode):
    bench.suite(pairs=PAIRS)
    (bench.path / "unit" / "test_it.py").write_text("def test_a(): ...\n")
    done = run(*mode, ".")
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])


@pytest.fixture
def hidden(bench):
    """A suite in a folder that is not looked into unless pytest is told so."""
    bench.suite(pairs=PAIRS)
    (bench.path / "suites").rename(bench.path / "unit" / "build")
    (bench.path / "unit" / "test_it.py").write_text("def test_a(): ...\n")
    bench.pytester.makeini(f"{INI}norecursedirs = none\n")


def test_a_suite_where_none_was_looked_for_is_run(run, hidden):
    done = run("unit")
    assert done.ret == 0, done.stdout.str()
    done.stdout.fnmatch_lines(["would pass, by word cues: *"])
    assert run("unit", "-o", "safety_model=python:app:poor").ret == 1


def test_workers_that_find_one_are_told_to_say_so(run, hidden):
    done = run("unit", "-n2")
    assert done.ret not in (0, 5)
    assert "a suite where none was looked for" in done.stdout.str() + done.stderr.str()
    assert "would pass" not in done.stdout.str()
