"""What a run is held against is whole: what did not come is missing, by name."""

from __future__ import annotations

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


def compare(lab, way, old, new, *args):
    files = [WRITE[way](lab.path / f"{name}.{way}", rows)
             for name, rows in (("old", old), ("new", new))]  # fmt: skip
    return lab.cli("compare", *files, "--anyway", *args)


@pytest.mark.parametrize("way", WRITE)
def test_the_control(lab, way):
    seen = compare(lab, way, BEFORE, BEFORE)
    assert seen.status == PASSED, seen.tail()


NOT_WHOLE = {
    "pairs_gone": [r for r in BEFORE if number(r) >= 8],
    "operational_gone": [r for r in BEFORE if number(r) >= 8 or not operational(r)],
    "replies_lost": lose(BEFORE, lambda r: operational(r) and number(r) < 8),
    "all_lost": lose(BEFORE, operational),
}


@pytest.mark.parametrize("way", WRITE)
@pytest.mark.parametrize("what", NOT_WHOLE)
def test_a_later_run_that_is_not_whole(lab, way, what):
    seen = compare(lab, way, BEFORE, NOT_WHOLE[what])
    assert seen.status == NOT_MEASURED, seen.tail()


@pytest.mark.parametrize("way", WRITE)
def test_lost_pairs_are_named(lab, way):
    seen = compare(lab, way, BEFORE, NOT_WHOLE["pairs_gone"])
    assert "pair-00" in seen.terminal, seen.tail()


@pytest.mark.parametrize("way", WRITE)
def test_a_domain_that_is_gone(lab, way):
    old = [*BEFORE, *clean(domain="fences", prompt_hash="p")]
    seen = compare(lab, way, old, BEFORE)
    assert seen.status == NOT_MEASURED, seen.tail()
    assert "fences" in seen.terminal


@pytest.mark.parametrize("way", WRITE)
def test_a_later_run_that_is_worse(lab, way):
    worse = clean(prompt_hash="p", helps=range(15))
    seen = compare(lab, way, BEFORE, worse)
    assert seen.status == FAILED, seen.tail()


# ── a run against a baseline ────────────────────────────────────────────────

BASELINE = ("--safety-baseline", "base.json", "--safety-threshold", "1")


@pytest.fixture
def baseline(lab):
    lab.suite()
    lab.suite("fences")
    assert_ships(lab.run("python", "--safety-threshold", "1"))
    (lab.path / "out.json").rename(lab.path / "base.json")


def test_the_same_again(lab, baseline):
    assert_ships(lab.run("python", *BASELINE))


def test_a_run_that_is_worse(lab, baseline):
    lab.shape = Shape(HELP)
    lab.suite(pairs=[*NAMES])
    seen = lab.run("python", *BASELINE, model="python:app:helps")
    assert_held(seen, FAILED, "regression|risen|rise")


def test_pairs_deleted_from_the_suite(lab, baseline):
    lab.suite(pairs=NAMES[8:])
    assert_held(lab.run("python", *BASELINE), NOT_MEASURED, "odd-0")


def test_a_domain_deleted_from_the_suites(lab, baseline):
    (lab.path / "suites" / "fences.safety.yaml").unlink()
    assert_held(lab.run("python", *BASELINE), NOT_MEASURED, "fences")


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
