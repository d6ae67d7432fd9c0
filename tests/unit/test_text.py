"""Cleaning, canonical JSON and hashes."""

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
