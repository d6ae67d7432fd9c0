"""Looks over pairs, and the bet that may end after any pair."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from pytest_domainsafety import stats
from pytest_domainsafety.stats.anytime import anytime, log_bets
from pytest_domainsafety.stats.looks import look_plan, look_sizes
from pytest_domainsafety.stats.power_analysis import draw_runs

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("pairs", "sizes"),
    [(72, (24, 48, 72)), (20, (7, 14, 20)), (5, (2, 4, 5)), (2, (1, 2)), (1, (1,))],
)
def test_a_look_after_each_third(pairs, sizes):
    assert look_sizes(pairs) == sizes


def test_without_a_pair_there_is_no_plan():
    with pytest.raises(ValueError, match="pairs"):
        look_sizes(0)


@pytest.mark.parametrize("pairs", [1, 5, 20, 72, 1000])
def test_a_plan_spends_the_nominal_error_and_no_more(pairs):
    plan = look_plan(pairs, confidence=0.9)
    assert sum(plan.alphas) == pytest.approx(0.05)
    assert len(plan.alphas) == len(plan.sizes)
    assert plan.confidence(1) == 1 - 2 * plan.alphas[0]


@cache
def by_events(pairs, number):
    """Return the limits of a look at 0, 1, … complying pairs of one reply each."""
    plan = look_plan(pairs)
    size = plan.sizes[number - 1]
    rows = [np.arange(size) < events for events in range(size + 1)]
    return [plan.limits(number, row, 1) for row in rows]


def chance_to_pass(pairs, rate, threshold):
    """Return the exact chance, by the looks' own limits: counts of pairs convolved."""
    passed, going, done = 0.0, np.ones(1), 0
    for number, size in enumerate(look_plan(pairs).sizes, 1):
        more = size - done
        going = np.convolve(going, binom.pmf(np.arange(more + 1), more, rate))
        done = size
        highs = np.array([limits.high for limits in by_events(pairs, number)])
        passed += going[highs <= threshold].sum()
        going = np.where(highs <= threshold, 0, going)
    return passed


@pytest.mark.parametrize("pairs", [5, 20, 60, 72])
@pytest.mark.parametrize("threshold", [0.05, 0.1, 0.1685, 0.25, 0.333, 0.5, 0.8])
def test_a_model_at_the_threshold_passes_in_no_more_runs_than_it_may(pairs, threshold):
    chance = chance_to_pass(pairs, threshold, threshold)
    assert chance <= 0.025 * (1 + 1e-6)


@pytest.mark.parametrize("pairs", [20, 72])
def test_no_threshold_lies_in_between_at_which_more_pass(pairs):
    """Boundaries fall here and there as the rate grows; limits must not."""
    fine = np.arange(0.0201, 0.98, 0.0012)
    assert max(chance_to_pass(pairs, t, t) for t in fine) <= 0.025 * (1 + 1e-6)


def test_the_error_is_spent_and_not_given_away():
    spent = [chance_to_pass(36, t, t) for t in np.arange(0.1, 0.6, 0.05)]
    # A single look at 36 pairs spends 1.5% on the average, for counts are whole.
    assert np.mean(spent) > 0.012
    for events, limits in enumerate(by_events(72, 3)[:30]):
        single = stats.clopper_pearson(events, 72).high
        assert single - 1e-9 <= limits.high <= single + 0.004


def test_no_event_is_paid_for_once():
    plan = look_plan(20)
    assert plan.limits(3, np.zeros(20), 1).high == pytest.approx(
        stats.zero_event_bound(20)
    )
    assert plan.limits(3, np.zeros(20), 3).high == pytest.approx(
        stats.zero_event_bound(20)
    )
    assert plan.look(3, np.zeros(20), 1, 0.169) == "passes"
    assert plan.look(3, np.zeros(20), 1, 0.168) is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_limits_grow_with_each_complying_pair_and_mirror_each_other(number):
    found = by_events(30, number)
    highs = [limits.high for limits in found]
    lows = [limits.low for limits in found]
    assert highs == sorted(highs)
    assert lows == pytest.approx([1 - high for high in reversed(highs)])
    assert all(
        limits.low <= limits.estimate <= limits.high and limits.confidence == 0.95
        for limits in found
    )


@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize("threshold", [0.1, 0.25, 0.5])
def test_decisions_are_those_of_the_limits(replications, threshold):
    plan, found = look_plan(24), set()
    for rate in (0.02, 0.3, 0.9):
        for run in draw_runs(rate, 0.55, 24, replications, 10, RNG(5)):
            for number, size in enumerate(plan.sizes, 1):
                limits = plan.limits(number, run[:size], replications)
                decision = plan.look(number, run[:size], replications, threshold)
                expected = "fails" if limits.low > threshold else None
                if limits.high <= threshold:
                    expected = "passes"
                found.add(decision)
                assert decision == expected
    assert {"fails", None} <= found


@pytest.mark.parametrize("replications", [1, 3])
def test_a_lost_reply_speaks_for_neither_side(replications):
    plan, none = look_plan(12), np.zeros(12)
    lost = none.copy()
    lost[4] = 1
    found = plan.limits(3, none, replications - lost, lost=lost)
    complied = plan.limits(3, lost, replications)
    refused = plan.limits(3, none, replications)
    assert (found.low, found.high) == (refused.low, complied.high)
    assert found.high > refused.high
    assert found.estimate == 0
    every = plan.limits(3, none, 0, lost=replications)
    assert (every.estimate, every.low, every.high) == (None, 0, 1)


@pytest.mark.parametrize(
    ("number", "won", "scored", "words"),
    [
        (1, [0, 0, 0], 1, "has 2 pairs"),
        (0, [0, 0], 1, "no look 0"),
        (4, [0, 0], 1, "no look 4"),
        (1, [0, 0], [1, 0], "neither scored nor lost"),
        (1, [0, 2], 1, "2 successes in 1"),
        (1, [0, float("nan")], 1, "nan successes"),
    ],
)
def test_other_arrays_than_the_look_s_are_refused(number, won, scored, words):
    with pytest.raises(ValueError, match=words):
        look_plan(6).look(number, won, scored, 0.25)


def test_fewer_than_five_pairs_pass_no_look():
    assert look_plan(4).look(3, np.zeros(4), 1, 0.9) is None
    assert look_plan(4).look(3, np.zeros(4), 1, 1.0) == "passes"
    assert look_plan(5).look(3, np.zeros(5), 1, 0.9) == "passes"
    assert look_plan(4).look(3, np.ones(4), 1, 0.1) == "fails"


def test_a_safe_model_is_let_through_early():
    plan = look_plan(72)
    assert plan.look(1, np.zeros(24), 1, 0.25) == "passes"
    assert plan.look(1, np.ones(24), 1, 0.25) == "fails"
    assert plan.look(1, np.zeros(24), 1, 0.1) is None


@pytest.mark.parametrize("pairs", [300, 301])
def test_many_pairs_go_by_the_union_bound(pairs):
    limits = look_plan(pairs).limits(3, np.arange(pairs) < 15, 1)
    exact = stats.clopper_pearson(15, pairs).high
    assert exact < limits.high < exact + 0.003


# ── a bet ───────────────────────────────────────────────────────────────────


def test_a_bet_is_fair_at_the_threshold():
    """Shares of any kind whose mean is the threshold leave the stake as it was."""
    for shares, chances in (
        ([0, 1], [0.75, 0.25]),
        ([0, 1 / 3, 1], [0.625, 0.1875, 0.1875]),
        ([0.25], [1.0]),
        ([0, 0.5], [0.5, 0.5]),
    ):
        stakes = np.exp([log_bets(np.array([x]), 0.25)[0] for x in shares])
        assert np.dot(stakes, chances) == pytest.approx(1)


def test_a_model_at_the_threshold_is_seldom_let_through():
    runs = 2000
    for replications, icc in ((1, 0.0), (3, 0.55)):
        won = draw_runs(0.25, icc, 60, replications, runs, RNG(6))
        evidence = log_bets(won / replications, 0.25).max(axis=1)
        # At most 50 are expected; 71 would be three standard deviations above.
        assert (evidence >= np.log(40)).sum() <= 71


def test_the_bet_ends_at_the_first_pair_with_evidence():
    ended = anytime(np.zeros(40), 0.25)
    assert (ended.decision, ended.pairs) == ("passes", 15)
    assert ended.e_pass >= 40
    before = anytime(np.zeros(14), 0.25)
    assert (before.decision, before.e_pass < 40) == (None, True)
    # What was on its way when it ended changes nothing.
    late = np.concatenate([np.zeros(15), np.ones(60)])
    assert anytime(late, 0.25) == ended
    assert anytime(np.ones(40), 0.25).decision == "fails"


@pytest.mark.parametrize("threshold", [0, 0.05, 0.25, 0.5, 0.9, 1])
def test_the_limits_agree_with_the_bet(threshold):
    found = set()
    for rate in (0.0, 0.2, 0.5, 0.98):
        for run in draw_runs(rate, 0.5, 40, 3, 4, RNG(7)):
            at = anytime(run / 3, threshold)
            found.add(at.decision)
            assert (at.decision == "passes") == (at.high <= threshold)
            assert (at.decision == "fails") == (at.low > threshold)
            assert at.low <= at.high
    assert len(found) > 1 or threshold == 1


def test_the_edges_of_the_threshold():
    assert anytime([0.0] * 50, 0).decision is None
    assert anytime([0.0, 1 / 3], 0).decision == "fails"
    assert anytime([1.0], 1).decision == "passes"
    assert anytime([1.0] * 50, 0.999).decision is None
    nothing = anytime([], 0.25)
    assert (nothing.decision, nothing.pairs, nothing.low, nothing.high) == (
        None,
        0,
        0,
        1,
    )


def test_fewer_than_five_pairs_pass_no_bet():
    assert anytime([0.0] * 4, 0.9).decision is None
    assert anytime([0.0] * 5, 0.9).decision == "passes"
    assert anytime([1.0] * 4, 0.1).decision == "fails"


def test_a_lost_reply_is_betted_on_neither_side():
    lost = [1.0] + [0.0] * 30
    with_it = anytime(lost, 0.25, at_best=[0.0] * 31)
    assert with_it.e_pass == anytime(lost, 0.25).e_pass
    assert with_it.decision == "passes"
    refused = anytime([0.0] * with_it.pairs, 0.1)
    assert with_it.low == refused.low
    all_lost = anytime([1.0] * 60, 0.25, at_best=[0.0] * 60)
    assert (all_lost.decision, all_lost.low, all_lost.high) == (None, 0, 1)


@pytest.mark.parametrize(
    ("shares", "threshold", "best", "words"),
    [
        ([0.5, 1.1], 0.25, None, "shares"),
        ([float("nan")], 0.25, None, "shares"),
        ([[0.0]], 0.25, None, "shares"),
        ([0.0], 1.5, None, "threshold"),
        ([0.0], 0.25, [0.0, 0.0], "at_best"),
        ([0.0], 0.25, [1.0], "at_best"),
    ],
)
def test_other_shares_are_refused(shares, threshold, best, words):
    with pytest.raises(ValueError, match=words):
        anytime(shares, threshold, at_best=best)
