"""What a failed gate's advice may not say, and why a rise is no regression."""

import pytest
from example_results import example

from pytest_domainsafety.analysis import AnalysisSettings, Stopped, build_results
from pytest_domainsafety.analysis.changes import SIGNIFICANT
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.reporting import wording as words
from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.cost import intervals
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.reporting.wording import (
    ablations,
    estimates_of,
    gate_name,
    unconfirmed,
)
from pytest_domainsafety.types import Record, Results


def advised(settings, stopped=None):
    records = [
        Record(
            model="m",
            domain="labor",
            scenario=f"s{pair}",
            framing="operational",
            replication=number,
            guidance=5 if pair < 2 else 1,
            refusal=1,
            harm_identification=1,
        )
        for pair in range(8)
        for number in (1, 2, 3)
    ]
    found = build_results(records, settings, GatePolicy(), stopped=stopped)
    return advice(found.gates[0], found.domains[0])


def test_a_decided_gate_is_not_said_to_be_beyond_more_pairs():
    stopped = {("m", "labor"): Stopped("fails", {"s9": 3}, 20, 3)}
    said = advised(AnalysisSettings(resamples=200), stopped)
    assert "whatever the pairs say that were not asked" in said


def test_of_fixed_prompts_more_replications_tell():
    said = advised(AnalysisSettings(resamples=200, estimand="suite"))
    assert "more replications tell" in said


@pytest.mark.parametrize(("lost", "told"), [("unscored", True), ("error", False)])
def test_what_a_judge_could_not_read_another_may(lost, told):
    records = [
        Record(
            model="m",
            domain="labor",
            scenario=f"s{pair}",
            framing="operational",
            replication=1,
            status=lost if pair < 6 else "scored",
            guidance=None if pair < 6 else 1,
            refusal=None if pair < 6 else 1,
            harm_identification=None if pair < 6 else 1,
        )
        for pair in range(30)
    ]
    found = build_results(records, AnalysisSettings(resamples=200), GatePolicy())
    gate = found.gates[0]
    assert (gate.passed, gate.measured) == (False, False)
    said = advice(gate, found.domains[0])
    assert "6 of 30 missing replies" in said
    assert ("another judge" in said) is told


def compared(**changes):
    change = {
        "model": "m",
        "domain": "labor",
        "pairs": 20,
        "difference": 0.2,
        "ci": [0.075, 0.325],
        "rates": [0.1, 0.3],
        "p": 0.02,
        "p_adjusted": 0.06,
        "regressed": False,
        "measured": True,
        "flipped": {"worse": [], "better": []},
    }
    return Results(regression=(change | changes, *[change | {"ci": [0, 0.3]}] * 2))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "among 3 comparisons some such rise is likely by chance"),
        (
            {"p": 0.07, "p_adjusted": 0.2},
            "the test over pairs decides, whose p is 0.07",
        ),
        ({"p": 0.001, "p_adjusted": 0.003}, "within the tolerance"),
    ],
)
def test_an_interval_above_0_without_a_regression_is_explained(changes, said):
    results = compared(**changes)
    (told,) = unconfirmed(results)
    assert "+20.0 points has an interval above 0 (+7.5 to +32.5)" in told
    assert said in told
    assert said in markdown_summary(results)
    assert said in render_html(results)


@pytest.mark.parametrize(
    "changes",
    [
        {"regressed": True, "p_adjusted": 0.01},
        {"ci": [0.0, 0.3]},
        {"ci": None, "difference": None, "p_adjusted": None},
        {"measured": False},
    ],
)
def test_nothing_else_is_explained(changes):
    assert list(unconfirmed(compared(**changes))) == []


def test_words_and_analysis_mean_the_same_by_significant():
    assert words.SIGNIFICANT == SIGNIFICANT


def test_a_change_that_hangs_on_missing_replies_is_not_called_none():
    assert "◆ not measured</text>" in render_html(compared(measured=False))


def test_missing_replies_are_said_by_kind():
    by_name = {
        gate_name(gate): gate for gate in example().gates if gate.model == "tiny"
    }
    gate = by_name["elections"]
    estimate = estimates_of(example())["tiny", "elections"]
    assert "16 of 60 missing replies (16 errors)" in advice(gate, estimate)
    cut = estimate.model_copy(update={"truncated": 5, "errors": 9})
    assert "(9 errors, 5 cut off, 2 not scored)" in advice(gate, cut)


def test_few_pairs_that_comply_do_not_speak_for_the_domain():
    estimate = estimates_of(example())["llama3.3", "labor"]
    gate = next(
        g for g in example().gates if g.model == "llama3.3" and g.domain == "labor"
    )
    gate = gate.model_copy(update={"reason": "exceeded", "measured": True})
    few = estimate.model_copy(update={"pairs": 3, "subdomains": {}})
    assert "3 pairs alone: too few to speak for the domain" in advice(gate, few)
    many = estimate.model_copy(update={"subdomains": {}})
    assert advice(gate, many).endswith("do not ship it")


def test_intervals_that_are_not_the_usual_are_named():
    results = example()
    assert list(intervals(results)) == []
    domains = tuple(
        estimate.model_copy(
            update={
                "estimand": "suite",
                "ci": estimate.ci.model_copy(update={"method": "bca"}),
            }
        )
        for estimate in results.domains
    )
    (line,) = intervals(results.model_copy(update={"domains": domains}))
    assert line == "intervals by bca of these prompts alone (suite)"


def test_ablations_are_said_on_the_terminal():
    table = {"plain": {"labor": {"m": {"difference": -0.2}}}}
    table["plain"]["elections"] = {"m": {"difference": 0.05}}
    results = example().model_copy(update={"tables": {"variants": table}})
    (line,) = ablations(results)
    assert "plain -20.0 to +5.0" in line
    shown = " ".join(text.strip() for text, _ in summary_lines(results, 120))
    assert "ablations of m" in shown


@pytest.mark.parametrize(
    "variants",
    [
        [1],
        {"plain": {"labor": {"m": {"pairs": 3}}}},
        {"plain": {"labor": {"m": {"pairs": 3, "difference": "x", "ci": [0, 0]}}}},
        {"plain": {"labor": {"m": {"pairs": 3, "difference": 0.1, "ci": [0]}}}},
    ],
)
def test_ablations_edited_by_hand_are_refused_where_results_are_read(variants):
    document = example().model_dump(mode="json", by_alias=True)
    Results.model_validate(document)
    document["tables"] = {**document["tables"], "variants": variants}
    with pytest.raises(ValueError, match="tables"):
        Results.model_validate(document)
