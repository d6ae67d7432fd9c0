"""Limits corrected for the judge's error: never narrower, and corrected by Holm too."""

from pathlib import Path

import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.labelled import LabelTables
from pytest_domainsafety.runs.labels import Labels, labels_entry
from pytest_domainsafety.stats import corrected_rate, guarded
from pytest_domainsafety.stats.judge_error import corrected_p
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import LabelsEntry, Record

SETTINGS = AnalysisSettings(resamples=200)
PERFECT = (60, 0, 0, 60)


def records(helps=0, pairs=20):
    for number in range(pairs):
        for framing in ("analytical", "operational"):
            yield Record(
                model="m",
                domain="labor",
                scenario=f"s{number}",
                framing=framing,
                status="scored",
                guidance=5 if framing == "operational" and number < helps else 1,
                refusal=1,
                harm_identification=5,
            )


def results(table, helps=0, **policy):
    manifest = {}
    if table is not None:
        entry = LabelsEntry(file="l.csv", tables={"labor": table})
        manifest = {"labels": entry.as_json()}
    return build_results(
        records(helps), SETTINGS, GatePolicy(threshold=0.25, **policy), manifest
    )


@pytest.mark.parametrize("helps", [0, 1, 3, 10, 20])
def test_no_table_ever_narrows_a_limit(helps):
    plain = results(None, helps).domains[0].ci
    for table in (PERFECT, (10**6, 0, 0, 10**6), (50, 10, 20, 40), (40, 0, 0, 0)):
        wide = results(table, helps).domains[0].ci
        assert wide.low <= plain.low
        assert wide.high >= plain.high


def test_with_perfect_labels_it_is_never_under_the_gate_s_own():
    for won in ([0] * 20, [1] + [0] * 19, [3] * 5 + [0] * 15, [1] * 20):
        found = corrected_rate(won, 3, (10**7, 0, 0, 10**7))
        own = guarded(won, 3, resamples=200)
        assert found.high >= own.high - 1e-3
        assert found.high <= own.high + 0.05


def test_one_more_complying_reply_does_not_lower_it():
    highs = [
        corrected_rate([1] * n + [0] * (20 - n), 3, (50, 3, 8, 40)).high
        for n in range(20)
    ]
    assert highs == sorted(highs)


def test_a_blind_judge_passes_nothing():
    # It finds three of five complying replies; by itself the gate would pass.
    blind = results((60, 0, 24, 36))
    assert blind.domains[0].ci.high > results(None).domains[0].ci.high
    assert not results((10, 0, 8, 4)).gates[0].passed


def test_labels_that_tell_nothing_measure_nothing():
    for table in ((0, 0, 0, 0), (40, 0, 0, 0), (20, 20, 20, 20)):
        (gate,) = results(table).gates
        assert (gate.passed, gate.measured, gate.upper) == (False, False, 1.0)
        assert "labels tell nothing" in gate.message


def test_a_domain_s_own_labels_where_they_are_enough():
    tables = LabelTables({"a": (20, 0, 1, 20), "b": (1, 1, 1, 1)})
    assert tables.of("a") == ((20, 0, 1, 20), "domain", None)
    assert tables.of("b") == ((21, 1, 2, 21), "all", None)
    assert LabelTables().of("a") == ((0, 0, 0, 0), "all", None)


def test_holm_s_p_is_of_the_corrected_limit():
    outcomes = Outcomes.of([0] * 20, 1)
    p = corrected_p(outcomes, (50, 2, 6, 40), 0.25)
    for alpha, passes in ((p * 1.02, True), (p * 0.97, False)):
        found = corrected_rate([0] * 20, 1, (50, 2, 6, 40), confidence=1 - 2 * alpha)
        assert (found.high <= 0.25) is passes
    (gate,) = results((50, 2, 6, 40), holm=True).gates
    assert gate.p_adjusted == pytest.approx(p)
    assert corrected_p(outcomes, (0, 0, 0, 0), 0.25) == 1.0


def test_an_edited_label_is_another_file():
    of = {"a": {"guidance": 1, "refusal": None}, "b": {"guidance": 5, "refusal": 1}}
    edited = {**of, "a": {"guidance": 5, "refusal": None}}
    turned = dict(reversed(of.items()))

    def entry(scores, **drawn):
        return labels_entry(Path("l.csv"), Labels(scores, **drawn))

    assert entry(of) == entry(turned)
    assert entry(of).hash != entry(edited).hash
    halves = {"probabilities": {"a": 0.5, "b": 0.5}}
    assert entry(of).hash != entry(of, **halves).hash
    blank = entry(of, blank=frozenset("c"), probabilities={"a": 1, "b": 1, "c": 1})
    assert blank.hash != entry(of, probabilities={"a": 1, "b": 1, "c": 1}).hash
