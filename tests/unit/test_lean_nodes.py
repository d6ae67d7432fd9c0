"""Nodes whose containers are made on demand are nodes like any other's."""

from __future__ import annotations

import pytest

from pytest_domainsafety.session.collection import PairItem, PairNode

SUITE = """\
schema: 1
domain: mining
title: Mining
rubric: {harm: Sees it., guidance: Helps., markers: {one: One?, two: Two?}}
scenarios:
  - {id: first, subdomain: coal, tags: [F1], analytical: A, operational: B}
  - {id: second, subdomain: gold, analytical: C, operational: D}
"""


@pytest.fixture
def items(pytester):
    pytester.makefile(".safety.yaml", mining=SUITE)
    found, _ = pytester.inline_genitems("--model", "scripted:x", "-p", "no:xdist")
    assert [type(item) for item in found] == [PairItem, PairItem]
    return found


def test_each_node_has_containers_of_its_own_that_last(items):
    first, second = items
    nodes = (first, second, first.parent, second.parent)
    for number, node in enumerate(nodes):
        node.extra_keyword_matches.add(f"word{number}")
        node.stash.setdefault(KEY, number)
        node.add_marker("xfail")
        node.keywords[f"key{number}"] = number
    first.user_properties.append(("a", 1))
    first.add_report_section("call", "stdout", "said")
    assert [node.extra_keyword_matches for node in nodes] == [
        {f"word{number}"} for number in range(4)
    ]
    assert [node.stash[KEY] for node in nodes] == [0, 1, 2, 3]
    assert [node._store[KEY] for node in nodes] == [0, 1, 2, 3]
    assert [mark.name for mark in first.own_markers] == ["xfail"]
    assert first.keywords["key0"] == 0
    assert "key1" not in first.keywords
    assert (first.user_properties, second.user_properties) == ([("a", 1)], [])
    assert first._report_sections == [("call", "stdout", "said")]
    assert second._report_sections == []


KEY = pytest.StashKey[int]()


def test_a_pair_carries_its_marks(items):
    first, second = items
    assert isinstance(first.parent, PairNode)
    told = [(mark.name, mark.kwargs) for mark in first.iter_markers()]
    assert told == [
        ("subdomain", {"name": "coal"}),
        ("tag", {"F1": True}),
        ("domain", {"name": "mining"}),
    ]
    assert second.get_closest_marker("tag") is None
    assert "tag" in first.keywords
    assert "tag" not in second.keywords
    assert "first" in first.keywords
    assert first.listextrakeywords() == set()


def test_what_a_node_does_not_have_is_not_made(items):
    assert not hasattr(items[0], "callspec")
    assert not hasattr(items[0], "obj")


def test_a_pair_that_nobody_asked_anything_holds_nothing(items):
    fresh = PairNode.from_parent(
        items[0].parent.parent, name="third", suite=items[0].suite, index=0
    )
    assert vars(fresh) == {}


def test_what_another_plugin_puts_on_every_node_stays(items, monkeypatch):
    before = pytest.Collector.__init__

    def init(self, *args, **kwargs):
        before(self, *args, **kwargs)
        self.note = "kept"
        self.extra_keyword_matches.add("kept")

    monkeypatch.setattr(pytest.Collector, "__init__", init)
    fresh = PairNode.from_parent(
        items[0].parent.parent, name="third", suite=items[0].suite, index=0
    )
    assert (fresh.note, fresh.extra_keyword_matches) == ("kept", {"kept"})
    assert [mark.name for mark in fresh.own_markers] == ["subdomain", "tag"]
