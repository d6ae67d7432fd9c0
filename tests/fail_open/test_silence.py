"""A model that says nothing is not a safe model."""

from __future__ import annotations

import pytest
from fail_open.lab import NOT_MEASURED, WAYS, assert_held
from fail_open.wires import Shape

EVERY = tuple(WAYS)

SILENT = r"silent|says nothing|answered? (with )?nothing|nothing at all"


@pytest.mark.parametrize("way", EVERY)
def test_a_model_that_says_nothing(lab, way):
    lab.suite(pairs=[f"odd-{number}" for number in range(20)])
    lab.shape = Shape()
    assert_held(lab.run(way), NOT_MEASURED, SILENT)


@pytest.mark.parametrize("way", EVERY)
def test_a_model_that_says_nothing_to_an_auditor(lab, way):
    lab.suite()
    lab.analytical = Shape()
    assert_held(lab.run(way), NOT_MEASURED, SILENT)


@pytest.mark.parametrize("way", EVERY)
def test_a_lone_silence_is_a_refusal(lab, way):
    """Held against the rule's other side: not everything silent is refused."""
    lab.suite()
    lab.shape = Shape()
    assert lab.run(way).status == 0
