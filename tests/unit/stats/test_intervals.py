"""Intervals against scipy, statsmodels, a second definition, and at their edges."""

import itertools

import numpy as np
import pytest

from pytest_domainsafety import stats
from pytest_domainsafety.stats.intervals import (
    _fillings,
    effective_size,
    interval_of,
    korn_graubard_of,
    monotone_lower,
    monotone_upper,
)
from pytest_domainsafety.stats.outcomes import Outcomes

RNG = np.random.default_rng(7)
EQUAL = (RNG.binomial(3, RNG.beta(0.4, 0.8, 60)), np.full(60, 3))
SIZES = RNG.integers(1, 6, 45)
UNEQUAL = (RNG.binomial(SIZES, RNG.beta(0.6, 0.6, 45)), SIZES)


def ratio(won, tried, axis=-1):
    return won.sum(axis=axis) / tried.sum(axis=axis)


@pytest.mark.parametrize("clusters", [EQUAL, UNEQUAL], ids=["equal", "unequal"])
@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_the_bootstrap_agrees_with_scipy(clusters, method):
    scipy_stats = pytest.importorskip("scipy.stats")
    theirs = scipy_stats.bootstrap(
        clusters,
        ratio,
        n_resamples=40_000,
        paired=True,
        method=method,
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = stats.cluster_bootstrap(*clusters, resamples=40_000, method=method)
    assert ours.estimate == pytest.approx(ratio(*clusters))
    assert ours.limits == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_bootstrap_has_the_distribution_of_drawn_clusters():
    won, tried = UNEQUAL
    drawn = RNG.integers(0, len(won), size=(40_000, len(won)))
    rates = won[drawn].sum(axis=1) / tried[drawn].sum(axis=1)
    ours = stats.cluster_bootstrap(won, tried, resamples=40_000, confidence=0.8)
    assert ours.limits == pytest.approx(np.quantile(rates, [0.1, 0.9]), abs=0.004)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    first, second = (stats.cluster_bootstrap(*UNEQUAL, resamples=99) for _ in "ab")
    other = stats.cluster_bootstrap(*UNEQUAL, resamples=99, seed=1)
    assert first == second
    assert first != other


@pytest.mark.parametrize(("events", "replies"), [(0, 9), (3, 20), (11, 12), (7, 7)])
def test_exact_and_wilson_limits_agree_with_statsmodels(events, replies):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for method, ours in (
        ("beta", stats.clopper_pearson(events, replies)),
        ("wilson", stats.naive([events], [replies])),
    ):
        theirs = proportion.proportion_confint(events, replies, method=method)
        assert ours.limits == pytest.approx(theirs, abs=1e-12)


def test_korn_graubard_agrees_with_the_survey_formula():
    # The design-effect road: deff = v ÷ (p(1−p) ÷ n), F quantiles for the limits.
    scipy_stats = pytest.importorskip("scipy.stats")
    won, tried = UNEQUAL
    k, n, p = len(won), tried.sum(), won.sum() / tried.sum()
    influence = (won - p * tried) / tried.mean()
    deff = (np.var(influence, ddof=1) / k) / (p * (1 - p) / n)
    shrink = (scipy_stats.t.ppf(0.975, n - 1) / scipy_stats.t.ppf(0.975, k - 1)) ** 2
    size = min(n / deff, n) * shrink
    x = p * size
    f_low = scipy_stats.f.ppf(0.025, 2 * x, 2 * (size - x + 1))
    f_high = scipy_stats.f.ppf(0.975, 2 * (x + 1), 2 * (size - x))
    low = x * f_low / (size - x + 1 + x * f_low)
    high = (x + 1) * f_high / (size - x + (x + 1) * f_high)
    assert stats.korn_graubard(won, tried).limits == pytest.approx((low, high))


def test_replications_are_what_the_suite_estimand_resamples():
    won, tried = np.array([0, 1, 3, 6]), np.full(4, 6)
    drawn = RNG.binomial(6, won / 6, size=(60_000, 4)).sum(axis=1) / 24
    ours = stats.replication_bootstrap(won, tried, resamples=60_000)
    assert ours.limits == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    wider = stats.cluster_bootstrap(won, tried)
    assert ours.width < wider.width


@pytest.mark.parametrize("estimand", ["population", "suite"])
@pytest.mark.parametrize(
    "method", ["guarded", "exact", "percentile", "bca", "korn-graubard"]
)
def test_no_cluster_means_that_nothing_is_known(method, estimand):
    nothing = interval_of(Outcomes.of([], []), method=method, estimand=estimand)
    assert (nothing.estimate, nothing.low, nothing.high) == (None, 0.0, 1.0)
    assert nothing.method == method


def test_clusters_without_a_trial_tell_nothing():
    assert stats.guarded([1, 0, 2], [3, 0, 3]) == stats.guarded([1, 2], [3, 3])


@pytest.mark.parametrize("clusters", [1, 2, 20, 500])
def test_without_compliance_the_limit_is_the_exact_bound_on_clusters(clusters):
    guarded = stats.guarded(np.zeros(clusters), 3)
    assert guarded.low == 0
    assert guarded.high == pytest.approx(1 - 0.025 ** (1 / clusters))
    mirror = stats.guarded(np.full(clusters, 3), 3)
    assert (mirror.low, mirror.high) == pytest.approx((1 - guarded.high, 1.0))
    # ... while the bootstrap certifies a safe model on no evidence at all.
    assert stats.cluster_bootstrap(np.zeros(clusters), 3).limits == (0, 0)


def test_one_cluster_rules_almost_nothing_out():
    one = stats.guarded([1], [3])
    assert one.low < 0.01
    assert one.high > 0.99


def test_clusters_that_are_all_alike_count_as_one_reply_each():
    alike = stats.korn_graubard(np.full(20, 1), 3)
    assert alike.limits == pytest.approx(stats.clopper_pearson(20 / 3, 20).limits)


def test_guarded_is_the_widest():
    for clusters in (EQUAL, UNEQUAL):
        guarded = stats.guarded(*clusters)
        for other in (stats.cluster_bootstrap, stats.korn_graubard):
            narrower = other(*clusters)
            assert guarded.low <= narrower.low <= narrower.high <= guarded.high


def patterns(clusters, replies):
    """Yield each way in which clusters of one size can turn out, as counts."""
    for rest in itertools.product(range(clusters + 1), repeat=replies):
        if sum(rest) <= clusters:
            yield (clusters - sum(rest), *rest)


def outcomes_of(pattern):
    counts = np.array(pattern)
    seen = counts > 0
    won = np.arange(float(len(pattern)))
    return Outcomes(won[seen], np.full(seen.sum(), len(pattern) - 1.0), counts[seen])


def test_one_more_complying_reply_never_lowers_the_monotone_limits():
    limits = {
        pattern: (monotone_lower(found), monotone_upper(found))
        for pattern in patterns(8, 3)
        for found in [outcomes_of(pattern)]
    }
    plain_falls = 0
    for pattern, (low, high) in limits.items():
        plain = korn_graubard_of(outcomes_of(pattern))
        assert high >= plain.high - 1e-12 or not plain.estimate
        for level in range(3):
            if pattern[level]:
                worse = list(pattern)
                worse[level] -= 1
                worse[level + 1] += 1
                next_low, next_high = limits[tuple(worse)]
                assert next_high >= high - 1e-12
                assert next_low >= low - 1e-12
                after = korn_graubard_of(outcomes_of(tuple(worse)))
                plain_falls += bool(plain.estimate) and after.high < plain.high - 1e-3
    assert plain_falls > 0, "the search no longer finds what the envelope is for"


def test_patterns_are_filled_cluster_by_cluster():
    """The sums over distinct outcomes, against clusters filled one by one."""
    generator = np.random.default_rng(8)
    for _ in range(20):
        trials = generator.integers(1, 6, 12)
        won = generator.binomial(trials, 0.4)
        found = Outcomes.of(won, trials)
        totals, squares, products = _fillings(found, int(found.events))
        order = np.argsort(-found.successes, kind="stable")
        clusters = [
            (found.successes[place], found.trials[place])
            for place in order
            for _ in range(found.counts[place])
        ]
        for total, square, product in zip(totals, squares, products, strict=True):
            left, filled = total, []
            for most, size in clusters:
                filled.append((min(left, most), size))
                left -= filled[-1][0]
            assert sum(events**2 for events, _ in filled) == square
            assert sum(events * size for events, size in filled) == product


@pytest.mark.parametrize(
    ("won", "tried"),
    [([4], [3]), ([-1], [3]), ([0.5], [3]), ([1, 2], [3]), ([np.nan], [3])],
)
def test_what_is_not_a_cluster_is_refused(won, tried):
    with pytest.raises(ValueError, match=r"successes|shapes"):
        stats.guarded(won, tried)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="confidence"):
        stats.guarded([1], [3], confidence=1.0)
    with pytest.raises(ValueError, match="resamples"):
        stats.cluster_bootstrap([1, 0], [3, 3], resamples=0)
    with pytest.raises(ValueError, match="no interval"):
        interval_of(Outcomes.of([1], [3]), method="exactly")


def test_many_distinct_outcomes_are_drawn_in_rounds():
    tried = np.arange(2000, 3200)
    won = RNG.binomial(tried, 0.3)
    found = stats.cluster_bootstrap(won, tried, resamples=5000)
    assert found.low < 0.3 < found.high
    assert found.width < 0.01


def test_every_public_name_loads():
    for name in stats.__all__:
        assert getattr(stats, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        stats.nonsense  # noqa: B018


def test_a_single_complying_reply_does_not_lower_the_limit():
    none = stats.guarded(np.zeros(20), 3)
    one = stats.guarded([1, *[0] * 19], 3)
    assert stats.korn_graubard([1, *[0] * 19], 3).high < none.high
    assert one.high == none.high


def test_the_gate_s_limit_is_the_monotone_one():
    alike = np.full(20, 1)
    worse = np.array([2, *[1] * 19])
    assert (
        stats.korn_graubard(worse, 3).high < stats.korn_graubard(alike, 3).high - 0.05
    )
    assert stats.guarded(worse, 3).high >= stats.guarded(alike, 3).high - 1e-12


def test_guarded_is_the_bootstrap_where_that_is_wider():
    won = np.repeat([0, 1, 3], [1, 2, 7])
    resampled = stats.cluster_bootstrap(won, 3)
    assert stats.korn_graubard(won, 3).high < resampled.high
    assert stats.guarded(won, 3).high == resampled.high


def test_bca_corrects_for_skew_as_scipy_does():
    scipy_stats = pytest.importorskip("scipy.stats")
    tried = np.array([1] * 20 + [30] * 3)
    won = np.array([1, 1, *[0] * 18, 25, 3, 0])
    ours, plain = (
        stats.cluster_bootstrap(won, tried, resamples=40_000, method=method)
        for method in ("bca", "percentile")
    )
    theirs = scipy_stats.bootstrap(
        (won, tried),
        ratio,
        n_resamples=40_000,
        paired=True,
        method="bca",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert ours.limits == pytest.approx((theirs.low, theirs.high), abs=0.012)
    assert ours.high > plain.high + 0.03


@pytest.mark.parametrize("pairs", [5, 20, 72])
def test_one_reply_a_pair_is_clopper_pearson_on_pairs(pairs):
    """Not on fewer: the squared t ratio alone put 20 pairs at 17.4 (§M4.3)."""
    for events in (1, 2, pairs // 2):
        won = [1] * events + [0] * (pairs - events)
        limits = stats.korn_graubard(won, 1)
        exact = stats.clopper_pearson(events, pairs)
        assert limits.low == pytest.approx(exact.low, rel=1e-12)
        assert limits.high == pytest.approx(exact.high, rel=1e-12)


@pytest.mark.parametrize("replications", [1, 3, 5, 10, 50])
def test_the_effective_size_is_held_between_k_and_2k(replications):
    draw = np.random.default_rng(1)
    for rate in (0.02, 0.3, 0.9):
        won = draw.binomial(replications, rate, size=20)
        alone = np.array([replications] + [0] * 19)
        for pattern in (won, alone, np.minimum(1, won)):
            size = effective_size(Outcomes.of(pattern, replications))
            assert 20 <= size <= 40, (rate, pattern)


def test_independent_replies_count_twice_the_pairs_and_no_more():
    won = [1] * 10 + [0] * 10
    outcomes = Outcomes.of(won, 10)
    assert effective_size(outcomes) == 40
    high = stats.korn_graubard(won, 10).high
    assert high == pytest.approx(stats.clopper_pearson(2, 40).high, rel=1e-12)
