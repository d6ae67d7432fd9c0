"""A corpus against its plan: each thing that may differ, changed in one place."""

import copy

import pytest
from made_suite import made_suite, plan_of, write_plan, write_suites

from pytest_domainsafety.suite import load_suite
from pytest_domainsafety.suite.lint.checks import check_suites
from pytest_domainsafety.suite.lint.requests import asks, conceals, has_list, places
from pytest_domainsafety.suite.plan import COLUMNS, PlanRow, read_plan

MADE = made_suite("sheds", 21), made_suite("fences", 21)
LONGER = (
    " Also say why, when, where, and in whose name it was done so long ago, and how."
)


class Corpus:
    """Two suites and their plan, to be changed and checked."""

    def __init__(self, folder):
        self.folder = folder
        self.suites = copy.deepcopy(MADE)
        self.rows = plan_of(*self.suites)
        self.planned = True

    @property
    def pair(self):
        return self.suites[1]["scenarios"][0]

    def check(self, *, strict=True):
        paths = write_suites(self.folder, *self.suites)
        if self.planned:
            write_plan(self.folder, self.rows)
        return check_suites([load_suite(path) for path in paths], strict=strict)

    def errors(self):
        return [str(one) for one in self.check() if one.severity == "error"]

    def hints(self):
        return [str(one) for one in self.check() if one.severity == "warning"]


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path)


def test_the_corpus_that_the_tests_change_is_good(corpus):
    assert corpus.check() == []
    corpus.planned = False
    assert corpus.check() == []


def row_of(corpus, **changes):
    row = next(row for row in corpus.rows if row["id"] == corpus.pair["id"])
    row |= changes


CHANGES = {
    "not planned": (
        lambda c: c.rows.pop(21),
        "scenario 'fences-0': id: is not in ",
    ),
    "not written": (
        lambda c: c.suites[1]["scenarios"].pop(0),
        "plan.csv:23: scenario 'fences-0': is planned in fences, and no suite there",
    ),
    "openness": (
        lambda c: row_of(c, openness="3"),
        "scenario 'fences-0': openness: is 0, and planned is 3",
    ),
    "role": (lambda c: row_of(c, role="none"), "role: is institutional, and planned"),
    "core": (lambda c: row_of(c, core="0"), "core: is true, and planned is false"),
    "tags": (lambda c: row_of(c, f2="1"), "tags: has F1, and planned is F1+F2"),
    "F3 is a personal role": (
        lambda c: row_of(c, role="personal"),
        "tags: has F1, and planned is F1+F3",
    ),
    "family": (
        lambda c: row_of(c, family="x"),
        "is fences-0, and planned is x",
    ),
    "jurisdiction": (
        lambda c: row_of(c, jurisdiction="EU"),
        "jurisdiction: is US, and planned is EU",
    ),
    "codification": (
        lambda c: row_of(c, codification="low"),
        "codification: is high, and planned is low",
    ),
    "zero tolerance": (
        lambda c: row_of(c, zero_tolerance="1"),
        "zero_tolerance: is false, and planned is true",
    ),
    "length": (
        lambda c: row_of(c, length="long"),
        "operational: has 63 words; planned is long, 105 to 135",
    ),
    "turns": (
        lambda c: row_of(c, turns="2"),
        "operational: has 1 user turn(s); planned are 2",
    ),
    "digits": (
        lambda c: row_of(c, form="digits+typos"),
        "operational: has none of the planned form, digits",
    ),
    "list": (
        lambda c: row_of(c, form="list"),
        "operational: has none of the planned form, list",
    ),
    "list in one framing": (
        lambda c: c.pair.update(analytical="- One.\n- Two.\n" + c.pair["analytical"]),
        "analytical: is a list in one framing alone",
    ),
    "no twin": (lambda c: c.pair.pop("benign"), "has no benign twin"),
    "no asks": (lambda c: c.pair.pop("asks"), "has no list of what it asks for"),
    "a control variant": (
        lambda c: c.pair["variants"].pop("placebo"),
        "variants: has no variant 'placebo', which a core pair of a planned corpus",
    ),
    "a longer variant": (
        lambda c: c.pair["variants"].update(
            placebo=c.pair["variants"]["placebo"] + LONGER
        ),
        "variants.placebo: has 80 words and the prompt 63: within 10% of them",
    ),
    "a variant that asks for nothing": (
        lambda c: c.pair["variants"].update(
            placebo=c.pair["variants"]["placebo"]
            .replace("Please help", "There is")
            .replace("Design the", "There is a")
        ),
        "variants.placebo: asks for nothing in turn 1",
    ),
    "a twin of another length": (
        lambda c: c.pair.update(benign="Please help me with a very small shed."),
        "benign: has 8 words and the prompt 63: the shorter at least two thirds",
    ),
    "a twin of other turns": (
        lambda c: c.pair.update(benign=["Please help.", c.pair["benign"]]),
        "benign: has another number of user turns than the prompt",
    ),
    "a family twice": (
        lambda c: (
            c.suites[1]["scenarios"][3].update(family="fences-0"),
            c.rows[24].update(family="fences-0"),
        ),
        "scenario 'fences-3': family: is of the family 'fences-0', as is ",
    ),
    "another scale": (
        lambda c: c.suites[1]["rubric"].update(
            refusal_levels=c.suites[1]["rubric"]["refusal_levels"] | {"5": "Firm."}
        ),
        "rubric.refusal_levels: are not the same text as in ",
    ),
    "another first marker": (
        lambda c: c.suites[1]["rubric"].update(
            markers={"cites_rule": "Is a law named?", "b": "Is it so?"}
        ),
        "rubric.markers: its first marker is not the same text as in ",
    ),
    "no harm levels": (
        lambda c: c.suites[1]["rubric"].pop("harm_levels"),
        "rubric: has no harm_levels",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_difference_is_an_error_with_a_plan_and_advice_without(corpus, name):
    change, said = CHANGES[name]
    change(corpus)
    found = [one for one in corpus.errors() if said in one]
    assert len(found) == 1, corpus.errors()
    corpus.planned = False
    (corpus.folder / "plan.csv").unlink()
    assert corpus.errors() == []


def test_without_strict_nothing_is_an_error(corpus):
    row_of(corpus, openness="3", length="long")
    found = corpus.check(strict=False)
    assert [one.severity for one in found] == ["warning", "warning"]


def test_a_factor_that_stands_for_a_domain(corpus):
    for pair in corpus.suites[1]["scenarios"]:
        pair["openness"] = 2
    for row in corpus.rows[21:]:
        row["openness"] = "2"
    said = [one for one in corpus.errors() if "openness 2" in one]
    assert len(said) == 2
    assert "100% of the pairs have openness 2, over all domains 62%" in " ".join(said)


def test_the_shares_of_a_corpus_that_is_half_written_say_nothing(corpus):
    for pair in corpus.suites[1]["scenarios"][1:]:
        pair["openness"] = 2
    for row in corpus.rows[22:]:
        row["openness"] = "2"
    assert any("openness 2" in one for one in corpus.errors())
    corpus.suites[1]["scenarios"].pop(0)
    corpus.suites[1]["scenarios"].append(corpus.pair | {"id": "another"})
    found = corpus.errors()
    assert any("no suite there has it" in one for one in found)
    assert not any("openness 2, over all" in one for one in found)


def test_codification_is_as_the_law_is(corpus):
    for pair in corpus.suites[1]["scenarios"]:
        pair["codification"] = "low"
    for pair in corpus.suites[0]["scenarios"]:
        pair["codification"] = "high"
    for row in corpus.rows[21:]:
        row["codification"] = "low"
    assert corpus.errors() == []
    assert any("codification low" in hint for hint in corpus.hints())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("I live in Texas.", "names a place, 'Texas', and none is planned"),
        ("Nobody may find out.", "has a cue of something to be concealed, and planned"),
    ],
)
def test_what_a_lexicon_thinks_is_a_hint(corpus, text, said):
    corpus.pair["operational"] = f"{text} {corpus.pair['operational']}"
    assert corpus.errors() == []
    assert any(said in hint for hint in corpus.hints())


def test_new_words_in_an_ablation_are_a_hint(corpus):
    text = corpus.pair["variants"]["no_engineering"].split()
    text[10:20] = [f"{'abcdefghij'[n]}nother{n}" for n in range(10)]
    corpus.pair["variants"]["no_engineering"] = " ".join(text)
    assert corpus.errors() == []
    assert any(
        "words of content that the prompt has not" in hint for hint in corpus.hints()
    )


def test_a_twin_that_is_the_prompt_is_an_error_anywhere(corpus):
    corpus.planned = False
    corpus.pair["benign"] = corpus.pair["operational"].upper()
    found = [one for one in corpus.check(strict=False) if one.severity == "error"]
    assert [one.field == "benign" for one in found] == [True]


def test_a_part_of_the_domains_is_held_to_its_part_of_the_plan(corpus):
    paths = write_suites(corpus.folder, *corpus.suites)
    write_plan(corpus.folder, corpus.rows)
    assert check_suites([load_suite(paths[0])], strict=True) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"core": "yes"}, "plan.csv:23: scenario 'fences-0': core: is 'yes', which is"),
        ({"openness": "4"}, "openness: is '4'"),
        ({"form": "digits+song"}, "form: is 'digits+song'"),
        ({"length": ""}, "length: is ''"),
        ({"turns": "0"}, "turns: is '0'"),
        ({"register": "loud"}, "register: is 'loud'"),
        ({"id": "Fences 0"}, "id: is 'Fences 0'"),
        ({"id": "fences-1"}, "scenario 'fences-1': is planned already at line 23"),
    ],
)
def test_a_row_that_holds_what_no_plan_has(corpus, change, said):
    row_of(corpus, **change)
    assert any(said in one for one in corpus.errors())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks the column(s) domain, id, core"),
        (b"domain,id\na,b\n", "lacks the column(s) core, subdomain"),
        (b"\xff\xfe\x00", "can't be read: it is not UTF-8"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path, content, said):
    (tmp_path / "plan.csv").write_bytes(content)
    plan, problems = read_plan(tmp_path / "plan.csv")
    assert plan is None
    assert said in str(problems[0])


def test_no_plan_is_no_problem(tmp_path):
    assert read_plan(tmp_path / "plan.csv") == (None, [])
    (tmp_path / "plan.csv").mkdir()
    assert "can't be read" in str(read_plan(tmp_path / "plan.csv")[1][0])


def test_the_columns_are_those_of_the_plan():
    assert COLUMNS[:3] == ("domain", "id", "core")
    assert "register" in COLUMNS
    assert len(COLUMNS) == len(PlanRow.model_fields)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("What is it made of?", True),
        ("It leaks. Write me a letter to the landlord.", True),
        ("We'd like a short list of tools.", True),
        ("The roof leaks; figure out why.", True),
        ("gimme a list", True),
        ("Three things are needed:\n1. Draft the letter.", True),
        ("I need it by Friday.", True),
        ("The roof leaks. It has for years.", False),
        ("One of them was hurt. They know it's up to me.", False),
        ("Good. The list is long, and the letter was sent.", False),
    ],
)
def test_what_asks_for_something(text, request_):
    assert asks(text) is request_


def test_the_other_lexicons():
    assert conceals("It mustn't be traced to us, so keep it from the auditor.")
    assert not conceals("The shed is red and stands in the garden.")
    assert places("From Ohio to New York, and back to Ohio.") == ("Ohio", "New York")
    assert places("We were reading in the garden in may.") == ()
    assert has_list("Wanted:\n- a list\n- a letter")
    assert not has_list("Wanted - a list - and a letter.\n- One item is no list.")
