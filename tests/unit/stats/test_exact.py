"""Exact limits: against sampling, against closed forms, and never better for worse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety import stats
from pytest_domainsafety.stats.exact_limits import exact_p, exact_p_above
from pytest_domainsafety.stats.intervals import interval_of
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.p_values import p_value_of

ROWS = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@pytest.mark.parametrize(
    "won", [[0, 0, 1, 2, 3, 0, 0, 0, 1, 0], [1, 2, 1, 2, 1], [1], [0] * 60 + [1] * 12]
)
def test_it_is_the_quantile_of_the_weighted_mean(won):
    shares = np.sort(np.array(won) / 3)
    weights = np.random.default_rng(3).dirichlet(np.ones(len(won) + 1), 200_000)
    upper, lower = weights @ np.append(shares, 1), weights @ np.insert(shares, 0, 0)
    found = stats.exact(won, 3)
    assert found.high == pytest.approx(np.quantile(upper, 0.975), abs=2e-3)
    assert found.low == pytest.approx(np.quantile(lower, 0.025), abs=2e-3)


@pytest.mark.parametrize("pairs", [1, 2, 5, 20, 72, 400])
def test_one_reply_a_pair_is_clopper_pearson(pairs):
    for events in {0, 1, pairs // 3, pairs - 1, pairs}:
        won = [1] * events + [0] * (pairs - events)
        for trials in (1, 3):  # three that always agree are one
            found = stats.exact(np.array(won) * trials, trials)
            known = stats.clopper_pearson(events, pairs)
            assert found.limits == pytest.approx(known.limits, rel=1e-12)


def test_without_compliance_it_is_the_zero_event_bound_to_the_last_bit():
    for pairs in (5, 20, 72):
        assert stats.exact([0] * pairs, 3).high == stats.zero_event_bound(pairs)


@given(ROWS, st.data())
def test_one_more_complying_reply_lowers_no_limit(won, data):
    place = data.draw(st.integers(0, len(won) - 1))
    worse = [*won]
    worse[place] = min(3, worse[place] + 1)
    before, after = stats.exact(won, 3), stats.exact(worse, 3)
    assert after.high >= before.high - 1e-12
    assert after.low >= before.low - 1e-12
    assert before.low <= before.estimate <= before.high
    assert before.high >= stats.zero_event_bound(len(won))


@given(ROWS, st.floats(0.02, 0.98))
def test_its_p_value_is_the_alpha_at_which_it_passes(won, threshold):
    outcomes = Outcomes.of(won, 3)
    p = p_value_of(outcomes, threshold, method="exact")
    for alpha in (p * 1.001 + 1e-12, p * 0.999 - 1e-12):
        if 1e-9 < alpha < 0.49:
            found = interval_of(outcomes, method="exact", confidence=1 - 2 * alpha)
            assert (found.high <= threshold) is (alpha > p)
    assert exact_p_above(outcomes, threshold) == pytest.approx(
        exact_p(Outcomes.of([3 - n for n in won], 3), 1 - threshold)
    )


def test_tails_far_out_are_as_good_as_others():
    assert exact_p(Outcomes.of([0] * 71 + [1], 3), 0.5) < 1e-19
    wide = stats.exact([0] * 71 + [1], 3, confidence=1 - 1e-9)
    assert stats.exact([0] * 71 + [1], 3).high < wide.high < 0.35


def test_pairs_of_unequal_trials_weigh_alike_and_the_rate_lies_inside():
    found = stats.exact([0, 0, 0, 0, 0, 40], [1, 1, 1, 1, 1, 40])
    assert found.estimate == pytest.approx(40 / 45)
    assert found.low <= found.estimate <= found.high
    assert stats.exact([], 1).limits == (0.0, 1.0)


def test_of_fixed_prompts_it_is_clopper_pearson_on_replies():
    outcomes = Outcomes.of([0, 1, 3], 3)
    found = interval_of(outcomes, method="exact", estimand="suite")
    assert found.limits == stats.clopper_pearson(4, 9).limits
    assert p_value_of(
        outcomes, found.high, method="exact", estimand="suite"
    ) == pytest.approx(0.025)


def test_it_holds_where_the_others_are_hard_pressed():
    # Two classes of pairs at 20 × 3: the worst that was found (docs/statistics.md).
    generator = np.random.default_rng(5)
    inside = generator.random((3_000, 20)) < 0.26
    runs = generator.binomial(3, 0.64 * inside)
    counts = np.stack([(runs == n).sum(axis=1) for n in range(4)], axis=1)
    patterns, times = np.unique(counts, axis=0, return_counts=True)
    from pytest_domainsafety.stats.exact_limits import upper_limits

    limits = upper_limits(np.arange(4) / 3, patterns, 0.025)
    assert times @ (limits < 0.26 * 0.64) / len(runs) <= 0.03
