"""The loader that looks less tells YAML's tags no differently."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_domainsafety.suite import reading

WORDS = """
yes Yes YES no No NO true True TRUE false False FALSE on On ON off Off OFF y n
null Null NULL ~ None falsey nothing tRUE false1 quota-tracking F1 Überwachung
0 -7 +7 08 0b10 0o7 0x1F 1_000 1:30 190:20:30 1.5 .5 -.5 1e3 1.5e+3 .inf -.INF
.nan . = << 2026-01-31 2026-1-3 1.0.0 five-5 5-five
"""


def tags(node):
    """Return the tree's tags, keys and values in their order."""
    if isinstance(node, yaml.ScalarNode):
        return node.tag
    children = node.value
    if isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    return node.tag, [tags(child) for child in children]


PAIRS = [
    (reading._PythonLoader, yaml.SafeLoader),
    (reading._LOADER, getattr(yaml, "CSafeLoader", yaml.SafeLoader)),
]
"""Ours and PyYAML's: its own two differ in what a lone exclamation mark is."""


def assert_same(text):
    for ours, plain in PAIRS:
        assert tags(yaml.compose(text, Loader=ours)) == tags(
            yaml.compose(text, Loader=plain)
        )


@pytest.mark.parametrize("word", WORDS.split())
@pytest.mark.parametrize(
    "form", ["{}", "'{}'", '"{}"', "!!str {}", "! {}", "- {}", "k: {}", "? {}\n: x"]
)
def test_a_scalar_gets_the_tag_that_yaml_gives_it(word, form):
    assert_same(form.format(word))


def test_tags_of_a_whole_document():
    assert_same(
        "a:\nb: []\nc: {}\nd: !x [1, two]\ne: !!map {f: true, 2: 1.5}\ng: |\n  no\n"
    )


@example("!")
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12))
def test_any_plain_text_gets_the_tag_that_yaml_gives_it(text):
    try:
        assert_same(text)
    except (yaml.YAMLError, AttributeError):  # no document: there is no node
        return
