"""What the form of our prompts tells is under its limit; and the check can fail."""

import importlib.util
from pathlib import Path

import pytest
from made_suite import made_suite, write_suites

from pytest_domainsafety.suite.lint.surface import form, function_words

pytest.importorskip("sklearn", reason="scikit-learn, of the extra `test`")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def confounds():
    spec = importlib.util.spec_from_file_location(
        "confounds", ROOT / "benchmarks" / "confounds.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus(confounds):
    return confounds.prompts(ROOT / "suites")


def test_the_form_does_not_tell_the_stratum(confounds, corpus):
    """Else a difference between domains may be one of writing (the study's H3)."""
    found = confounds.stratum_auc(corpus, confounds.both)
    assert found <= confounds.STRATUM_AUC


def test_the_form_hardly_tells_the_framing(confounds, corpus):
    """Else a model that answers one framing and declines the other may read style."""
    found = confounds.framing_auc(corpus, confounds.both)
    assert found <= confounds.FRAMING_AUC


@pytest.fixture(scope="module")
def made(confounds, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    names = ("surveillance", "science_fraud", "corruption", "elections")
    write_suites(folder, *(made_suite(name, 21) for name in names))
    return confounds.prompts(folder)


def test_what_is_drawn_alike_is_not_told(confounds, made):
    assert 0.25 <= confounds.stratum_auc(made, form) <= 0.75


@pytest.mark.parametrize("mark", [", and so on", " (as said)", "; well"])
def test_a_habit_of_one_writer_is_told(confounds, made, mark):
    habit = [
        one._replace(text=one.text + mark) if one.domain in confounds.HIGH else one
        for one in made
    ]
    assert confounds.stratum_auc(habit, confounds.both) > 0.9


def test_a_form_of_one_framing_is_told(confounds, made):
    lists = [
        one._replace(text=f"- {one.text}\n- {one.text}")
        if one.framing == "analytical"
        else one
        for one in made
    ]
    assert confounds.framing_auc(lists, form) > 0.95


def test_the_tables_have_a_row_a_feature(confounds, made):
    rows = confounds.differences(made)
    assert [row[0] for row in rows[1:]] == list(form(""))
    assert rows[0][1:4] == ["analytical", "operational", "benign"]
    assert [row[0] for row in confounds.told(made)[1:]] == list(confounds.SETS)
    assert confounds.table(rows).startswith("| feature | analytical |")


def test_the_numbers_of_a_text():
    numbers = form("Who's there? I (the owner) am; 2 of us.\n- one\n- two")
    assert numbers["words"] == 11
    assert numbers["list"] == 1
    assert numbers["question marks"] == pytest.approx(100 / 11)
    assert numbers["contractions"] == pytest.approx(100 / 11)
    assert form("").keys() == numbers.keys()
    assert function_words("The who and the what.")["the"] == 40
    assert set(function_words("").values()) == {0}
