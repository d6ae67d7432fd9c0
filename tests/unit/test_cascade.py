"""A cascade's cuts and the error they add: by hand, and over many made-up runs."""

import random

import pytest

from pytest_domainsafety.analysis.cascade import (
    Labelled,
    cuts_of,
    first_step_limits,
    halved,
    is_sure,
    second_half,
    with_first_step,
)
from pytest_domainsafety.analysis.compare import manifest_differences
from pytest_domainsafety.runs.shards import _joined
from pytest_domainsafety.stats.intervals import clopper_pearson
from pytest_domainsafety.stats.outcomes import Interval
from pytest_domainsafety.types import CascadeEntry, Manifest


def pairs(count, half, start=0):
    """Return so many scenarios of one half."""
    found, number = [], start
    while len(found) < count:
        if second_half(("d", f"s{number}")) is half:
            found.append(("d", f"s{number}"))
        number += 1
    return found


def rows(harms, half, *, helps):
    return [
        Labelled(pair, harm, helps)
        for pair, harm in zip(pairs(len(harms), half, 1000 * helps), harms, strict=True)
    ]


def test_the_cuts_lie_where_labels_bear_them_out():
    made = [
        *rows([0.01 * n for n in range(12)], False, helps=False),
        *rows([0.3, 0.4, *[0.9 + 0.005 * n for n in range(12)]], False, helps=True),
    ]
    unknown = cuts_of(made)
    # No help stands in the other half: who knows whether the first step sees any?
    assert unknown.low is None
    assert (unknown.pairs, unknown.missed, unknown.wronged) == (0, 0, 0)
    cuts = cuts_of([*made, *rows([0.95], True, helps=True)])
    assert cuts.low == pytest.approx(0.11)
    assert cuts.high == pytest.approx(0.9)
    assert (cuts.pairs, cuts.missed, cuts.wronged, cuts.helps) == (1, 0, 0, 1)
    assert is_sure(0.05, cuts.low, cuts.high)
    assert is_sure(0.95, cuts.low, cuts.high)
    assert not is_sure(0.5, cuts.low, cuts.high)
    assert not is_sure(None, cuts.low, cuts.high)
    # A word without a probability has harm 0 or 0.75, and no cut of probabilities.
    assert not is_sure(0.0, cuts.low, cuts.high, by_word=True)
    assert is_sure(0.0, 0.0, None, by_word=True)  # of a guard that only has words


def test_the_error_is_counted_on_other_scenarios_and_once_a_scenario():
    made = rows([0.0] * 20, False, helps=False)
    held = rows([0.0] * 10, True, helps=False)
    missed = Labelled(held[0].pair, 0.0, helps=True)
    cuts = cuts_of([*made, *held, missed, missed])
    assert (cuts.low, cuts.high) == (0.0, None)
    assert (cuts.pairs, cuts.missed, cuts.wronged) == (10, 1, 0)


@pytest.mark.parametrize("count", [0, 8])
def test_few_labels_bear_out_nothing(count):
    cuts = cuts_of(rows([0.0] * count, False, helps=False))
    assert (cuts.low, cuts.high) == (None, None)


def test_what_a_guard_calls_harm_is_never_taken_for_safe():
    cuts = cuts_of(rows([0.75] * 40, False, helps=False))
    assert (cuts.low, cuts.high) == (None, None)


def test_labels_without_a_scenario_left_to_count_on_let_nothing_pass():
    entry = CascadeEntry(low=0.1, pairs=0)
    assert first_step_limits(entry, 0.95) == (1.0, 0.0)
    assert (
        with_first_step(Interval(0.0, 0.0, 0.05, "exact", 0.975), entry, 0.95).high == 1
    )


def test_a_cut_that_is_not_there_adds_no_error():
    assert first_step_limits(CascadeEntry(pairs=30), 0.95) == (0.0, 0.0)


@pytest.mark.parametrize(("rate", "misses"), [(0.2, 0.2), (0.25, 0.3), (0.1, 1.0)])
def test_the_limit_holds_where_the_first_step_misses_help(rate, misses):
    """A guard that says safe of so much of the help: the upper limit still covers."""
    made_by, wrong, runs = random.Random(7), 0, 400
    for run in range(runs):
        labelled = []
        for number in range(80):
            helps = made_by.random() < rate
            harm = 0.0 if not helps or made_by.random() < misses else 1.0
            labelled.append(Labelled(("d", f"{run}-{number}"), harm, helps))
        cuts = cuts_of(labelled)
        entry = CascadeEntry(**cuts._asdict())
        complied = 0
        for _ in range(60):
            helps = made_by.random() < rate
            harm = 0.0 if not helps or made_by.random() < misses else 1.0
            # The second step is right.
            complied += harm >= 0.5 if is_sure(harm, cuts.low, cuts.high) else helps
        own = clopper_pearson(complied, 60, confidence=halved(0.95))
        wrong += with_first_step(own, entry, 0.95).high < rate
    # At most 2.5% and what chance adds to it in 400 runs.
    assert wrong <= 20


def test_shards_together_have_the_cascade_that_errs_most():
    said = [CascadeEntry(low=0.1, pairs=30, missed=missed) for missed in (0, 2, 1)]
    manifests = [Manifest(run=f"r{at}", cascade=one) for at, one in enumerate(said)]
    assert _joined(manifests).cascade == said[1]
    assert _joined(manifests[:1]).cascade == said[0]


def test_other_cuts_do_not_compare():
    old, new = (Manifest(cascade=CascadeEntry(low=low)) for low in (0.1, 0.2))
    assert "cascade" in manifest_differences(old, new)[0]
    assert "cascade" in manifest_differences(old, Manifest())[0]
    assert not manifest_differences(old, old)


def test_the_limit_reckons_with_a_model_that_helps_more_than_the_labelled_ones():
    half = Interval(0.1, 0.05, 0.2, "exact", halved(0.95))
    told = {"low": 0.1, "pairs": 1_000, "missed": 0}
    highs = [
        with_first_step(half, CascadeEntry(**told, helps=helps), 0.95).high
        for helps in (0, 5, 20, 1_000)
    ]
    seen = [0.0125 ** (1 / helps) for helps in (5, 20)]  # at the least, of none missed
    assert highs[:3] == pytest.approx([1.0, *(0.2 / share for share in seen)])
    assert highs[3] == pytest.approx(0.2 + 1 - 0.0125**0.001)
