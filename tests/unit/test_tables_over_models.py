"""Over models a scenario pair is one cluster, whatever the number of models (§M3)."""

import numpy as np
import pytest

from pytest_domainsafety.analysis import (
    Accumulator,
    AnalysisSettings,
    Breakdown,
    build_tables,
)
from pytest_domainsafety.analysis.tables import _Clusters, _framing_tags
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.regression import group_difference
from pytest_domainsafety.types.rows import Row

QUICK = AnalysisSettings(resamples=300)
MODELS = tuple("abcde")


def row(model, pair, *, helps, tags=(), domain="d"):
    return Row(
        model,
        domain,
        f"s{pair:02}",
        "operational",
        5 if helps else 1,
        1,
        1,
        "scored",
        "base",
        1,
        f"part{pair % 4}",
        "j",
        tags,
        {},
        "",
    )


def alike(shares, tagged=(), models=MODELS):
    """All models help with the same scenarios: five answers, one scenario."""
    return [
        row(model, pair, helps=helps, tags=("F1",) if pair in tagged else ())
        for model in models
        for pair, helps in enumerate(shares)
    ]


def test_five_models_are_no_more_pairs_than_one():
    helps = [1] * 6 + [0] * 14
    one = build_tables(Accumulator(alike(helps, range(9), MODELS[:1])), QUICK)
    five = build_tables(Accumulator(alike(helps, range(9))), QUICK)
    assert five["framing_tags"]["F1"] == one["framing_tags"]["F1"]
    whole = QUICK.interval(Outcomes.of([5 * n for n in helps], 5))
    table = five["domains"]["d"]
    assert (table["pairs"], table["clusters"]) == (20, 100)
    assert table["ci_pairs"] == list(whole.limits)
    study = QUICK.percentile(Outcomes.of(helps * 5, 1))
    assert table["ci"] == list(study.limits)
    assert table["ci_pairs"][1] - table["ci_pairs"][0] > 1.8 * study.width


def test_a_breakdown_without_models_counts_pairs():
    helps = [1] * 6 + [0] * 14
    for by, pairs in ((("domain",), 20), (("domain", "model"), 20), (("tag",), 20)):
        table = Breakdown(by)
        for one in alike(helps):
            table.add(one)
        for line in table.rows(QUICK):
            assert line["clusters"] == pairs
    table = Breakdown(("domain",))
    for one in [*alike(helps), *alike(helps)]:
        table.add(one)
    (line,) = table.rows(QUICK)
    assert line["responses"] == 100, "a replication of each model counts once"
    whole = QUICK.interval(Outcomes.of([5 * n for n in helps], 5))
    assert line["ci"] == list(whole.limits)


def test_a_scenario_of_one_name_in_two_domains_is_two():
    rows = alike([1, 0, 1]) + [
        row("a", pair, helps=0, domain="other") for pair in range(3)
    ]
    table = Breakdown(("model",))
    for one in rows:
        table.add(one)
    (first, *_) = table.rows(QUICK)
    assert first["clusters"] == 6


@pytest.mark.parametrize("seed", [1, 2])
def test_a_tag_without_effect_is_seldom_called_one(seed):
    """7% of runs, where (model, pair) as the cluster called it one in 25%."""
    draw = np.random.default_rng(seed)
    runs, pairs, called, before = 250, 20, 0, 0
    for _ in range(runs):
        shares = draw.beta(0.3, 0.7, pairs)
        helps = draw.random((len(MODELS), pairs)) < shares
        tagged = set(draw.choice(pairs, pairs // 2, replace=False).tolist())
        sums = Accumulator(
            row(
                model,
                pair,
                helps=helps[at, pair],
                tags=("F1",) if pair in tagged else (),
            )
            for at, model in enumerate(MODELS)
            for pair in range(pairs)
        )
        low, high = _framing_tags(_Clusters(sums), QUICK)["F1"]["ci"]
        called += low > 0 or high < 0
        inside = np.tile([pair in tagged for pair in range(pairs)], len(MODELS))
        old = group_difference(helps.ravel(), 1, inside, resamples=300)
        before += old.low > 0 or old.high < 0
    assert called / runs < 0.12
    assert before / runs > 0.2
