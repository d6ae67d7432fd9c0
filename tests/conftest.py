"""What every test may rely on: no network, a clean environment, a store of its own."""

from __future__ import annotations

import zlib

import hypothesis
import numpy.fft
import numpy.random
import pytest

# pytester forgets what a run inside the process imported, and numpy can't be
# imported twice.
assert numpy.fft
assert numpy.random

# A slow machine is no wrong answer: no test here is timed.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SERVER_VARIABLES = (
    "OLLAMA_HOST",
    "OPENAI_BASE_URL",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_ACTIONS",
    "GITHUB_WORKSPACE",
    "CI_PROJECT_DIR",
    "WORKSPACE",
)
# Of others' plugins in the processes that tests start: half of the time that pytest
# takes to begin (benchmarks/neighbours.py and its tests load them, and more).
WITHOUT_OTHERS = "-p no:hypothesispytest -p no:anyio"

WAYS = ("way", "mode")
"""Parameters that say by which provider, or beside which xdist, a test is run."""


def pytest_addoption(parser):
    parser.addoption(
        "--each-in",
        type=int,
        metavar="N",
        help="run a test that is there in many ways in N of them, which its name draws",
    )


def pytest_collection_modifyitems(config, items):
    most = config.getoption("--each-in")
    if not most:
        return
    groups = {}
    for item in items:
        groups.setdefault(_apart_from_its_way(item), []).append(item)
    kept = set()
    for name, group in groups.items():
        first = zlib.crc32(repr(name).encode()) % len(group)
        kept.update(id(item) for item in (group[first:] + group[:first])[:most])
    left = [item for item in items if id(item) not in kept]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if id(item) in kept]


def _apart_from_its_way(item):
    """Return what two items have in common that differ in their way alone."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if params.keys().isdisjoint(WAYS):
        return item.nodeid
    others = sorted(
        (name, repr(value)) for name, value in params.items() if name not in WAYS
    )
    return item.nodeid.partition("[")[0], tuple(others)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in SERVER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", WITHOUT_OTHERS)
