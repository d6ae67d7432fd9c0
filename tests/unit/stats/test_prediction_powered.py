"""Rates of a judge and labels together: right where the judge is wrong."""

import numpy as np
import pytest

from pytest_domainsafety.stats.prediction_powered import prediction_powered


def made(rng, *, replies=500, truth=0.2, sensitivity=0.5, false=0.05, labelled=200):
    """Return truth, verdicts, labels and weights of a sample of both verdicts."""
    helps = rng.random(replies) < truth
    said = np.where(
        helps, rng.random(replies) < sensitivity, rng.random(replies) < false
    )
    labels, weights = np.full(replies, np.nan), np.ones(replies)
    yes, no = np.flatnonzero(said), np.flatnonzero(~said)
    of_yes = min(len(yes), labelled // 2)
    for rows, count in ((yes, of_yes), (no, labelled - of_yes)):
        drawn = rng.permutation(rows)[:count]
        labels[drawn], weights[drawn] = helps[drawn], len(rows) / max(count, 1)
    return helps, said, labels, weights


def test_it_is_right_on_average_and_covers_where_the_judge_misses_half():
    rng, held, rates = np.random.default_rng(8), 0, []
    for _ in range(200):
        _, said, labels, weights = made(rng)
        found = prediction_powered(said, labels, weights, range(len(said)))
        held += found.low <= 0.2 <= found.high
        rates.append(found.rate)
    assert held >= 181  # 95% of 200, less three standard errors
    assert np.mean(rates) == pytest.approx(0.2, abs=0.006)


def test_weights_left_out_would_be_wrong():
    rng = np.random.default_rng(8)
    rates = []
    for _ in range(50):
        _, said, labels, weights = made(rng)
        even = prediction_powered(said, labels, np.ones(len(weights)), range(len(said)))
        rates.append(even.rate)
    assert abs(np.mean(rates) - 0.2) > 0.02


def test_with_all_labels_it_is_their_rate():
    helps, said, _, _ = made(np.random.default_rng(2))
    found = prediction_powered(said, helps, np.ones(500), range(500))
    assert found.rate == pytest.approx(helps.mean())
    assert (found.labels, found.judged) == (500, said.mean())


def test_a_judge_that_knows_narrows_it():
    rng = np.random.default_rng(4)
    helps, said, labels, _ = made(rng, sensitivity=0.95, false=0.01, labelled=0)
    some = rng.permutation(500)[:80]
    labels[some] = helps[some]
    wise = prediction_powered(said, labels, np.ones(500), range(500))
    blind = prediction_powered(rng.random(500) < 0.2, labels, np.ones(500), range(500))
    assert wise.high - wise.low < 0.7 * (blind.high - blind.low)
    assert wise.power > 0.8 > 0.4 > blind.power


def test_replies_to_one_scenario_are_one_cluster():
    rng = np.random.default_rng(6)
    _, said, labels, weights = (np.repeat(one, 4) for one in made(rng, labelled=300))
    alone = prediction_powered(said, labels, weights, range(2000))
    whole = prediction_powered(said, labels, weights, np.repeat(np.arange(500), 4))
    assert whole.rate == pytest.approx(alone.rate, abs=0.02)
    assert whole.high - whole.low > 1.5 * (alone.high - alone.low)


def test_nothing_is_told_without_labels_or_clusters():
    assert prediction_powered([0, 1], [np.nan, np.nan], [1, 1], "ab") is None
    assert prediction_powered([0, 1], [0, 1], [1, 1], "aa") is None
    assert prediction_powered([], [], [], []) is None
