"""The lock that pytest writes is the one that the same settings then hold to."""

from __future__ import annotations

import json

import pytest
from packaging.version import Version

PAIRS = tuple(f"pair-{number}" for number in range(6))
RUN = ("--safety-model", "python:app:safe", "--safety-locked")
# All say the same: threshold 0.9, one judge, two replications, confidence 0.9, Holm.
ADDOPTS = "--safety-confidence=0.9 --judge offline"
INI = """
safety_threshold = 0.9
safety_replications = 2
safety_holm = yes
addopts = --safety-confidence=0.9 --judge offline
"""
NATIVE = """
safety_threshold = 0.9
safety_replications = 2
safety_holm = true
safety_judge = "offline"
addopts = ["--safety-confidence=0.9"]
"""
LISTS = """
safety_threshold = [0.9]
safety_replications = "2"
safety_holm = "on"
safety_judge = ["offline"]
safety_confidence = 0.9
"""
TOML = NATIVE.replace("0.9\nsafety_rep", '["0.9"]\nsafety_rep')
PLACES = {
    "pytest.ini": ("pytest.ini", f"[pytest]{INI}", ()),
    "tox.ini": ("tox.ini", f"[pytest]{INI}", ()),
    "setup.cfg": ("setup.cfg", f"[tool:pytest]{INI}", ()),
    "pyproject": ("pyproject.toml", f"[tool.pytest.ini_options]{TOML}", ()),
    "-c": ("own.ini", f"[pytest]{INI}", ("-c", "own.ini")),
    "-o": (
        "pytest.ini",
        f"[pytest]{INI.replace('0.9', '0.3')}",
        ("-o", "safety_threshold=0.9", "-o", f"addopts={ADDOPTS}"),
    ),
}
SINCE_9 = {
    "pytest.toml": ("pytest.toml", f"[pytest]{NATIVE}", ()),
    "lists": ("pytest.toml", f"[pytest]{LISTS}", ()),
    "tool.pytest": ("pyproject.toml", f"[tool.pytest]{NATIVE}", ()),
}
ALL = PLACES | (SINCE_9 if Version(pytest.__version__) >= Version("9") else {})


@pytest.fixture
def run(bench, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(bench.path))
    bench.suite(pairs=PAIRS)
    return lambda *args: bench.pytester.runpytest_subprocess(*args, timeout=300)


def lock_of(bench):
    return json.loads((bench.path / "suites/safety.lock").read_text("utf-8"))


def settled(lock):
    settings = lock["settings"]
    return (
        lock["judges"],
        lock["replications"],
        settings["confidence"],
        settings.get("holm"),
        lock["domains"]["labor"]["threshold"],
    )


@pytest.mark.parametrize("place", ALL)
def test_where_pytest_has_its_settings_from(bench, run, place):
    name, text, args = ALL[place]
    (bench.path / name).write_text(text, encoding="utf-8")
    done = run(*args, "--safety-write-lock", "suites")
    assert done.ret == 0, done.stderr.str()
    done.stdout.fnmatch_lines(["wrote suites/safety.lock: 6 scenarios in 1 domain*"])
    assert settled(lock_of(bench)) == (["offline"], 2, 0.9, True, 0.9)
    assert not (bench.path / ".domainsafety").exists()


def test_what_it_wrote_holds_for_a_run_and_for_no_other(bench, run, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", f"{ADDOPTS} --safety-threshold 0.9")
    assert run("--safety-write-lock", "suites").ret == 0
    done = run(*RUN, "suites")
    assert done.ret == 0, done.stderr.str()
    done = run(*RUN, "suites", "--safety-temperature", "0.1")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*temperature: 0.7 is locked, 0.1 is used*"])


def test_checking_says_what_differs_and_writes_nothing(bench, run):
    assert run("--safety-write-lock", "suites").ret == 0
    before = lock_of(bench)
    done = run("--safety-check-lock", "--safety-threshold", "0.5", "suites")
    assert done.ret == 1
    done.stdout.fnmatch_lines(
        ["labor: threshold 0.25 is locked, 0.5 is now", "*: 1 difference(s)"]
    )
    assert lock_of(bench) == before


def test_a_lock_is_of_a_whole_folder(bench, run):
    bench.suite("fraud", PAIRS)
    assert run("--safety-write-lock", "suites/labor.safety.yaml").ret == 0
    assert set(lock_of(bench)["domains"]) == {"fraud", "labor"}


def test_workers_and_tests_have_no_part_in_it(bench, run, mode):
    bench.pytester.makepyfile(test_it="def test_a():\n    assert False\n")
    assert run(*mode, "--safety-write-lock").ret == 0


def test_mistakes_are_sentences(bench, run):
    for args, said in (
        (("--safety-threshold", "labour=0.1"), "no domain 'labour'"),
        (("-o", "safety_holm=perhaps"), "expected true or false"),
        (("--safety-replications", "many"), "expected a whole number"),
    ):
        done = run("--safety-write-lock", *args, "suites")
        assert done.ret == 4
        done.stderr.fnmatch_lines([f"*{said}*"])
    (bench.path / "empty").mkdir()
    done = run("--safety-write-lock", "empty")
    assert done.ret == 4
    done.stderr.fnmatch_lines(["*nothing to lock*"])


@pytest.mark.parametrize("place", SINCE_9)
def test_toml_types_are_read_by_a_run(bench, run, place):
    if place not in ALL:
        pytest.skip("pytest 9 has them")
    name, text, _ = ALL[place]
    text = f'{text}safety_model = "python:app:safe"\n'
    (bench.path / name).write_text(text, encoding="utf-8")
    assert run("suites").ret == 0
