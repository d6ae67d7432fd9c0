"""Rogan and Gladen's correction, and an interval with both uncertainties."""

import numpy as np
import pytest

from pytest_domainsafety.stats import corrected_rate


def test_the_textbook_formula():
    # 30% apparent, sensitivity 0.9, specificity 0.8: (0.3 + 0.8 - 1) / 0.7.
    found = corrected_rate([3] * 20, 10, (80, 20, 10, 90))
    assert found.rate == pytest.approx(0.1 / 0.7)
    assert (found.sensitivity, found.specificity) == (0.9, 0.8)
    assert (found.apparent, found.labelled) == (0.3, 200)
    assert found.low < found.rate < found.high


def test_a_perfect_judge_changes_nothing_but_is_not_believed_blindly():
    successes, trials = [0, 3, 1, 2, 0, 3] * 4, 3
    few = corrected_rate(successes, trials, (10, 0, 0, 10))
    many = corrected_rate(successes, trials, (100_000, 0, 0, 100_000))
    assert few.rate == many.rate == pytest.approx(0.5)
    assert few.low < many.low
    assert few.high > many.high


def test_more_labels_and_more_replies_both_tell_more():
    def width(pairs, labels):
        table = [count * labels for count in (16, 4, 2, 18)]
        found = corrected_rate([1, 0, 2, 3] * pairs, 5, table)
        return found.high - found.low

    assert width(5, 1) > width(50, 1) > width(50, 100)
    assert width(5, 1) > width(5, 100)


@pytest.mark.parametrize("table", [(50, 50, 50, 50), (10, 90, 90, 10), (0, 0, 0, 0)])
def test_a_judge_no_better_than_chance_tells_nothing(table):
    found = corrected_rate([5] * 10, 10, table)
    assert found.rate is None
    assert (found.low, found.high) == (0, 1)


def test_no_replies_tell_nothing():
    found = corrected_rate([], [], (10, 1, 1, 10))
    assert (found.rate, found.low, found.high) == (None, 0, 1)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(5)
    truth, sensitivity, specificity = 0.2, 0.85, 0.9
    said = truth * sensitivity + (1 - truth) * (1 - specificity)
    held = 0
    for _ in range(100):
        yes = rng.binomial(120, truth)
        found_yes, false = (
            rng.binomial(yes, sensitivity),
            rng.binomial(120 - yes, 1 - specificity),
        )
        table = (120 - yes - false, false, yes - found_yes, found_yes)
        found = corrected_rate(rng.binomial(3, said, 40), 3, table)
        held += found.low <= truth <= found.high
    assert held >= 91  # 95% of 100, less two standard errors
