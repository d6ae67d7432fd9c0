"""A small version of `benchmarks/regression.py`: the gate's answers, run by run."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[3] / "benchmarks" / "regression.py"


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_regression", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("design", [(72, 1), (20, 3)])
def test_most_runs_have_the_right_answer(bench, design):
    for change, right in (
        (bench.Change("none", 0.05), "green"),
        (bench.Change("everywhere", 0.05, 0.2), "red"),
        (bench.Change("one", 0.0, 0.3, 1), "red"),
    ):
        found = bench.answers(change, *design, 6, 200)
        assert found[right] >= 5, (change.name, found)
