"""Power, pairs needed and early stopping, checked by simulation."""

import numpy as np
import pytest

from pytest_domainsafety import stats
from pytest_domainsafety.stats.anytime import anytime
from pytest_domainsafety.stats.looks import look_plan
from pytest_domainsafety.stats.power_analysis import (
    draw_runs,
    pairs_without_compliance,
    splits_of,
)
from pytest_domainsafety.stats.simulated import STOPS, ends_of

RNG = np.random.default_rng


def test_drawn_runs_have_their_rate_and_correlation():
    won = draw_runs(0.2, 0.55, 200, 3, 500, RNG(1))
    assert won.mean() / 3 == pytest.approx(0.2, abs=0.005)
    found = stats.intra_cluster_correlation(stats.Outcomes.of(won.ravel(), 3))
    assert found == pytest.approx(0.55, abs=0.01)


@pytest.mark.parametrize(("icc", "values"), [(1.0, {0, 3}), (0.0, {0, 1, 2, 3})])
def test_the_extreme_correlations(icc, values):
    won = draw_runs(0.5, icc, 50, 3, 20, RNG(2))
    assert set(np.unique(won)) == values


def test_power_agrees_with_the_gate_itself():
    found = stats.power(0.1, 0.25, 30, runs=400)
    won = draw_runs(0.1, 0.55, 30, 3, 400, RNG(42))
    passed = [stats.guarded(run, 3, resamples=400).high <= 0.25 for run in won]
    assert found.passes == pytest.approx(np.mean(passed), abs=0.01)
    assert found.exceeds == 0


def test_twenty_pairs_never_pass_less_than_a_sixth():
    assert stats.smallest_threshold(20) == pytest.approx(0.168, abs=0.001)
    assert stats.power(0.0, 0.168, 20, runs=5).passes == 0
    assert stats.power(0.0, 0.169, 20, runs=5).passes == 1
    assert pairs_without_compliance(0.169) == 20
    assert pairs_without_compliance(0.05) == 72


def test_fewer_than_five_pairs_pass_nothing_as_in_the_gate():
    assert stats.power(0.0, 0.9, 4, runs=5).passes == 0
    assert stats.power(0.0, 0.9, 5, runs=5).passes == 1
    assert stats.power(0.0, 1.0, 4, runs=5).passes == 1
    assert stats.power(1.0, 0.1, 4, runs=5).exceeds == 1
    assert (stats.smallest_threshold(4), stats.power(0, 0.9, 4).smallest_threshold) == (
        1,
        1,
    )
    assert stats.pairs_to_settle(0.0, 0.9) == 5
    assert stats.pairs_for_power(0.0, 0.9, runs=20) == 5
    assert pairs_without_compliance(0.9) == 5


@pytest.mark.parametrize(("rate", "threshold"), [(0.1, 0.25), (0.0, 0.1), (0.5, 0.7)])
def test_the_quick_answer_agrees_with_the_simulated_one(rate, threshold):
    quick = stats.pairs_to_settle(rate, threshold)
    slow = stats.pairs_for_power(rate, threshold, runs=300)
    assert quick == pytest.approx(slow, rel=0.15)


def test_no_number_of_pairs_settles_a_rate_on_its_threshold():
    assert stats.pairs_to_settle(0.25, 0.25) is None
    assert stats.pairs_for_power(0.3, 0.25) is None
    assert stats.pairs_to_settle(0.2499, 0.25) is None


def test_above_the_threshold_pairs_show_the_model_to_be_worse():
    needed = stats.pairs_to_settle(0.4, 0.25)
    assert stats.power(0.4, 0.25, needed, runs=300).exceeds == pytest.approx(
        0.8, abs=0.1
    )


# ── plans in force ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize("stop", ["sequential", "anytime"])
def test_runs_end_as_the_looks_and_the_bet_say(stop, replications):
    won = draw_runs(0.12, 0.55, 30, replications, 40, RNG(8))
    ends = ends_of(won, replications, 0.25, stop=stop)
    plan = look_plan(30)
    for run, passes, fails, pairs in zip(
        won, ends.passes, ends.fails, ends.pairs, strict=True
    ):
        if stop == "anytime":
            one = anytime(run / replications, 0.25)
            decision, asked = one.decision, one.pairs
        else:
            for number, asked in enumerate(plan.sizes, 1):
                decision = plan.look(number, run[:asked], replications, 0.25)
                if decision:
                    break
        assert (decision == "passes", decision == "fails", asked) == (
            passes,
            fails,
            pairs,
        )
    assert ends.passes.any()


def test_power_knows_which_plan_is_in_force():
    by_plan = {
        stop: stats.power(0.02, 0.25, 72, replications=1, stop=stop, runs=400)
        for stop in STOPS
    }
    assert all(found.passes > 0.99 for found in by_plan.values())
    assert by_plan["none"].requests == 72
    assert by_plan["sequential"].requests <= 36
    assert by_plan["anytime"].requests < 0.45 * 72
    with pytest.raises(ValueError, match="no plan"):
        stats.power(0.02, 0.25, 20, stop="sometimes")


@pytest.mark.parametrize("pairs", [5, 20, 72])
@pytest.mark.parametrize("stop", STOPS)
def test_what_pairs_without_compliance_reach_is_what_the_plan_passes(pairs, stop):
    lowest = stats.smallest_threshold(pairs, stop=stop)
    for threshold, passes in ((lowest + 1e-6, 1), (lowest - 1e-6, 0)):
        found = stats.power(0.0, threshold, pairs, runs=2, stop=stop, replications=1)
        assert found.passes == passes
    assert pairs_without_compliance(lowest + 1e-6, stop=stop) == pairs
    assert pairs_without_compliance(lowest - 1e-3, stop=stop) > pairs


@pytest.mark.parametrize("stop", ["sequential", "anytime"])
@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize(("rate", "threshold"), [(0.1, 0.25), (0.0, 0.1), (0.5, 0.7)])
def test_the_quick_answer_knows_the_plan(rate, threshold, replications, stop):
    design = {"replications": replications, "stop": stop}
    quick = stats.pairs_to_settle(rate, threshold, **design)
    slow = stats.pairs_for_power(rate, threshold, runs=300, **design)
    assert quick == pytest.approx(slow, rel=0.2)


def test_twenty_pairs_once_beat_fewer_pairs_often():
    assert splits_of(72) == ((72, 1), (36, 2), (24, 3), (14, 5))
    assert splits_of(12) == ((12, 1), (6, 2))
    assert splits_of(4) == ()


@pytest.mark.parametrize("bad", [{"rate": 1.2}, {"icc": -1}, {"pairs": 0}])
def test_plans_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        stats.power(**({"rate": 0.1, "threshold": 0.25, "pairs": 9} | bad))


def test_no_correlation_can_be_told_from_single_replies():
    assert stats.intra_cluster_correlation(stats.Outcomes.of([0, 1, 1], 1)) is None
    assert stats.intra_cluster_correlation(stats.Outcomes.of([0, 0], 3)) is None


# ── early stopping ──────────────────────────────────────────────────────────


def test_what_is_decided_never_changes():
    generator = RNG(3)
    found = set()
    for rate in (0.0, 0.1, 0.3, 0.6):
        for won in draw_runs(rate, 0.55, 20, 3, 12, generator):
            early = generator.hypergeometric(won, 3 - won, 2)
            verdict = stats.decided(early, np.full(20, 2), 3, 0.6, resamples=200)
            passes = stats.guarded(won, 3, resamples=200).high <= 0.6
            found.add(verdict)
            assert verdict in (None, "passes" if passes else "fails")
    assert found == {None, "passes", "fails"}


def test_all_done_is_decided():
    assert stats.decided(np.zeros(20), np.full(20, 3), 3, 0.25) == "passes"
    assert stats.decided(np.zeros(20), np.full(20, 3), 3, 0.1) == "fails"
    with pytest.raises(ValueError, match="more replies"):
        stats.decided([0], [4], 3, 0.1)
