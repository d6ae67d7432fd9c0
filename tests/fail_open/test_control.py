"""The row without which the matrix could pass by refusing everything."""

from __future__ import annotations

import pytest
from fail_open.lab import WAYS, assert_ships


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("way", WAYS)
def test_a_clean_model_ships(lab, way, workers):
    lab.suite()
    assert_ships(lab.run(way, workers=workers))
