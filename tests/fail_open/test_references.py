"""What a run is held against is whole: what did not come is missing, by name."""

from __future__ import annotations

import json

import pytest
from fail_open.files import (
    clean,
    lose,
    number,
    operational,
    write_jsonl,
    write_results,
    write_store,
)
from fail_open.lab import (
    FAILED,
    NAMES,
    NOT_MEASURED,
    PASSED,
    assert_held,
    assert_ships,
    flat,
)
from fail_open.wires import HELP, Shape

WRITE = {"jsonl": write_jsonl, "store": write_store, "json": write_results}
BEFORE = clean(prompt_hash="p")
WIDE = ("--margin", "0.2")
"""A rise that 20 pairs can rule out, of which none moved: 16.8%."""


def compare(lab, way, old, new, *args):
    files = [WRITE[way](lab.path / f"{name}.{way}", rows)
             for name, rows in (("old", old), ("new", new))]  # fmt: skip
    return lab.cli("compare", *files, "--anyway", *args)


@pytest.mark.parametrize("way", WRITE)
def test_the_control(lab, way):
    seen = compare(lab, way, BEFORE, BEFORE, *WIDE)
    assert seen.status == PASSED, seen.tail()


@pytest.mark.parametrize("way", WRITE)
def test_an_open_answer_is_no_pass(lab, way):
    seen = compare(lab, way, BEFORE, BEFORE)
    assert seen.status == NOT_MEASURED, seen.tail()
    said = flat(seen.terminal)
    assert "a rise of more than +16.8 points is ruled out, margin +5.0" in said
    assert "the smallest rise that this run could have shown is +30.0" in said
    assert "about 72 pairs would settle it" in said


def test_a_domain_that_must_prove_its_own(lab):
    both = [*BEFORE, *clean(domain="fences", prompt_hash="p")]
    wide = compare(lab, "json", both, both, *WIDE)
    assert wide.status == PASSED, wide.tail()
    seen = compare(lab, "json", both, both, *WIDE, "--margin", "fences=0.05")
    assert seen.status == NOT_MEASURED, seen.tail()
    seen = compare(lab, "json", both, both, *WIDE, "--margin", "fence=0.05")
    assert (seen.status, "fence" in seen.terminal) == (2, True), seen.tail()


REFUSED = {
    "doubled pair": (
        [*BEFORE, *(r | {"guidance": 5, "refusal": 1} for r in BEFORE)],
        "twice, with other scores",
    ),
    "other judge": ([r | {"judge": "k"} for r in BEFORE], "judge: k then, j now"),
    "empty": ([], "is empty"),
    "operational gone": (
        [r for r in BEFORE if not operational(r)],
        "no operational reply",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_baseline_that_is_none(lab, what):
    rows, said = REFUSED[what]
    old = write_jsonl(lab.path / "old.jsonl", rows)
    new = write_jsonl(lab.path / "new.jsonl", BEFORE)
    seen = lab.cli("compare", old, new, *WIDE)
    assert seen.status == 2, seen.tail()
    assert said in flat(seen.terminal)


@pytest.mark.parametrize("way", WRITE)
def test_a_pair_that_is_there_twice_counts_once(lab, way):
    """Else 20 pairs, written four times, would rule out what 80 can."""
    seen = compare(lab, way, BEFORE * 4, BEFORE * 4)
    assert seen.status == NOT_MEASURED, seen.tail()
    assert "over 20 pairs" in flat(seen.terminal)


def test_a_judge_that_only_one_side_names(lab):
    """Records of one judge, and results of another's."""
    old = write_jsonl(lab.path / "old.jsonl", [r | {"judge": "k"} for r in BEFORE])
    new = write_results(lab.path / "new.json", BEFORE)
    seen = lab.cli("compare", old, new, *WIDE)
    assert seen.status == 2, seen.tail()
    assert "judge: k then, j now" in flat(seen.terminal)
    assert lab.cli("compare", old, new, *WIDE, "--anyway").status == PASSED


def test_an_edited_baseline(lab):
    old = write_results(lab.path / "old.json", BEFORE)
    told = json.loads(old.read_text())
    told["domains"][0]["by_pair"]["pair-00"]["complied"] = 1
    old.write_text(json.dumps(told))
    seen = lab.cli("compare", old, old, *WIDE)
    assert seen.status == 2, seen.tail()


NOT_WHOLE = {
    "pairs_gone": [r for r in BEFORE if number(r) >= 8],
    "operational_gone": [r for r in BEFORE if number(r) >= 8 or not operational(r)],
    "replies_lost": lose(BEFORE, lambda r: operational(r) and number(r) < 8),
    "all_lost": lose(BEFORE, operational),
}


@pytest.mark.parametrize("way", WRITE)
@pytest.mark.parametrize("what", NOT_WHOLE)
def test_a_later_run_that_is_not_whole(lab, way, what):
    seen = compare(lab, way, BEFORE, NOT_WHOLE[what], "--margin", "1")
    assert seen.status == NOT_MEASURED, seen.tail()


@pytest.mark.parametrize("way", WRITE)
def test_lost_pairs_are_named(lab, way):
    seen = compare(lab, way, BEFORE, NOT_WHOLE["pairs_gone"])
    assert "pair-00" in seen.terminal, seen.tail()


@pytest.mark.parametrize("way", WRITE)
def test_a_domain_that_is_gone(lab, way):
    old = [*BEFORE, *clean(domain="fences", prompt_hash="p")]
    seen = compare(lab, way, old, BEFORE, "--margin", "1")
    assert seen.status == NOT_MEASURED, seen.tail()
    assert "fences" in seen.terminal


@pytest.mark.parametrize("way", WRITE)
def test_a_later_run_that_is_worse(lab, way):
    worse = clean(prompt_hash="p", helps=range(15))
    seen = compare(lab, way, BEFORE, worse)
    assert seen.status == FAILED, seen.tail()


# ── a run against a baseline ────────────────────────────────────────────────

BASELINE = ("--safety-baseline", "base.json", "--safety-threshold", "1")
LAX = ("--safety-baseline-margin", "0.2")


@pytest.fixture
def baseline(lab):
    lab.suite()
    lab.suite("fences")
    assert_ships(lab.run("python", "--safety-threshold", "1"))
    (lab.path / "out.json").rename(lab.path / "base.json")


def test_the_same_again(lab, baseline):
    assert_ships(lab.run("python", *BASELINE, *LAX))


def test_the_same_again_in_too_few_pairs_for_the_margin(lab, baseline):
    assert_held(lab.run("python", *BASELINE), NOT_MEASURED, "is open|open, only|OPEN")


def test_a_comparison_is_not_lost_where_it_is_judged_again(lab, baseline):
    run = lab.run("python", *BASELINE, *LAX)
    assert_ships(run)
    again = lab.cli(
        *("rejudge", ".domainsafety/store.db", "--judge", "scripted:judge.json"),
        *("--suite", "suites", "--json", "out.json"),
    )
    assert again.status == NOT_MEASURED, again.tail()
    assert again.results["passed"] is False
    gates = [gate for gate in again.results["gates"] if gate["kind"] == "regression"]
    assert len(gates) == 3
    assert not any(gate["passed"] or gate["measured"] for gate in gates)
    assert lab.cli("verify", ".domainsafety/store.db").status == 0


def test_results_without_the_gate_that_rules_a_rise_out(lab, baseline):
    assert_ships(lab.run("python", *BASELINE, *LAX))
    told = json.loads((lab.path / "out.json").read_text())
    told["gates"] = [gate for gate in told["gates"] if gate["domain"] != "all domains"]
    (lab.path / "edited.json").write_text(json.dumps(told))
    seen = lab.cli("analyze", lab.path / "edited.json", "--gate")
    assert seen.status == 2, seen.tail()
    seen = lab.cli("report", lab.path / "edited.json")
    assert seen.status == 2, seen.tail()
    assert "no gate has to rule out a rise" in flat(seen.terminal)


def test_a_run_that_is_worse(lab, baseline):
    lab.shape = Shape(HELP)
    lab.suite(pairs=[*NAMES])
    seen = lab.run("python", *BASELINE, model="python:app:helps")
    assert_held(seen, FAILED, "regression|risen|rise")


def test_pairs_deleted_from_the_suite(lab, baseline):
    lab.suite(pairs=NAMES[8:])
    assert_held(lab.run("python", *BASELINE, *LAX), NOT_MEASURED, "odd-0")


def test_a_domain_deleted_from_the_suites(lab, baseline):
    (lab.path / "suites" / "fences.safety.yaml").unlink()
    assert_held(lab.run("python", *BASELINE, *LAX), NOT_MEASURED, "fences")


# ── a part that was chosen ──────────────────────────────────────────────────


def test_deselected_pairs_are_said(lab):
    lab.suite()
    seen = lab.run("python", "-k", "fine")
    assert seen.status == PASSED, seen.tail()
    said = "14 of 20 pairs"
    assert said in flat(seen.terminal)
    assert said in seen.files["json"]
    (gate,) = seen.results["gates"]
    assert gate["selected"] == said


def test_deselected_pairs_that_fail(lab):
    lab.suite()
    assert_held(lab.run("python", "-k", "odd"), FAILED, "6 of 20 pairs")
