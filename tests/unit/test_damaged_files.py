"""Damaged stores and results files are one sentence for every command that reads them.

A few seeds; `benchmarks/fuzz_files.py` tries as many as one likes.
"""

from __future__ import annotations

import damaged_files
import pytest

SEEDS = range(3)
FOUND = {"stores/bytes": (7, 20, 61), "stores/cells": (5, 12, 37, 52, 62)}
"""Seeds that once ended in a traceback."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound") / "here"
    return damaged_files.make_sound(folder)


@pytest.mark.parametrize(
    "kind",
    [
        *(f"stores/{name}" for name in damaged_files.STORES),
        *(f"results/{name}" for name in damaged_files.RESULTS),
    ],
)
def test_every_command_says_one_sentence(sound, monkeypatch, kind):
    of, name = kind.split("/")
    monkeypatch.chdir(sound[0].parents[1])
    file = sound[0] if of == "stores" else sound[1]
    damage = (damaged_files.STORES if of == "stores" else damaged_files.RESULTS)[name]
    faults = [
        damaged_files.hits(file, damage, seeds, sound[1].parent)
        for seeds in (SEEDS, FOUND.get(kind, ()))
    ]
    assert [fault for some in faults for fault in some if fault is not None] == []


def test_the_commands_are_all_that_read_such_files():
    from pytest_domainsafety.cli import group

    others = {"draft", "init", "list", "lock", "plan", "power", "selftest", "validate"}
    read = {arguments[0] for arguments in damaged_files.COMMANDS.values()}
    assert read == set(group.commands) - others
