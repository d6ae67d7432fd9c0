"""What every test may rely on: no network, a clean environment, a store of its own."""

from __future__ import annotations

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


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in SERVER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", WITHOUT_OTHERS)
