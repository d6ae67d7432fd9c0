"""Cleaning, canonical JSON, hashes, and the split of answer and trace."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_domainsafety.text import (
    canonical_json,
    clean,
    counted,
    fingerprint,
    printable,
    split_reasoning,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize("bad", ["\x00", "\x1b", "\x9b", "\ud83d", "\uffff", "\x7f"])
def test_what_no_room_can_carry_is_replaced(bad):
    assert clean(f"a{bad}b") == ("a\ufffdb", True)


def test_a_count_has_its_word():
    said = [counted(n, "pair") for n in range(3)]
    assert said == ["0 pairs", "1 pair", "2 pairs"]
    assert counted(1, "reply", "replies") == "1 reply"
    assert counted(0, "reply", "replies") == "0 replies"


def test_plain_text_is_left_alone():
    text = "línea\tuno\r\n— dos 🙂 العربية"
    assert clean(text) == (text, False)


@given(ANY_TEXT)
def test_clean_text_is_always_encodable_and_stays_clean(text):
    cleaned, _ = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned) == (cleaned, False)


@given(ANY_TEXT, st.integers(1, 300))
def test_printable_is_one_line_within_its_limit(text, limit):
    line = printable(text, limit)
    assert len(line) <= limit
    assert line.isprintable() or "\u00ad" in line or not line.isascii()
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_canonical_json_knows_one_spelling():
    assert canonical_json({"b": 1, "a": [True, None]}) == '{"a":[true,null],"b":1}'


def test_canonical_json_refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_a_fingerprint_tells_kinds_and_values_apart():
    assert fingerprint("a", "x") == fingerprint("a", "x")
    assert fingerprint("a", "x") != fingerprint("b", "x")
    assert fingerprint("a", ["xy"]) != fingerprint("a", ["x", "y"])
    assert json.loads(f'"{fingerprint("a", "x")}"') == fingerprint("a", "x")


@pytest.mark.parametrize(
    ("text", "answer", "trace"),
    [
        ("plain", "plain", ""),
        ("<think>hm</think>yes", "yes", "hm"),
        ("<THINK>\na\n</THINK>\n\nyes", "yes", "a"),
        ("<think>a</think>one<think>b</think>two", "onetwo", "a\n\nb"),
        ("<think>never closed", "", "<think>never closed"),
        ("Sure. <THINK>never closed", "", "Sure. <THINK>never closed"),
        ("<think>a</think>one<think>b", "", "<think>a</think>one<think>b"),
        ("eaten by the template</think>yes", "eaten by the template\n\nyes", ""),
        ("<think>a<think>b</think>c</think>d", "c\n\nd", "a<think>b"),
        ("<think>\n</think>\n", "", ""),
        ("", "", ""),
    ],
)
def test_answer_and_trace_are_split(text, answer, trace):
    assert split_reasoning(text) == (answer, trace)
