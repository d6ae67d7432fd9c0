"""Rows of marks: what finds room, and numbers under each other."""

from xml.etree import ElementTree

import pytest

from pytest_domainsafety.reporting.html.rowchart import (
    NARROW,
    WIDE,
    Row,
    cut,
    row_chart,
)

SVG = "{http://www.w3.org/2000/svg}"


def texts(rows, layout):
    root = ElementTree.fromstring(row_chart(rows, "a chart", layout))
    return [one for one in root.iter(f"{SVG}text") if one.get("class") != "tick"]


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [
        ("short", 100, "short"),
        ("a long name of a part", 80, "a long na…"),
        ("漢字漢字漢字", 60, "漢字漢字…"),
        ("anything", 3, "…"),
        ("", 0, ""),
    ],
)
def test_a_text_is_cut_to_its_room(text, room, kept):
    assert cut(text, room) == kept


def test_numbers_end_in_one_column_and_their_limits_begin_in_another():
    rows = [
        Row("a", value="2.5%  [0.0–16.8%]"),
        Row("b", value="100.0%  [89.0–100.0%]"),
    ]
    found = {one.text: one for one in texts(rows, WIDE)}
    for name in ("2.5%", "100.0%"):
        assert found[name].get("text-anchor") == "end"
    assert len({found[name].get("x") for name in ("2.5%", "100.0%")}) == 1
    limits = [one for name, one in found.items() if name and name[0] == "["]
    assert len({one.get("x") for one in limits}) == 1


def test_a_second_name_gets_a_line_of_its_own_on_a_phone():
    rows = [Row("a part", value="2.5%", under="a-model:8b"), Row("next")]
    label, said, under, following = texts(rows, NARROW)
    assert [one.text for one in (label, said, under)] == [
        "a part",
        "2.5%",
        "a-model:8b",
    ]
    assert label.get("y") == said.get("y") < under.get("y")
    alone = texts([Row("a part"), Row("next")], NARROW)
    assert float(following.get("y")) - float(alone[1].get("y")) == 17


def test_a_row_holds_no_empty_text():
    assert [one.text for one in texts([Row("alone")], WIDE)] == ["alone"]
