"""Nothing was collected, or nothing that is a plain file: never green by silence."""

from __future__ import annotations

import os
import sys
import time

import pytest
from fail_open.lab import NAMES, NOT_MEASURED

CLI = "from pytest_domainsafety.cli import main; main()"
OTHER = "def test_a():\n    pass\n"


@pytest.mark.parametrize("workers", [0, 2])
def test_no_suite_among_other_tests(lab, workers):
    (lab.path / "test_other.py").write_text(OTHER)
    seen = lab.run("python", suites=["test_other.py"], workers=workers, outputs=())
    assert seen.status == NOT_MEASURED, seen.tail()
    assert "may ship" not in seen.terminal


def test_an_empty_folder_beside_other_tests(lab):
    (lab.path / "suites").mkdir()
    (lab.path / "test_other.py").write_text(OTHER)
    seen = lab.run("python", suites=["suites", "test_other.py"], outputs=())
    assert seen.status == NOT_MEASURED, seen.tail()


@pytest.mark.parametrize("workers", [0, 2])
def test_every_pair_deselected(lab, workers):
    lab.suite()
    (lab.path / "test_other.py").write_text(OTHER)
    args = ("-k", "test_a", "test_other.py")
    seen = lab.run("python", *args, workers=workers, outputs=())
    assert seen.status == NOT_MEASURED, seen.tail()


def test_nothing_at_all(lab):
    (lab.path / "suites").mkdir()
    assert lab.run("python", outputs=()).status in (5, NOT_MEASURED)


def dangling(path):
    path.symlink_to(path.with_name("gone.yaml"))


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


ODD_FILES = {"dangling_link": dangling, "pipe": pipe, "folder": folder}


@pytest.mark.parametrize("what", ODD_FILES)
def test_a_suite_that_is_no_plain_file(lab, what):
    lab.suite()
    ODD_FILES[what](lab.path / "suites" / "fences.safety.yaml")
    seen = lab.run("python", outputs=())
    assert seen.status not in (0, 5), seen.tail()
    assert "fences.safety.yaml" in seen.terminal


@pytest.mark.parametrize("command", ["validate", "list", "lock"])
@pytest.mark.parametrize("what", ["dangling_link", "pipe"])
def test_a_command_on_what_is_no_plain_file(lab, command, what):
    lab.suite()
    ODD_FILES[what](lab.path / "suites" / "fences.safety.yaml")
    began = time.monotonic()
    done = lab.pytester.run(
        *("timeout", "20", sys.executable, "-c", CLI),
        *(command, "suites"),
    )
    assert done.ret not in (0, 124)
    assert time.monotonic() - began < 20
    assert "fences.safety.yaml" in done.stdout.str() + done.stderr.str()


def test_a_suite_without_its_end(lab):
    file = lab.suite(pairs=NAMES[:3])
    file.write_text(file.read_text()[:-20])
    seen = lab.run("python", outputs=())
    assert seen.status != 0, seen.tail()
