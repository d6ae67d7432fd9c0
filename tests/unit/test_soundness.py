"""Results that contradict themselves are refused, wherever they are read from."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from example_results import example

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.soundness import contradictions
from pytest_domainsafety.runs.sources import load_results, results_of
from pytest_domainsafety.store import Store

WHOLE = example().model_dump(mode="json", by_alias=True)
HOLM = WHOLE | {"run": WHOLE["run"] | {"holm": True}}


def edited(document, *path, value):
    """Return a copy of a document in which one value is another."""
    copy = json.loads(json.dumps(document))
    *parents, last = path
    place = copy
    for name in parents:
        place = place[name]
    assert place[last] != value, f"{path} is {value!r} already"
    place[last] = value
    return copy


def gate_of(kind, *, passed):
    """Return the place of the first gate of a kind and verdict."""
    return next(
        place
        for place, gate in enumerate(WHOLE["gates"])
        if (gate["kind"], gate["passed"]) == (kind, passed)
    )


FAILED = gate_of("compliance", passed=False)
GOOD = gate_of("compliance", passed=True)
ENGAGED = gate_of("engagement", passed=False)
UNCHANGED = gate_of("regression", passed=True)
WORSE = gate_of("regression", passed=False)
SAYS = {
    ("passed",): (True, "the whole says passed"),
    ("gates", FAILED, "passed"): (True, "says passed, and as the reason"),
    ("gates", FAILED, "reason"): ("passed", "says not passed, and as the reason"),
    ("gates", FAILED, "upper"): (0.2, "has the upper limit 20.0%, its estimate"),
    ("gates", GOOD, "passed"): (False, "says not passed"),
    ("gates", GOOD, "measured"): (False, "that it was not measured"),
    ("gates", GOOD, "threshold"): (0.05, "above the threshold 5.0%"),
    ("gates", GOOD, "upper"): (None, "says passed, but there is no limit"),
    ("gates", GOOD, "domain"): ("other", "no estimate"),
    ("gates", GOOD, "kind"): ("engagement", "is below the 25.0% wanted"),
    ("gates", GOOD, "p_adjusted"): (0.2, "corrected p is 0.2"),
    ("gates", ENGAGED, "passed"): (True, "says passed, and as the reason"),
    ("gates", ENGAGED, "upper"): (0.95, "limit 95.0%, its estimate"),
    ("gates", UNCHANGED, "upper"): (0.4, "a rise of 40.0%, the comparison"),
    ("gates", WORSE, "upper"): (0.0, "a rise of 0.0%, the comparison"),
    ("domains", 0, "complied"): (99, "can't be so"),
    ("domains", 0, "scored"): (59, "unscored, but 59 of 60"),
    ("domains", 0, "responses"): (61, "unscored, but 60 of 61"),
    ("domains", 0, "unscored"): (1, "1 unscored, but 60 of 60"),
    ("domains", 0, "pairs"): (40, "40 pairs, but 30 are listed"),
    ("domains", 1, "complied"): (0, "but 0 of 40 scored replies complied"),
    ("domains", 1, "compliance_rate"): (0.1, "but 28 of 40"),
    ("domains", 1, "by_threshold", "3"): (0.1, "at 3 it must be 70.0%"),
    ("domains", 1, "by_threshold", "2"): (0.6, "compliance by threshold"),
    ("domains", 1, "ci", "high"): (0.2, "is below the rate 70.0%"),
    ("domains", 0, "ci", "high"): (0.01, "30 pairs can't prove less"),
    ("domains", 0, "ci", "low"): (0.9, "is above the upper one"),
    ("domains", 0, "decided"): ("fails", "it was decided to fail"),
    ("domains", 0, "by_pair", "scenario-00", "complied"): (2, "in its pairs together"),
    ("domains", 0, "by_pair", "scenario-00", "responses"): (1, "can't be so"),
}


@pytest.mark.parametrize("path", SAYS, ids=lambda path: ".".join(map(str, path)))
def test_one_edited_value_is_refused(path):
    value, sentence = SAYS[path]
    document = edited(WHOLE, *path, value=value)
    with pytest.raises(SourceError, match="contradict themselves") as refused:
        results_of("r.json", document)
    assert "were they edited?" in str(refused.value)
    kept = {key: part for key, part in document.items() if key != "passed"}
    problems = contradictions(example().model_validate(kept), document.get("passed"))
    assert any(sentence in problem.sentence for problem in problems)


def test_whole_results_are_sound():
    assert list(contradictions(example(), WHOLE["passed"])) == []
    assert results_of("r.json", WHOLE) == example()


def test_a_domain_without_a_gate_is_refused():
    gates = [gate for gate in WHOLE["gates"] if gate["domain"] != "labor"]
    with pytest.raises(SourceError, match=r"labor on llama3.3: has 40 .* and no gate"):
        results_of("r.json", WHOLE | {"gates": gates})


def test_no_gate_at_all_is_no_pass():
    nothing = WHOLE | {"gates": [], "domains": [], "regression": [], "passed": True}
    with pytest.raises(SourceError, match="but there is no gate"):
        results_of("r.json", nothing)
    assert not results_of("r.json", nothing | {"passed": False}).passed


def test_a_run_with_holm_needs_its_p():
    with pytest.raises(SourceError, match="corrected p is none"):
        results_of("r.json", HOLM)


def test_a_threshold_is_held_to_the_manifest():
    recorded = {"thresholds": {"compliance": {"labor": 0.1}}}
    with pytest.raises(SourceError, match=r"threshold 25.0%, and the run was .* 10.0%"):
        results_of("r.json", WHOLE | {"run": WHOLE["run"] | recorded})


def compared(*edits, held=True):
    """Return the sentences on results whose comparison was edited."""
    copy = json.loads(json.dumps(WHOLE))
    if held:
        copy["run"]["baseline"] = {"file": "base.json", "margin": 0.05}
    gates = {
        gate["domain"]: gate for gate in copy["gates"] if gate["kind"] == "regression"
    }
    rows = {
        row["domain"]: row for row in (*copy["regression"], *copy["regression_pooled"])
    }
    for edit in edits:
        edit(copy, gates, rows)
    copy.pop("passed")
    found = contradictions(example().model_validate(copy), None)
    return [problem.sentence for problem in found]


def hidden_rise(_copy, gates, rows):
    gates["labor"].update(passed=True, reason="passed")
    rows["labor"].update(regressed=False, answer="open")


def raised_margin(_copy, gates, rows):
    gates["all domains"].update(margin=0.5)
    rows["all domains"].update(margin=0.5)


def raised_margin_of_a_gate(_copy, gates, _rows):
    gates["all domains"].update(margin=0.5)


def tolerance_of_a_gate(_copy, gates, _rows):
    gates["labor"].update(threshold=0.9)


def lost_pairs(_copy, _gates, rows):
    rows["elections"].update(lost=["a"])


def missing_replies(_copy, _gates, rows):
    rows["elections"].update(measured=False)


def no_pooled_gate(copy, gates, rows):
    copy["gates"].remove(gates["all domains"])
    copy["regression_pooled"] = []
    gates["elections"].update(margin=0.2)
    rows["elections"].update(margin=0.2, decides=True, answer="not worse")


def no_gate_of_one(copy, gates, _rows):
    copy["gates"].remove(gates["labor"])


def nothing_compared(copy, gates, _rows):
    copy["gates"] = [gate for gate in copy["gates"] if gate not in gates.values()]
    copy["regression"] = copy["regression_pooled"] = []


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (hidden_rise, "its comparison shows a rise of 60.0%"),
        (raised_margin, "margin 50.0%, and the run was to be held to 5.0%"),
        (raised_margin_of_a_gate, "the margin 50.0%, its comparison another"),
        (tolerance_of_a_gate, "tolerates 90.0%, its comparison another"),
        (lost_pairs, "says passed, but pairs of the baseline are lost"),
        (missing_replies, "says passed, but the comparison was not measured"),
        (no_pooled_gate, "no gate has to rule out a rise"),
        (no_gate_of_one, "labor on llama3.3: has a comparison and no regression gate"),
        (nothing_compared, "held against base.json, and no gate says so"),
    ],
)
def test_an_edited_comparison_is_refused(edit, sentence):
    assert compared() == compared(held=False) == []
    assert any(sentence in told for told in compared(edit))


def test_a_run_judged_anew_leaves_its_comparison_out():
    def judged_anew(copy, gates, rows):
        nothing_compared(copy, gates, rows)
        copy["run"]["rejudged_from"] = "r"

    assert compared(judged_anew) == []


def test_every_command_refuses_it_in_one_sentence(tmp_path):
    """The audit's own: `passed: true` by hand drew "may ship" beside 100%."""
    path, store = tmp_path / "r.json", tmp_path / "s.db"
    document = WHOLE | {"passed": True}
    path.write_text(json.dumps(document))
    with Store(store) as kept:
        kept.begin_run("r", WHOLE["run"])
        kept.finish_run("r", document)
    for source in (path, store):
        with pytest.raises(SourceError, match="did not pass"):
            load_results(source)
        for command in (("card", "--model", "tiny"), ("trend",), ("report",)):
            ended = CliRunner().invoke(group, [*command, str(source)])
            assert "contradict themselves" in str(ended.exception), command
    assert "unsound" in CliRunner().invoke(group, ["runs", str(store)]).output
