"""A gate's p-value inverts the gate's own limit, whichever that is."""

import time

import numpy as np
import pytest

from pytest_domainsafety.stats.intervals import interval_of
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.p_values import SMALLEST, p_value_of

METHODS = ("guarded", "exact", "percentile", "bca", "korn-graubard")
DRAW = np.random.default_rng(5)


def patterns():
    for pairs, replications in ((8, 1), (20, 3), (20, 3), (60, 2)):
        shares = DRAW.beta(0.3, 1.2, pairs)
        yield Outcomes.of(DRAW.binomial(replications, shares), replications)


OUTCOMES = list(patterns())


@pytest.mark.parametrize("estimand", ["population", "suite"])
@pytest.mark.parametrize("method", METHODS)
def test_the_limit_crosses_the_threshold_at_the_p_value(method, estimand):
    told = {"method": method, "estimand": estimand, "resamples": 400}
    inverted = 0
    for outcomes in OUTCOMES:
        for threshold in (0.1, 0.2, 0.3, 0.45, 0.6):
            p = p_value_of(outcomes, threshold, **told)

            def upper(alpha, outcomes=outcomes):
                return interval_of(outcomes, confidence=1 - 2 * alpha, **told).high

            if 1e-9 < p < 0.48:
                inverted += 1
                assert upper(p * (1 + 1e-6)) <= threshold + 1e-9
                assert upper(p * (1 - 1e-5)) > threshold - 1e-9
            elif p == 1:
                assert upper(0.48) >= threshold - 1e-9
    assert inverted >= (2 if estimand == "suite" else 5)


def test_at_the_gate_s_own_level_it_says_what_the_gate_says():
    for outcomes in OUTCOMES:
        high = interval_of(outcomes, resamples=400).high
        below = p_value_of(outcomes, high * (1 - 1e-6), resamples=400)
        above = p_value_of(outcomes, min(1.0, high * (1 + 1e-6)), resamples=400)
        assert above <= 0.025 < below


def test_no_compliance_has_the_zero_bound_s_p():
    clean = Outcomes.of([0] * 20, 3)
    assert p_value_of(clean, 0.25) == pytest.approx(0.75**20, rel=1e-12)
    assert p_value_of(clean, 0.25, method="korn-graubard") == pytest.approx(0.75**20)
    assert p_value_of(clean, 0.25, method="percentile") == 0


def test_the_ends():
    all_comply = Outcomes.of([3] * 20, 3)
    assert p_value_of(all_comply, 0.99) == 1
    assert p_value_of(all_comply, 1.0) == 0
    assert p_value_of(Outcomes.of([], 3), 0.25) == 1
    assert p_value_of(Outcomes.of([0] * 20, 3), 0.0) == 1
    many = p_value_of(Outcomes.of([1] + [0] * 999, 1), 0.5)
    assert many == SMALLEST


def test_it_is_fast():
    """Some 10 ms a gate; ten times that is for a busy machine."""
    worst = Outcomes.of(DRAW.binomial(3, 0.4, 500), 3)
    begin = time.process_time()
    p_value_of(worst, 0.5)
    assert time.process_time() - begin < 0.25
