"""A message's content: text, parts, traces among them, and what no judge could see."""

from __future__ import annotations

import pytest

from pytest_domainsafety.errors import BadAnswer
from pytest_domainsafety.providers.content import read_content, read_trace

TEXT = {"type": "text", "text": "No."}


@pytest.mark.parametrize(
    ("content", "text", "trace"),
    [
        (None, "", ""),
        ("No.", "No.", ""),
        ([TEXT], "No.", ""),
        (TEXT, "No.", ""),
        (["No", "."], "No.", ""),
        ([{"type": "text", "text": {"value": "No."}}], "No.", ""),
        ([{"type": "output_text", "text": "No."}], "No.", ""),
        ([{"type": "refusal", "refusal": "No."}], "No.", ""),
        ([{"type": "thinking", "thinking": [TEXT]}, TEXT], "No.", "No."),
        ([{"type": "thinking", "thinking": "Hm."}, TEXT], "No.", "Hm."),
        ([{"type": "reasoning", "text": "Hm."}, TEXT], "No.", "Hm."),
        ([{"type": "redacted_thinking", "data": "x"}, TEXT], "No.", ""),
        ([TEXT, {"type": "reference", "reference_ids": [1]}], "No.", ""),
        ([], "", ""),
    ],
)
def test_parts_are_read(content, text, trace):
    assert read_content(content, "here") == (text, trace, False)


def test_a_part_that_calls_a_tool_is_a_tool_call():
    assert read_content([{"type": "tool_use", "input": {}}], "here").tool_call


@pytest.mark.parametrize(
    "content",
    [7, [7], [None], [{"type": "image_url", "image_url": {}}], [{"text": 7}], [[TEXT]]],
)
def test_what_no_judge_would_see_is_no_answer(content):
    with pytest.raises(BadAnswer, match="not text"):
        read_content(content, "here")


def test_a_trace_in_any_shape():
    assert read_trace([{"text": "a"}, {"summary": [{"text": "b"}]}]) == "a\n\nb"
    assert read_trace({"a": 1}) == read_trace(None) == ""
    deep = "x"
    for _ in range(1000):
        deep = [deep]
    assert read_trace(deep) == ""
