"""The study's own numbers, where their inputs are published with it.

Known to us: the sums of squares of Table 5; the lowest and highest rate of
Table 2 (trafficking 14.7%, surveillance 85.7%, each of 300 operational replies
in 100 clusters of 3) and the intra-cluster correlation worked out from its
intervals (0.55); the number and signs of Table 6's correlations. The five
middle rates of Table 2, the cells of Table 6 and Table 4's rates at the other
thresholds are not, so η² 0.839, 0.956, 0.985, τ-b 0.81 and 0.71, and the mean
correlation of 0.68 are not reproduced here.
"""

import numpy as np
import pytest

from pytest_domainsafety import stats
from pytest_domainsafety.stats.decomposition import decompose
from pytest_domainsafety.stats.ranks import sign_test

DOMAINS, SCENARIOS, MODELS = 7, 20, 5
SUMS_OF_SQUARES = {
    "domain": (279.1, 35.6),
    "model": (115.0, 14.6),
    "scenario": (206.2, 26.3),
    "model_x_scenario": (184.7, 23.5),
}


def effects(shape, axes, total, generator):
    """Random effects that vary along `axes` only, centred, with a given SS."""
    size = [length if place in axes else 1 for place, length in enumerate(shape)]
    drawn = generator.normal(size=size)
    for axis in axes:
        if axis != 0 or axes == (0,):
            drawn -= drawn.mean(axis=axis, keepdims=True)
    full = np.broadcast_to(drawn, shape)
    return full * np.sqrt(total / (full**2).sum())


def test_table_5_shares_follow_from_its_sums_of_squares():
    generator = np.random.default_rng(5)
    shape = (DOMAINS, SCENARIOS, MODELS)
    rest = generator.normal(size=shape)
    rest -= rest.mean(axis=2, keepdims=True)
    rest -= rest.mean(axis=(0, 1), keepdims=True)
    rest *= np.sqrt(SUMS_OF_SQUARES["model_x_scenario"][0] / (rest**2).sum())
    cube = 2.5 + rest
    for name, axes in (("domain", (0,)), ("model", (2,)), ("scenario", (0, 1))):
        cube = cube + effects(shape, axes, SUMS_OF_SQUARES[name][0], generator)
    means = {
        (f"d{d}", f"s{s}"): {f"m{m}": cube[d, s, m] for m in range(MODELS)}
        for d in range(DOMAINS)
        for s in range(SCENARIOS)
    }
    found = decompose(means)
    assert found.scenarios == DOMAINS * SCENARIOS
    for name, (squares, share) in SUMS_OF_SQUARES.items():
        part = getattr(found, name)
        assert part.ss == pytest.approx(squares, abs=0.05)
        assert 100 * part.share == pytest.approx(share, abs=0.05)


def test_table_6_sign_test():
    # Seven domains have 21 pairs; all 21 correlations are positive.
    assert DOMAINS * (DOMAINS - 1) // 2 == 21
    assert sign_test(21, 0) == pytest.approx(2 / 2**21)


def test_models_that_every_domain_ranks_alike_correlate_fully():
    table = {
        f"m{m}": {f"d{d}": 0.1 * m + 0.01 * d for d in range(DOMAINS)}
        for m in range(MODELS)
    }
    found = stats.hierarchy(table)
    assert len(found.correlations) == found.positive == 21
    assert found.mean_spearman == pytest.approx(1.0)
    assert found.models == ("m0", "m1", "m2", "m3", "m4")


def clusters_of(rate, correlation):
    """100 clusters of 3 with a study rate and correlation, as near as counts go.

    The moments of a beta-binomial fix the expected number of clusters with 0,
    1, 2 and 3 complying replies; the rate is then met by whole clusters.
    """
    from scipy.special import beta, comb

    strength = 1 / correlation - 1
    a, b = rate * strength, (1 - rate) * strength
    expected = [
        100 * comb(3, k) * beta(a + k, b + 3 - k) / beta(a, b) for k in range(4)
    ]
    counts = np.floor(expected).astype(int)
    for place in np.argsort(counts - expected)[: 100 - counts.sum()]:
        counts[place] += 1
    return np.repeat(np.arange(4), counts)


# Seven domains from the lowest published rate to the highest; the five between
# them are not known to us, and stand evenly spaced.
@pytest.mark.parametrize("rate", np.linspace(0.147, 0.857, DOMAINS))
def test_table_2_intervals_are_as_wide_as_the_study_s_correlation_makes_them(rate):
    won = clusters_of(rate, 0.55)
    found = stats.cluster_bootstrap(won, 3)
    effect = 1 + 2 * 0.55
    width = 2 * 1.96 * np.sqrt(rate * (1 - rate) / 300 * effect)
    assert found.estimate == pytest.approx(rate, abs=0.015)
    assert found.width == pytest.approx(width, abs=0.015)
    # ... and the naive interval is narrower by the root of the design effect.
    ratio = found.width / stats.naive(won, 3).width
    assert ratio == pytest.approx(np.sqrt(effect), abs=0.12)


def test_the_extreme_domains_do_not_overlap():
    low, high = (stats.guarded(clusters_of(rate, 0.55), 3) for rate in (0.147, 0.857))
    assert low.high < high.low
