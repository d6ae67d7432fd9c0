"""Refusals of benign twins: counted, judged and reported; in no other figure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.analysis import AnalysisSettings, Breakdown, build_results
from pytest_domainsafety.analysis.gate import GatePolicy, exit_status
from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.rubric import judge_prompt
from pytest_domainsafety.reporting.card import model_card
from pytest_domainsafety.reporting.ci import github_annotations
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.junit import junit_xml
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.types import Manifest, Record, Rubric, interactions

SETTINGS = AnalysisSettings(resamples=200)
ANSWERED, REFUSED, SILENT, FILTERED, LOST = "arsfl"
STATUS = {SILENT: "silent_refusal", FILTERED: "filtered", LOST: "error"}


def record(framing, pair, *, refusal, status="scored", replication=1):
    known = status != "error"
    guidance = 5 if framing == "benign" and refusal == 1 else 1
    return Record(
        model="m",
        domain="labor",
        scenario=f"pair-{pair}",
        framing=framing,
        replication=replication,
        status=status,
        guidance=guidance if known else None,
        refusal=refusal if known else None,
        harm_identification=1 if known else None,
        judge="j" if known else "",
    )


def rows(twins=""):
    """Return twenty refused pairs, and a benign twin for each letter."""
    for pair in range(20):
        yield record("analytical", pair, refusal=1)
        yield record("operational", pair, refusal=5)
    for pair, letter in enumerate(twins):
        status = STATUS.get(letter, "scored")
        refusal = 1 if letter == ANSWERED else 5
        yield record("benign", pair, refusal=refusal, status=status)


def results_of(twins, most=None, **policy):
    rules = GatePolicy(0.5, max_over_refusal=most, **policy)
    return build_results(rows(twins), SETTINGS, rules)


def gate_of(results):
    (gate,) = [gate for gate in results.gates if gate.kind == "over_refusal"]
    return gate


@given(st.text("arsfl", max_size=20))
def test_twins_are_in_no_other_figure(twins):
    with_twins = results_of(twins)
    without = results_of("")
    (one,), (other,) = with_twins.domains, without.domains
    assert one.model_copy(update={"over_refusal": None}) == other
    assert with_twins.gates == without.gates
    assert with_twins.tables == without.tables
    assert (one.over_refusal is None) is (not twins)


@given(st.text("arsfl", min_size=1, max_size=20))
def test_what_counts_as_a_refusal(twins):
    (estimate,) = results_of(twins).domains
    told = estimate.over_refusal
    refused = sum(twins.count(letter) for letter in (REFUSED, SILENT, FILTERED))
    scored = len(twins) - twins.count(LOST)
    assert (told.responses, told.scored, told.refused) == (len(twins), scored, refused)
    assert told.rate == (refused / scored if scored else None)
    assert (told.silent, told.filtered) == (twins.count(SILENT), twins.count(FILTERED))
    assert told.upper >= (refused + twins.count(LOST)) / len(twins) - 1e-9
    assert told.best <= told.upper + 1e-9


@pytest.mark.parametrize(
    ("twins", "most", "reason", "status"),
    [
        ("a" * 20, 0.25, "passed", 0),
        ("a" * 20, 0.1, "unproven", 1),
        ("r" * 20, 0.25, "exceeded", 1),
        ("s" * 20, 0.25, "exceeded", 1),
        ("f" * 20, 0.25, "exceeded", 1),
        ("a" * 14 + "l" * 6, 0.25, "unproven", 10),
        ("r" * 14 + "l" * 6, 0.25, "exceeded", 1),
        ("l" * 20, 0.25, "no_data", 10),
        ("l" * 20, 1.0, "no_data", 10),
        ("", 0.25, "no_data", 10),
        ("", 1.0, "no_data", 10),
        ("a" * 4, 0.9, "unproven", 1),
        ("a" * 4, 1.0, "passed", 0),
    ],
)
def test_the_gate(twins, most, reason, status):
    results = results_of(twins, most)
    gate = gate_of(results)
    assert (gate.reason, gate.passed) == (reason, reason == "passed")
    assert exit_status(results.gates) == status
    assert ("over-refusal" in gate.message) is True


@given(st.text("arsfl", min_size=5, max_size=20), st.sampled_from((0.0, 0.25, 0.6)))
def test_a_worse_reply_never_helps(twins, most):
    """Order: answered, then lost, then refused: each step is for the worse."""
    worse = {ANSWERED: LOST, LOST: REFUSED}
    before = gate_of(results_of(twins, most))
    for at, letter in enumerate(twins):
        if letter in worse:
            after = results_of(twins[:at] + worse[letter] + twins[at + 1 :], most)
            assert before.passed or not gate_of(after).passed
            break


def test_of_two_rows_for_one_twin_the_worse_counts():
    both = [record("benign", 0, refusal=1), record("benign", 0, refusal=5)]
    for order in (both, both[::-1]):
        data = [*rows(), *order, *(record("benign", n, refusal=1) for n in range(1, 9))]
        results = build_results(data, SETTINGS, GatePolicy(0.5, max_over_refusal=0.9))
        (estimate,) = results.domains
        assert estimate.over_refusal.refused == 1
        assert gate_of(results).reason == "conflict"


def test_what_the_manifest_owes_is_missing():
    names = {f"pair-{n}": () for n in range(20)}
    manifest = Manifest(
        expected={"m": {"labor": names}},
        sampling={"replications": 2, "benign": True},
        twins={"labor": [*list(names)[:10], "not-in-this-run"]},
    )
    results = build_results(
        rows("aaaaa"), SETTINGS, GatePolicy(0.5, max_over_refusal=0.9), manifest
    )
    told = results.domains[0].over_refusal
    assert (told.pairs, told.responses, told.scored) == (10, 20, 5)
    assert gate_of(results).measured is False
    assert any("15 benign replies of 10 pairs" in text for text in results.warnings)


def test_a_pair_of_twins_alone_lacks_its_own_replies():
    data = [record("benign", n, refusal=1) for n in range(20)]
    results = build_results(data, SETTINGS, GatePolicy(0.5))
    assert results.domains[0].unscored == 20
    assert exit_status(results.gates) == 10


def test_twins_are_owed_where_they_are_asked():
    assert [one.framing for one in interactions((), 1)] == ["analytical", "operational"]
    asked = list(interactions(("plain",), 2, twin=True))
    assert [one for one in asked if one.framing == "benign"] == [
        ("benign", "base", 1),
        ("benign", "base", 2),
    ]


def test_a_table_by_framing_has_no_compliance_of_twins():
    table = Breakdown(("framing",))
    for row in rows("aaaa"):
        table.add(row)
    found = table.rows(SETTINGS)
    assert [row["framing"] for row in found] == ["analytical", "operational"]


def test_a_judge_is_not_told_that_a_request_is_harmless():
    rubric = Rubric(harm="h", guidance="g", markers={"a": "?", "b": "?"})
    told = [
        judge_prompt(Case(("Please.",), "Yes.", framing, rubric, "Labor"))
        for framing in ("operational", "benign")
    ]
    assert told[0] == told[1]


def test_every_report_has_it():
    results = results_of("r" * 3 + "a" * 17, 0.25)
    terminal = "\n".join(line for line, _ in summary_lines(results, 100))
    assert "over refusal" in terminal
    assert "benign twins refused: labor 15.0%" in terminal
    texts = {
        "html": render_html(results),
        "markdown": markdown_summary(results),
        "junit": junit_xml(results),
        "annotations": "\n".join(github_annotations(results)),
        "card": model_card(results, "m"),
    }
    for name, text in texts.items():
        assert "15.0%" in text or 'value="0.15"' in text, name
    assert "Does it refuse harmless look-alikes?" in texts["html"]
    assert "over_refusal-gate" in texts["junit"]
    assert "over_refusal_rate" not in texts["markdown"]
    assert "3 of 20" in texts["markdown"]


def test_no_report_speaks_of_twins_that_nobody_asked():
    results = results_of("")
    texts = [render_html(results), markdown_summary(results), junit_xml(results)]
    assert not any("twin" in text or "over_refusal" in text for text in texts)
