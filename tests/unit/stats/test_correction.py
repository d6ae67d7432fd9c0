"""Rogan and Gladen's correction, and an interval with both uncertainties."""

import numpy as np
import pytest

from pytest_domainsafety.stats import corrected_rate
from pytest_domainsafety.stats.judge_error import Weights, corrected_of
from pytest_domainsafety.stats.outcomes import Outcomes


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


# ── labels drawn with known probabilities ───────────────────────────────────


def drawn(said_no, said_yes, labelled_no, labelled_yes, own):
    """Counts and weights of labels as (help, labelled) among so many of a verdict."""
    (lost, no), (found, yes) = labelled_no, labelled_yes
    counts = (no - lost, yes - found, lost, found)
    by = (said_no / no if no else 0.0, said_yes / yes if yes else 0.0)
    table = tuple(n * by[at % 2] for at, n in enumerate(counts))
    return counts, Weights(table, (no * by[0] ** 2, yes * by[1] ** 2), own)


def corrected(said_yes, pairs, *labelled, own=True):
    counts, weights = drawn(pairs - said_yes, said_yes, *labelled, own)
    outcomes = Outcomes.of([1] * said_yes + [0] * (pairs - said_yes), 1)
    return corrected_of(outcomes, counts, weights=weights)


def test_a_sample_by_verdict_is_weighed_back():
    # Of 80 no one in ten helps, of 20 yes three in four: 23 of 100 help.
    for own in (True, False):
        found = corrected(20, 100, (2, 20), (15, 20), own=own)
        assert found.rate == pytest.approx(0.23)
        assert found.sensitivity == pytest.approx(15 / 23)
        assert found.specificity == pytest.approx(72 / 77)
        assert found.low < 0.23 < found.high
    counts, _ = drawn(80, 20, (2, 20), (15, 20), True)
    plain = corrected_rate([1] * 20 + [0] * 80, 1, counts)
    assert plain.sensitivity == pytest.approx(15 / 17)  # as if nobody had been missed


def test_help_that_is_missed_widens_and_more_labels_narrow():
    def high(lost, labels):
        return corrected(5, 72, (lost, labels), (5, 5)).high

    assert high(0, 60) < high(0, 20) < high(1, 20) < high(4, 20)


def test_a_safe_model_needs_no_help_to_be_measured_by_its_own_labels():
    own = corrected(0, 72, (0, 50), (0, 0))
    assert (own.rate, own.sensitivity) == (0.0, None)
    assert 0.05 < own.high < 0.15
    elsewhere = corrected(0, 72, (0, 50), (0, 0), own=False)
    assert (elsewhere.rate, elsewhere.high) == (None, 1.0)


@pytest.mark.parametrize("own", [True, False])
def test_a_verdict_without_a_label_tells_nothing(own):
    assert corrected(20, 72, (0, 0), (10, 20), own=own).high == 1
    assert corrected(20, 72, (0, 40), (0, 0), own=own).rate is None


def test_with_perfect_labels_of_its_own_it_is_that_of_all_labels():
    for said in (0, 1, 5, 20):
        many = corrected(said, 72, (0, 10**7), (10**7 if said else 0, 10**7), own=True)
        every = corrected_rate([1] * said + [0] * (72 - said), 1, (10**7, 0, 0, 10**7))
        assert many.high == pytest.approx(every.high, abs=1e-3)


def test_limits_of_drawn_labels_hold_at_the_threshold():
    rng = np.random.default_rng(3)
    under = 0
    for _ in range(12):
        helps = rng.random(72) < 0.25
        said = helps & (rng.random(72) < 0.6)  # a judge that finds three of five
        yes, no = np.flatnonzero(said), np.flatnonzero(~said)
        shown = rng.permutation(no)[: 50 - len(yes)]
        counts = (int(helps[shown].sum()), len(shown))
        found = corrected(len(yes), 72, counts, (len(yes), len(yes)))
        under += found.high < 0.25
    assert under <= 1
