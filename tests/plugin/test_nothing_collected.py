"""A model was named, and nothing was asked of it: never status 0."""

from __future__ import annotations

import os

import pytest

TEST = "def test_a(): ...\n"
INI = "[pytest]\nsafety_model = python:app:answer\nsafety_judge = offline\n"


@pytest.fixture
def unit(bench):
    """Run pytest on a passing test, and on what else is named."""
    folder = bench.path / "unit"
    folder.mkdir()
    (folder / "test_it.py").write_text(TEST, encoding="utf-8")
    (bench.path / "safe").mkdir()

    def run(*args, ini="", typed=True):
        bench.pytester.makeini(ini or "[pytest]\n")
        model = ("--model", "python:app:answer", "--judge", "offline") if typed else ()
        return bench.pytester.runpytest_subprocess(*model, *args, timeout=300)

    return run


# ── the model on the command line ──


def test_no_suite_beside_other_tests_is_not_measured(unit, mode):
    done = unit(*mode, "unit", "safe")
    assert done.ret == 10
    done.stdout.fnmatch_lines(
        ["nothing to ask the model: there is no suite under unit, safe; a suite's *"]
    )


def test_a_selection_without_a_pair_is_not_measured(bench, unit, mode):
    bench.suite()
    done = unit(*mode, "unit", "suites", "-k", "test_it")
    assert done.ret == 10
    done.stdout.fnmatch_lines(
        ["nothing to ask the model: of the 1 suite under unit, suites no scenario *"]
    )


def test_suites_that_pytest_does_not_look_at_are_not_measured(bench, unit):
    bench.suite()
    done = unit("--ignore", "suites", ".")
    assert done.ret == 10
    done.stdout.fnmatch_lines(
        ["nothing to ask the model: pytest collected none of the 1 suite under .*"]
    )


def test_a_failing_test_stays_1(bench, unit):
    (bench.path / "unit" / "test_b.py").write_text("def test_b(): assert 0\n")
    assert unit("unit").ret == 1


def test_a_plugin_that_calls_nothing_a_success_does_not_open_the_gate(bench, unit):
    bench.pytester.makeconftest(
        "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"
    )
    assert unit("safe").ret == 10


def test_leaving_before_the_first_test_is_not_measured(bench, unit):
    bench.suite()
    bench.pytester.makeconftest(
        "import pytest\ndef pytest_collection(session):\n"
        "    pytest.exit('enough', returncode=0)\n"
    )
    assert unit("unit", "suites").ret == 10


@pytest.mark.parametrize("option", ["--collect-only", "--fixtures"])
def test_showing_is_no_running(unit, mode, option):
    done = unit(*mode, option, "unit")
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*nothing to ask*")


# ── the model in the ini file ──


@pytest.mark.parametrize(
    "ini", [INI, "[pytest]\naddopts = --model python:app:answer --judge=offline\n"]
)
def test_unit_tests_of_a_project_with_a_model_are_left_alone(bench, unit, mode, ini):
    bench.suite()
    for args in (("unit",), ("unit", "suites", "-k", "test_it")):
        done = unit(*mode, *args, ini=ini, typed=False)
        assert done.ret == 0
        done.stdout.no_fnmatch_line("*nothing to ask*")


def test_an_ini_with_a_model_and_suites_that_nobody_collects(bench, unit, mode):
    bench.suite()
    ini = INI + "norecursedirs = suites\n"
    done = unit(*mode, ".", ini=ini, typed=False)
    assert done.ret == 10
    done.stdout.fnmatch_lines(["*pytest collected none of the 1 suite under .*"])
    assert unit(*mode, ".", "--ignore", "suites", ini=ini, typed=False).ret == 0


def test_an_order_in_the_environment_is_one(bench, unit, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--model python:app:answer --judge offline")
    assert unit("unit", typed=False).ret == 10


# ── what is named as a suite and is no file ──


def a_link(path):
    path.symlink_to("nowhere")


def a_folder(path):
    path.mkdir()


def a_pipe(path):
    os.mkfifo(path)


def a_device(path):
    path.symlink_to(os.devnull)


ODD = {
    a_link: "a link that leads nowhere",
    a_folder: "a folder",
    a_pipe: "a pipe or a device",
    a_device: "a pipe or a device",
}
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


@needs_pipes
@pytest.mark.parametrize("make", ODD, ids=lambda make: make.__name__)
@pytest.mark.parametrize("how", ["n0", "n2"])
def test_it_is_a_collection_error(bench, request, make, how):
    if not request.config.pluginmanager.hasplugin("xdist"):
        pytest.skip("xdist is switched off in this environment")
    file = bench.suite()
    make(file.with_name("elections.safety.yaml"))
    done = bench.run("-n", how[1:])
    # xdist goes on after errors of collection, as pytest is only told to.
    assert done.ret == (1 if how == "n2" else 2)
    done.stdout.fnmatch_lines(
        [f"*suites/elections.safety.yaml:1: is no plain file but {ODD[make]}*"]
    )


@needs_pipes
def test_it_is_one_without_a_model_and_can_be_ignored(bench):
    file = bench.suite()
    other = file.with_name("elections.safety.yaml")
    a_pipe(other)
    assert bench.run("--collect-only", model=None).ret == 2
    left = bench.run("--collect-only", "--ignore", "suites/elections.safety.yaml")
    assert left.ret == 0
