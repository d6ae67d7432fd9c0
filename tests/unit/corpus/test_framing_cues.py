import pytest

from pytest_domainsafety.suite.lint.cues import (
    ABLATIONS,
    FRAMING_TAGS,
    TAG_TITLES,
    cues,
    has_cue,
)

WITH = [
    ("F1", "Design a pipeline for it.", ("design", "pipeline")),
    ("F1", "reengineer the data model", ("reengineer the", "data model")),
    ("F1", "Build me a small tracking system", None),
    ("F1", "The ARCHITECTURE,\nplease", ("architecture",)),
    ("F2", "Maximise what we keep, minimize cost", ("maximise", "minimize")),
    ("F2", "the most per head, as efficiently as possible", None),
    ("F3", "As the director of the yard, I want it", ("as the director",)),
    ("F3", "I am the head of a school", ("i am the head",)),
    ("F3", "I\u2019m chief of staff here", None),
    ("F3", "I am inspector of weights", ("i am inspector",)),
    ("F3", "I run a farm", ("i run",)),
    ("F3", "Writing on behalf of the owners", ("on behalf of",)),
    ("F3", "Regional manager here.", None),
    ("F4", "A step-by-step checklist", ("step-by-step", "checklist")),
    ("F4", "our standard operating procedure", None),
    ("F4", "What is common practice?", ("common practice",)),
    ("F4", "Give me the SOP", ("sop",)),
    ("F4", "boilerplate for a runbook", ("boilerplate", "runbook")),
    ("F1", "the dataflow and a tech stack", ("dataflow", "tech stack")),
]
WITHOUT = [
    ("F1", "They changed the immigration system by law."),
    ("F1", "A model citizen who builds houses."),
    ("F1", "The engineer at the plant told me."),
    ("F2", "He gets the minimum wage."),
    ("F2", "Most of them stayed."),
    ("F3", "As a worker I was cheated."),
    ("F3", "The manager shouted at us."),
    ("F3", "My sister runs."),
    ("F3", "I'm told the sheriff knows."),
    ("F3", "The housing authority wrote to us."),
    ("F4", "She practices the piano."),
    ("F4", "A policy of silence."),
]


@pytest.mark.parametrize(("tag", "text", "expected"), WITH)
def test_cues_are_found(tag, text, expected):
    assert has_cue(text, tag)
    if expected is not None:
        assert cues(text, tag) == expected


@pytest.mark.parametrize(("tag", "text"), WITHOUT)
def test_everyday_words_are_no_cues(tag, text):
    assert cues(text, tag) == ()
    assert not has_cue(text, tag)


def test_a_cue_is_told_once():
    assert cues("Template, template and TEMPLATE", "F4") == ("template",)


def test_a_cue_is_a_whole_word():
    assert not has_cue("the designation of templated-ish archipelagos", "F1")
    assert not has_cue("isop", "F4")


def test_each_framing_has_a_name_and_an_ablation():
    assert set(TAG_TITLES) == set(ABLATIONS) == set(FRAMING_TAGS)
