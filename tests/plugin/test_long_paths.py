"""Paths that the system refuses to look at: one sentence, wherever they are named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_domainsafety.files import trouble_with

LONG = "x" * 300
MAIN = "from pytest_domainsafety.cli import main; main()"
DEEP = "/".join(["y" * 200] * 30)


@pytest.mark.parametrize(
    "option",
    ["store", "json", "html", "junit", "markdown", "baseline"],
)
@pytest.mark.parametrize("name", [LONG, DEEP])
def test_an_option_names_one(bench, option, name):
    bench.suite()
    done = bench.pytester.runpytest_subprocess(
        *("suites", "--safety-model", "python:app:safe", "--safety-judge", "offline"),
        *(f"--safety-{option}", name),
        timeout=300,
    )
    told = done.stdout.str() + done.stderr.str()
    assert done.ret not in (0, 3), told
    assert "INTERNALERROR" not in told
    assert "Traceback" not in told
    assert "name too long" in told


@pytest.mark.parametrize(
    "command",
    ["analyze", "card", "verify", "runs", "trend", "report", "validate", "list"],
)
@pytest.mark.parametrize("name", [LONG, DEEP])
def test_a_command_names_one(tmp_path, command, name):
    done = subprocess.run(
        [sys.executable, "-c", MAIN, command, name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("domainsafety: ")
    assert "name too long" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_error_of_no_file_is_none_of_these():
    assert trouble_with(OSError(24, "Too many open files")) is None
    assert trouble_with(ConnectionRefusedError(111, "Connection refused")) is None
    assert trouble_with(ValueError("x")) is None
    assert trouble_with(PermissionError(13, "Permission denied", "a\nb")) == (
        "a b: Permission denied"
    )
