"""Tables against other implementations and against definitions written out."""

import itertools

import numpy as np
import pytest

from pytest_domainsafety import stats
from pytest_domainsafety.stats.regression import sign_flip_p

RNG = np.random.default_rng(11)


def test_strata_are_the_best_of_all_partitions():
    rates = dict(zip("abcdefg", RNG.random(7), strict=True))
    values = np.array(sorted(rates.values()))
    total = ((values - values.mean()) ** 2).sum()
    for k in (2, 3, 4):
        best = 0.0
        for labels in itertools.product(range(k), repeat=7):
            groups = [values[np.array(labels) == g] for g in range(k)]
            if all(len(group) for group in groups):
                between = sum(len(g) * (g.mean() - values.mean()) ** 2 for g in groups)
                best = max(best, between / total)
        found = stats.strata(rates, k)
        assert found.eta_squared == pytest.approx(best)
        assert [rates[name] for group in found.groups for name in group] == list(values)


def test_strata_of_equal_rates_and_of_too_few():
    assert stats.strata([0.2, 0.2, 0.2], 2) is None
    with pytest.raises(ValueError, match="2 rates"):
        stats.strata([0.1, 0.2], 3)
    assert stats.strata([0.1, 0.5, 0.6], 2).groups == ((0,), (1, 2))


@pytest.mark.parametrize("size", [4, 7, 12, 40])
@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlations_agree_with_scipy(size, ties):
    scipy_stats = pytest.importorskip("scipy.stats")
    a, b = RNG.random((2, size))
    if ties:
        a, b = np.round(a * 3), np.round(b * 3)
        a[0], a[1], b[0], b[1] = 0, 1, 0, 1
    method = "asymptotic" if ties else "exact"
    theirs = scipy_stats.kendalltau(a, b, method=method)
    ours = stats.kendall(a, b)
    assert ours.tau == pytest.approx(theirs.statistic)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert stats.spearman(a, b) == pytest.approx(scipy_stats.spearmanr(a, b).statistic)


def test_a_constant_row_has_no_correlation():
    assert stats.kendall([1, 1, 1], [1, 2, 3]) == stats.Kendall(None, None)
    assert stats.spearman([1, 1, 1], [1, 2, 3]) is None


def test_agreement_agrees_with_krippendorff_statsmodels_and_sklearn():
    krippendorff = pytest.importorskip("krippendorff")
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    metrics = pytest.importorskip("sklearn.metrics")
    a = RNG.integers(1, 6, 80)
    b = np.where(RNG.random(80) < 0.6, a, RNG.integers(1, 6, 80))
    found = stats.agreement(list(a), list(b), resamples=500)
    alpha = krippendorff.alpha([a, b], level_of_measurement="ordinal")
    assert found.alpha["guidance"] == pytest.approx(alpha)
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(a >= 3, b >= 3))
    theirs = metrics.cohen_kappa_score(a, b, weights="quadratic")
    assert found.weighted_kappa["guidance"] == pytest.approx(theirs)
    both = metrics.confusion_matrix(a >= 3, b >= 3).ravel()
    assert list(found.confusion.values()) == list(both)
    table = np.array(
        [[((a >= 3) == i) & ((b >= 3) == j) for j in (0, 1)] for i in (0, 1)]
    ).sum(axis=2)
    theirs = inter_rater.cohens_kappa(table)
    assert found.kappa == pytest.approx(theirs.kappa)
    low, high = theirs.kappa_low, theirs.kappa_upp
    assert found.kappa_ci == pytest.approx((low, high), abs=0.05)
    assert found.exact["guidance"] == pytest.approx((a == b).mean())


def test_no_replies_have_no_agreement():
    found = stats.agreement([], [], resamples=100)
    assert (found.n, found.kappa, found.alpha["guidance"]) == (0, None, None)
    assert found.spearman == found.weighted_kappa == {"guidance": None}


def test_judges_that_say_the_same_always_have_no_kappa():
    found = stats.agreement([1, 1, 2], [1, 2, 1], resamples=100)
    assert found.kappa is None
    assert found.kappa_ci is None
    assert found.binary_agreement == 1


def test_agreement_wants_the_same_replies():
    with pytest.raises(ValueError, match="same replies"):
        stats.agreement([1, 2], [1])
    with pytest.raises(ValueError, match="scales differ"):
        stats.agreement({"guidance": [1]}, {"refusal": [1]})


def test_holm_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for size in (1, 7, 35):
        p = RNG.random(size) ** 3
        theirs = multitest.multipletests(p, method="holm")[1]
        assert stats.holm(p) == pytest.approx(theirs)


def test_the_sign_flip_test_counts_all_flips():
    changes = np.array([1, 1, 2, -1, 3, 0, 2, 1])
    flips = np.array(list(itertools.product((-1, 1), repeat=8)))
    sums = np.abs(flips @ changes)
    expected = (sums >= abs(changes.sum()) - 1e-9).mean()
    assert sign_flip_p(changes) == pytest.approx(expected)
    # Times a large number the sums have too many places, so that flips are drawn.
    assert sign_flip_p(changes * 10**6) == pytest.approx(expected, abs=0.006)


def test_flips_are_of_the_difference_that_is_estimated():
    """All flips of the pairs' weighted changes, written out."""
    old, new = (
        (RNG.integers(0, 2, 9), RNG.integers(1, 4, 9)),
        (RNG.integers(0, 2, 9), RNG.integers(1, 6, 9)),
    )
    found = stats.paired_difference(old, new, resamples=10)
    weights = old[1] * new[1] / (old[1] + new[1])
    parts = weights * (new[0] / new[1] - old[0] / old[1]) / weights.sum()
    flips = np.array(list(itertools.product((-1, 1), repeat=9)))
    assert parts.sum() == pytest.approx(found.difference)
    assert found.rates[1] - found.rates[0] == pytest.approx(found.difference)
    as_far = np.abs(flips @ parts) >= abs(parts.sum()) - 1e-9
    assert found.p == pytest.approx(as_far.mean())


def test_with_equal_sizes_the_rates_are_the_plain_ones():
    won = RNG.integers(0, 4, 10), RNG.integers(0, 6, 10)
    old, new = (won[0], np.full(10, 3)), (won[1], np.full(10, 5))
    found = stats.paired_difference(old, new, resamples=10)
    assert found.rates == pytest.approx((won[0].sum() / 30, won[1].sum() / 50))


@pytest.mark.parametrize("lost", ["none", "at random", "of bad pairs"])
def test_a_comparison_without_change_is_seldom_a_regression(lost):
    """Fewer than 5% are called a change, whatever replies are missing."""
    runs, pairs = 400, 20
    alarms = 0
    for _ in range(runs):
        rates = RNG.beta(0.2, 0.6, pairs)
        sizes = np.full((2, pairs), 3)
        if lost == "at random":
            sizes -= RNG.integers(0, 3, (2, pairs))
        elif lost == "of bad pairs":
            sizes[1] -= 2 * (rates > 0.5)
        won = RNG.binomial(sizes, rates)
        found = stats.paired_difference(
            (won[0], sizes[0]), (won[1], sizes[1]), resamples=2
        )
        alarms += found.p < 0.05
    # 5% of 400 runs, and three standard errors.
    assert alarms <= 20 + 3 * 4.4


def test_the_paired_interval_agrees_with_scipy():
    scipy_stats = pytest.importorskip("scipy.stats")
    old, new = RNG.binomial(3, 0.4, 30), RNG.binomial(3, 0.6, 30)
    found = stats.paired_difference(
        (old, np.full(30, 3)), (new, np.full(30, 3)), resamples=30_000
    )
    theirs = scipy_stats.bootstrap(
        ((new - old) / 3,),
        np.mean,
        n_resamples=30_000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found.difference == pytest.approx((new - old).mean() / 3)
    assert found.interval.limits == pytest.approx(theirs, abs=0.012)


def test_nothing_in_common_is_no_difference():
    found = stats.paired_difference(([], []), ([], []))
    assert (found.pairs, found.difference, found.p) == (0, None, 1.0)


def test_the_intra_cluster_correlation_agrees_with_an_analysis_of_variance():
    # Equal clusters: ρ = (F − 1) ÷ (F − 1 + m) from the one-way F statistic.
    scipy_stats = pytest.importorskip("scipy.stats")
    won = RNG.binomial(3, RNG.beta(0.5, 0.5, 60))
    replies = [[1] * k + [0] * (3 - k) for k in won]
    f = scipy_stats.f_oneway(*replies).statistic
    found = stats.intra_cluster_correlation(stats.Outcomes.of(won, 3))
    assert found == pytest.approx((f - 1) / (f - 1 + 3))


def test_variance_parts_agree_with_a_linear_model():
    api = pytest.importorskip("statsmodels.formula.api")
    anova = pytest.importorskip("statsmodels.stats.anova")
    pandas = pytest.importorskip("pandas")
    rows = [
        (f"m{m}", f"d{d}", f"s{s}", RNG.normal(m + 2 * d, 1))
        for m in range(3)
        for d in range(3)
        for s in range(4)
    ]
    frame = pandas.DataFrame(rows, columns=["model", "domain", "scenario", "y"])
    fit = api.ols("y ~ C(domain) + C(model) + C(domain):C(scenario)", frame).fit()
    theirs = anova.anova_lm(fit)["sum_sq"]
    found = stats.variance_decomposition(rows)
    for name, row in (
        ("domain", "C(domain)"),
        ("model", "C(model)"),
        ("scenario", "C(domain):C(scenario)"),
        ("model_x_scenario", "Residual"),
    ):
        assert getattr(found, name).ss == pytest.approx(theirs[row])
    assert stats.variance_decomposition(rows[:4]) is None


def test_cohens_d_is_the_paired_one():
    a, b = RNG.normal(size=(2, 30))
    expected = (b - a).mean() / (b - a).std(ddof=1)
    assert stats.cohens_d(a, b) == pytest.approx(expected)
    assert stats.cohens_d([1, 2], [2, 3]) is None
