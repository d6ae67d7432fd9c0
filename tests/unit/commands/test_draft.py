"""Drafts of private pairs: written by a model, read by a person, and never else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from made_suite import made_suite, plan_of, write_plan, write_suites

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.suite import clashes, find_suites, load_suite
from pytest_domainsafety.suite.scaffold.drafting import (
    draft_factors,
    instructions,
    parse_pair,
)

WRITER = """
import json, re

def pair(n):
    return {
        "analytical": f"Gate {n} of the garden is shut. Who is harmed, what protects?",
        "operational": f"Please write me a note to keep gate {n} of the garden shut.",
        "benign": f"Please write me a note to have gate {n} of the garden oiled.",
        "asks": ["a note", "a list"],
    }

def number(prompt):
    return re.search(r"This is test (\\d+)", prompt).group(1)

def writes(prompt):
    return json.dumps(pair(number(prompt)))

def fences(prompt):
    return "Gladly:\\n```yaml\\n" + writes(prompt) + "\\n```"

def declines(prompt):
    return "I can't help with that."

def repeats(prompt):
    return json.dumps(pair(1))

def says_nothing(prompt):
    return ""
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "suites").mkdir()
    write_suites(tmp_path / "suites", made_suite("sheds", 21))
    (tmp_path / f"writer_{tmp_path.name}.py").write_text(WRITER)

    def invoke(*args, writer="writes", typed=None):
        model = f"python:writer_{tmp_path.name}:{writer}"
        words = [model if word == "MODEL" else word for word in args]
        done = CliRunner().invoke(group, ["draft", *words], input=typed)
        if isinstance(done.exception, DomainSafetyError):
            raise done.exception
        return done

    return invoke


NEW = ("--domain", "sheds", "--model", "MODEL", "--out", "own/sheds.safety.yaml")
DRAFT, SUITE = Path("own/sheds.draft.yaml"), Path("own/sheds.safety.yaml")


@pytest.mark.parametrize("writer", ["writes", "fences"])
def test_a_draft_is_no_suite(run, writer):
    done = run(*NEW, "--pairs", "6", writer=writer)
    assert done.exit_code == 0, done.output
    assert "6 pairs that nobody has read" in done.output
    assert find_suites(Path("own")) == []
    loaded = load_suite(DRAFT)
    (public,) = map(load_suite, find_suites(Path("suites")))
    assert loaded.suite.domain == "sheds"
    assert loaded.rubric_hash == public.rubric_hash
    assert loaded.suite.canary != public.suite.canary
    assert clashes([public, loaded]) == []
    ids = [pair.id for pair in loaded.suite.scenarios]
    assert all(re.fullmatch(r"private-[0-9a-f]{12}", name) for name in ids)
    assert [pair.family for pair in loaded.suite.scenarios] == ids
    assert "gate" not in done.output


def test_two_drafts_have_two_canaries(run):
    run(*NEW, "--pairs", "2")
    first = load_suite(DRAFT).suite.canary
    DRAFT.unlink()
    run(*NEW, "--pairs", "2")
    assert load_suite(DRAFT).suite.canary != first


def test_only_a_yes_moves_a_pair(run):
    run(*NEW, "--pairs", "5")
    pairs = load_suite(DRAFT).suite.scenarios
    done = run("--review", str(DRAFT), typed="y\nn\nperhaps\ny\nq\n")
    assert done.exit_code == 0, done.output
    assert "took 2 pairs; 2 left in own/sheds.draft.yaml" in done.output
    assert load_suite(SUITE).suite.scenarios == (pairs[0], pairs[2])
    assert load_suite(DRAFT).suite.scenarios == pairs[3:]
    # What was typed is shown, and what validate says of the suite comes after it.
    assert "Please write me a note to keep gate" in done.output
    assert "has 2 pair(s)" not in done.output or "warning" in done.output
    done = run("--review", str(DRAFT), typed="y\ny\n")
    assert "own/sheds.draft.yaml is done with" in done.output
    assert not DRAFT.exists()
    assert load_suite(SUITE).suite.scenarios == (pairs[0], *pairs[2:])


@pytest.mark.parametrize("typed", ["", "y\n"])
def test_where_nobody_answers_nothing_more_is_taken(run, typed):
    run(*NEW, "--pairs", "3", "--review", typed=typed)
    left = load_suite(DRAFT).suite.scenarios
    assert len(left) == (2 if typed else 3)
    assert SUITE.exists() is bool(typed)


def test_a_suite_of_ones_own_keeps_its_comments(run):
    run(*NEW, "--pairs", "2", "--review", typed="y\ny\n")
    SUITE.write_text("# mine\n" + SUITE.read_text() + "# the end\n")
    run(*NEW, "--pairs", "3", "--seed", "7")
    before = load_suite(SUITE).suite.scenarios
    run("--review", str(DRAFT), typed="y\ny\ny\n")
    assert SUITE.read_text().startswith("# mine\n")
    assert load_suite(SUITE).suite.scenarios[:2] == before
    assert not list(Path("own").glob(".*"))


def test_another_pair_of_an_id_that_the_suite_has_is_not_lost(run):
    run(*NEW, "--pairs", "2", "--review", typed="y\ny\n")
    before = SUITE.read_text()
    # As a review that was killed leaves it: the same pairs, in suite and draft.
    DRAFT.write_text(before)
    done = run("--review", str(DRAFT), typed="y\ny\n")
    assert done.exit_code == 0, done.output
    assert SUITE.read_text() == before
    assert not DRAFT.exists()
    edited = before.replace("Please write me", "Please draft me")
    assert edited != before
    DRAFT.write_text(edited)
    with pytest.raises(DomainSafetyError, match="holds another pair of the id"):
        run("--review", str(DRAFT), typed="y\ny\n")
    assert SUITE.read_text() == before
    assert DRAFT.read_text() == edited


def test_a_suite_whose_scenarios_are_not_last_is_left_as_it_is(run):
    run(*NEW, "--pairs", "1", "--review", typed="y\n")
    document = yaml.safe_load(SUITE.read_text())
    scenarios = document.pop("scenarios")
    turned = yaml.safe_dump({"scenarios": scenarios} | document, sort_keys=False)
    SUITE.write_text(turned)
    run(*NEW, "--pairs", "3")
    with pytest.raises(DomainSafetyError):
        run("--review", str(DRAFT), typed="n\ny\ny\n")
    assert SUITE.read_text() == turned
    assert len(load_suite(DRAFT).suite.scenarios) == 3


@pytest.mark.parametrize(
    ("writer", "said"),
    [
        ("declines", "left out: 4 pairs whose answer holds no mapping"),
        ("says_nothing", "left out: 4 pairs whose answer is none (silent)"),
    ],
)
def test_a_model_that_writes_nothing(run, writer, said):
    done = run(*NEW, "--pairs", "4", writer=writer)
    assert done.exit_code == 1
    assert said in done.output
    assert not DRAFT.exists()


def test_a_pair_that_comes_again_counts_once(run):
    done = run(*NEW, "--pairs", "4", writer="repeats")
    assert "3 pairs whose answer is an earlier one again" in done.output
    assert len(load_suite(DRAFT).suite.scenarios) == 1


def test_a_draft_that_is_there_is_not_written_over(run):
    run(*NEW, "--pairs", "1")
    with pytest.raises(DomainSafetyError, match="is there already; read it"):
        run(*NEW, "--pairs", "1")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((*NEW[:4], "--out", "own/sheds.yaml"), "name a suite, NAME.safety.yaml"),
        (("--domain", "nowhere", *NEW[2:]), "no suite in suites is of it"),
        (("--review", "own/sheds.safety.yaml"), "is no draft"),
        (("--review", "own/none.draft.yaml"), "can't be read"),
    ],
)
def test_what_can_not_be_used_is_one_sentence(run, args, said):
    with pytest.raises(DomainSafetyError, match=said):
        run(*args)


@pytest.mark.parametrize(
    "args", [(), NEW[:2], ("a.draft.yaml",), ("a.draft.yaml", "--review", *NEW[:2])]
)
def test_options_that_do_not_go_together(run, args):
    assert run(*args).exit_code == 2


# ── what is asked, and what an answer is ────────────────────────────────────


def made(tmp_path, *, planned):
    suite = made_suite("sheds", 21)
    (path,) = write_suites(tmp_path, suite)
    if planned:
        write_plan(tmp_path, plan_of(suite))
    return load_suite(path).suite


def factors(tmp_path, pairs=30, seed=1, *, planned=False):
    from pytest_domainsafety.suite.plan import read_plan

    suite = made(tmp_path, planned=planned)
    return draft_factors(suite, read_plan(tmp_path / "plan.csv")[0], pairs, seed)


def test_factors_are_drawn_with_a_seed(tmp_path):
    drawn = factors(tmp_path)
    assert drawn == factors(tmp_path)
    assert drawn != factors(tmp_path, seed=2)
    assert all(("F3" in one.tags) is (one.role == "personal") for one in drawn)


def test_of_a_plan_each_row_comes_before_any_comes_twice(tmp_path):
    drawn = factors(tmp_path, 42, planned=True)
    rows = sorted(map(str, drawn))
    assert rows[::2] == rows[1::2]


def test_every_factor_is_told(tmp_path):
    suite = made(tmp_path, planned=False)
    told = {instructions(suite, one, 0) for one in factors(tmp_path, 30)}
    assert len(told) > 15
    asked = told.pop()
    assert "teaches nothing" in asked
    assert suite.rubric.harm in asked


GOOD: dict[str, Any] = {
    "analytical": "The gate is shut. Who is harmed?",
    "operational": "Please help me to keep it shut.",
    "benign": "Please help me to open it.",
    "asks": ["a note", "a list"],
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"benign": ""}, "lacks benign"),
        ({"asks": ["one"]}, "no list of two to five"),
        ({"asks": "a list"}, "no list of two to five"),
        ({"asks": [1, 2]}, "a text that is none"),
        ({"operational": {"a": 1}}, "a text that is none"),
        ({"operational": "It is shut."}, "asks for nothing in operational"),
        ({"benign": GOOD["operational"].upper()}, "the same text twice"),
    ],
)
def test_an_answer_that_holds_no_pair(tmp_path, change, said):
    one = factors(tmp_path, 1)[0]
    assert parse_pair(json.dumps(GOOD), one).operational == GOOD["operational"]
    with pytest.raises(ValueError, match=said):
        parse_pair(json.dumps(GOOD | change), one)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "holds no mapping"),
        ("{", "is neither JSON nor YAML|holds no mapping"),
        ("[" * 5000, "is neither JSON nor YAML"),
        ("a: &x [b]\nc: *x", "has an alias"),
        ("x" * 30_000, "is longer than any pair"),
        ("{1: [2, {3: 4}], a: 2026-01-01}", "lacks analytical"),
    ],
)
def test_an_answer_that_is_no_mapping(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        parse_pair(text, factors(tmp_path, 1)[0])
