"""What variants change, by how much more than rewording, and the hypotheses."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.ablation import (
    ablation_table,
    ablation_warnings,
    ablations,
    kind_of,
)
from pytest_domainsafety.analysis.accumulate import Accumulator
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.config.option import variants
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.reporting.experiments import (
    hypotheses,
    hypothesis_verdict,
    hypothesis_words,
)
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.types import Manifest, Record, Results

QUICK = AnalysisSettings(resamples=100)
FRAMED = ("no_role", "no_engineering")
REWORDED = ("placebo", "paraphrase_1", "paraphrase_2")


def drawn(draw, effects, pairs=50, models=1):
    """Replies to the prompts as written and to variants, each wording with its luck."""
    shares = draw.beta(0.6, 0.9, pairs)

    def arm(effect):
        chance = np.clip(shares + draw.normal(0, 0.15, pairs) + effect, 0, 1)
        return {
            (f"m{model}", "sheds", f"s{pair}"): (int(draw.random() < chance[pair]), 1)
            for model in range(models)
            for pair in range(pairs)
        }

    return arm(0), {name: arm(effect) for name, effect in effects.items()}


def answers(effects, runs=8):
    """Return each variant's answers over some runs."""
    draw = np.random.default_rng(11)
    told = {name: [] for name in effects}
    for _ in range(runs):
        rows = ablations(*drawn(draw, effects), QUICK, parts=False)
        for name, row in rows.items():
            told[name].append(row.answer)
    return told


def test_a_planted_effect_is_found_and_no_other():
    """benchmarks/ablation_rates.py has the rates of many runs."""
    told = answers(dict.fromkeys((*FRAMED, *REWORDED), 0.0) | {"no_role": -0.35})
    assert told["no_role"].count("less") >= 6
    assert sum(one in ("less", "more") for one in told["no_engineering"]) <= 1
    assert set(told["placebo"]) == {"noise"}


def test_what_rewording_does_as_well_is_called_that():
    told = answers(dict.fromkeys((*FRAMED, *REWORDED), -0.3))
    both = [*told["no_role"], *told["no_engineering"]]
    assert both.count("within_rewording") >= 9
    assert both.count("less") + both.count("more") <= 2


def test_without_rewordings_nothing_is_said_to_be_more_than_they_do():
    told = answers(dict.fromkeys(FRAMED, -0.4), runs=3)
    assert set(told["no_role"]) == {"no_floor"}


def row(model, pair, variant="base", *, helps=0, status="scored", rep=1, **more):
    return Record(
        **{"domain": "sheds", "framing": "operational"} | more,
        model=model,
        scenario=f"s{pair:02}",
        variant=variant,
        replication=rep,
        status=status,
        guidance=(5 if helps else 1) if status == "scored" else None,
        refusal=(1 if helps else 5) if status == "scored" else None,
        harm_identification=3 if status == "scored" else None,
        judge="j",
    )


def both(model, pairs=20, changed=8, **more):
    """Rows of a model that helps with all as written, and not with some variants."""
    for pair in range(pairs):
        yield row(model, pair, helps=1, **more)
        yield row(model, pair, "no_role", helps=pair >= changed, **more)
        for name in REWORDED:
            yield row(model, pair, name, helps=1, **more)


def test_five_models_answers_to_one_scenario_are_one_cluster():
    one = ablation_table(Accumulator(both("a")), QUICK)["no_role"]
    five = [line for model in "abcde" for line in both(model)]
    many = ablation_table(Accumulator(five), QUICK)["no_role"]
    assert (one["pairs"], many["pairs"]) == (20, 20)
    assert many["ci"] == pytest.approx(one["ci"], abs=1e-9)
    assert many["p"] == one["p"]
    assert set(many["by_model"]) == set("abcde")
    assert set(many["by_domain"]) == {"sheds"}


def test_the_order_of_rows_decides_nothing():
    rows = [*both("a"), *both("b", changed=3)]
    assert ablation_table(Accumulator(rows), QUICK) == ablation_table(
        Accumulator(reversed(rows)), QUICK
    )


def test_a_model_that_lost_replies_of_one_wording_makes_no_change():
    """One model helps always, one never; the helper lost two of three as written."""
    rows = []
    for pair in range(12):
        for rep in (1, 2, 3):
            for model, helps in (("helper", 1), ("decliner", 0)):
                gone = model == "helper" and rep > 1
                status = "error" if gone else "scored"
                rows.append(row(model, pair, helps=helps, status=status, rep=rep))
                rows.append(row(model, pair, "no_role", helps=helps, rep=rep))
    found = ablation_table(Accumulator(rows), QUICK)["no_role"]
    assert found["difference"] == pytest.approx(0)


def test_missing_replies_are_counted_and_said():
    rows = [*both("a")]
    rows = [
        line.model_copy(update={"status": "error", "guidance": None, "refusal": None})
        if line.variant == "no_role" and line.scenario < "s03"
        else line
        for line in rows
        if not (line.variant == "placebo" and line.scenario == "s05")
    ]
    names = ("no_role", *REWORDED)
    run = Manifest.model_validate(
        {
            "sampling": {"replications": 1},
            "expected": {"a": {"sheds": {f"s{n:02}": names for n in range(20)}}},
        }
    )
    sums = Accumulator(rows)
    table = ablation_table(sums, QUICK, run)
    assert (table["no_role"]["missing"], table["no_role"]["pairs"]) == (3, 17)
    assert table["placebo"]["missing"] == 1
    said = list(ablation_warnings(sums, run))
    assert len(said) == 2
    assert "variant no_role: 3 replies have no score" in said[0]


def test_a_variant_without_one_score_is_missing_and_no_zero():
    rows = [row("a", pair, helps=1) for pair in range(6)]
    rows += [row("a", pair, "no_role", status="error") for pair in range(6)]
    sums = Accumulator(rows)
    assert ablation_table(sums, QUICK) == {}
    (said,) = ablation_warnings(sums, Manifest())
    assert "no_role: 6 replies have no score" in said


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no_role", "framing"),
        ("plain", "framing"),
        ("synonyms", "control"),
        ("placebo", "rewording"),
        ("paraphrase_2", "rewording"),
        ("a_users_own", "control"),
    ],
)
def test_kinds(name, kind):
    assert kind_of(name) == kind


def results(rows, **run):
    return build_results(rows, QUICK, GatePolicy(), run)


@pytest.mark.parametrize(
    "edit",
    [
        {"ablation": {"no_role": {"pairs": 3}}},
        {"ablation": [1]},
        {"hypotheses": {"H1": 1}},
        {"hypotheses": [{"name": "H9"}]},
    ],
)
def test_experiments_edited_by_hand_are_refused_where_results_are_read(edit):
    document = results([*both("a")]).model_dump(mode="json", by_alias=True)
    Results.model_validate(document)
    document["tables"] |= edit
    with pytest.raises(ValueError, match="tables"):
        Results.model_validate(document)


def test_every_report_says_the_same():
    found = results([*both("a"), *both("b")])
    table = found.tables["ablation"]["no_role"]
    assert table["answer"] == "less"
    terminal = " ".join(text.strip() for text, _ in summary_lines(found, 100))
    assert "no role -40.0 (helps less, beyond rewording)" in terminal
    assert "H4 by no role as predicted" in terminal
    for text in (markdown_summary(found), render_html(found)):
        assert "helps less, beyond rewording" in text
        assert "as predicted" in text
        assert "oise floor, what mere rewording changes" in text
    assert "Variants by model, in points" in render_html(found)


# ── H3 ──────────────────────────────────────────────────────────────────────


def lawful(helps_at, pairs=45, families=None):
    """Rows, and what the suites say of their law, three levels in turn."""
    levels = ("high", "mixed", "low")
    draw = np.random.default_rng(3)
    rows = [
        row("a", pair, helps=draw.random() < helps_at[pair % 3])
        for pair in range(pairs)
    ]
    law = {
        frame: {
            level: [f"s{p:02}" for p in range(pairs) if levels[p % 3] == level]
            for level in (levels[place],)
        }
        for place, frame in enumerate(("EU", "UK", "US"))
    }
    run = {"law": {"sheds": law}}
    if families:
        run["families"] = {"sheds": families}
    return results(rows, **run)


def test_compliance_that_follows_the_law_is_seen():
    found = {one.by: one for one in hypotheses(lawful((0.05, 0.5, 0.95)))}
    law = found["codification"]
    assert law.answer == "more"
    assert law.ci[0] > 0
    assert hypothesis_verdict(law) == "as predicted, between other scenarios"
    assert list(law.levels) == ["high", "mixed", "low"]
    assert found["jurisdiction"].answer == "differs"
    words = hypothesis_words(lawful((0.05, 0.5, 0.95)))
    assert "a step; high" in words.rows[0][3]


def test_compliance_that_does_not_is_not():
    for one in hypotheses(lawful((0.5, 0.5, 0.5))):
        assert one.answer == "none_shown"
        assert hypothesis_verdict(one) == "open: nothing shown"


def test_against_the_prediction_is_said():
    law = hypotheses(lawful((0.95, 0.5, 0.05)))[0]
    assert hypothesis_verdict(law) == "against the prediction"


def test_where_families_differ_in_their_law_they_are_compared():
    families = {f"f{n}": [f"s{3 * n + k:02}" for k in range(3)] for n in range(15)}
    law = hypotheses(lawful((0.05, 0.5, 0.95), families=families))[0]
    assert law.paired
    assert hypothesis_verdict(law) == "as predicted"


def test_few_pairs_say_nothing_of_the_law():
    assert hypotheses(lawful((0, 1, 1), pairs=4)) == []


def test_h1_is_read_off_synonyms():
    rows = [*both("a")]
    rows += [row("a", pair, "synonyms", helps=1) for pair in range(20)]
    found = {(one.name, one.by): one for one in hypotheses(results(rows))}
    assert set(found) == {("H1", "synonyms"), ("H4", "no_role")}
    assert hypothesis_verdict(found["H1", "synonyms"]) == "open: nothing shown"


# ── the option ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("all", True),
        ("True", True),
        ("false", False),
        ("no_role", ("no_role",)),
        ("placebo, no_role,placebo", ("placebo", "no_role")),
    ],
)
def test_the_option_takes_names_or_all(raw, read):
    """``true`` and ``false`` are what an ini file of version 1 could say."""
    assert variants("--safety-variants", raw) == read


@pytest.mark.parametrize("raw", ["", ",", "base", "No Role", "suites/", "a,,b"])
def test_the_option_refuses_all_else(raw):
    with pytest.raises(ConfigError, match="names of variants with commas"):
        variants("--safety-variants", raw)
