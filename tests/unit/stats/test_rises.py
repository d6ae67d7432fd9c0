"""What a comparison of two runs can show: limits, corrections, the smallest rise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pytest_domainsafety.stats import paired_difference, zero_event_bound
from pytest_domainsafety.stats.regression import sign_flip_p, tarone_holm
from pytest_domainsafety.stats.rises import pairs_for_answer


def change(pairs, up, down=0, replications=1):
    old = np.zeros(pairs, int)
    old[pairs - down :] = replications
    new = np.zeros(pairs, int)
    new[:up] = replications
    trials = np.full(pairs, replications)
    return paired_difference((old, trials), (new, trials), resamples=2000)


@pytest.mark.parametrize("pairs", [12, 20, 72, 504])
def test_where_nothing_moved_the_limits_are_the_zero_event_bound(pairs):
    found = change(pairs, 0)
    bound = zero_event_bound(pairs)
    assert found.interval.limits == pytest.approx((-bound, bound))


def test_72_pairs_rule_five_points_out_and_71_do_not():
    assert change(72, 0).interval.high <= 0.05 < change(71, 0).interval.high


def test_the_limits_are_never_inside_what_the_pairs_that_moved_allow():
    for up, down in itertools.product((0, 1, 3), repeat=2):
        found = change(40, up, down)
        assert found.interval.high - found.difference >= zero_event_bound(40) - 1e-9
        assert found.difference - found.interval.low >= zero_event_bound(40) - 1e-9


def test_tarone_does_not_count_what_can_not_be_significant():
    least = [2 / 2**6, 1.0, 0.5, 0.25]
    corrected, level = tarone_holm([2 / 2**6, 1.0, 0.5, 0.25], least)
    assert corrected[0] == 2 / 2**6, "Holm says four times as much"
    assert level == 0.05
    both, level = tarone_holm([0.01, 0.04], [0.001, 0.002])
    assert both == [0.02, 0.04]
    assert level == 0.025


def test_the_smallest_rise_is_the_first_that_is_significant():
    found = change(20, 0)
    rise = found.smallest_rise(0.05)
    assert rise == pytest.approx(6 / 20)
    assert sign_flip_p(np.ones(6, np.int64)) <= 0.05 < sign_flip_p(np.ones(5, np.int64))
    assert change(5, 0).smallest_rise(0.05) is None


def test_the_pairs_that_settle_an_open_answer():
    found = change(12, 0)
    needed = pairs_for_answer(0.0, found.interval.limits, found.moved, margin=0.05)
    assert needed == 72


def test_a_tolerance_is_the_value_that_is_tested():
    old = np.zeros(40, int)
    new = np.array([1] * 12 + [0] * 28)
    trials = np.ones(40, int)
    plain = paired_difference((old, trials), (new, trials), resamples=200)
    near = paired_difference(
        (old, trials), (new, trials), resamples=200, tolerance=0.29
    )
    assert plain.p < 0.001
    assert near.p > 0.5
