"""The forest plot as a file of its own."""

import sys
from xml.etree import ElementTree

import pytest
from hostile_results import hostile
from payloads import PAYLOADS
from report_data import DOMAINS, MODELS, full_results

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.reporting.html.slide import forest_png, forest_svg
from pytest_domainsafety.types import Results

SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_holds_every_domain_with_its_numbers():
    results = full_results()
    root = ElementTree.fromstring(forest_svg(results))
    texts = [node.text for node in root.iter(f"{SVG}text")]
    for name in DOMAINS:
        assert texts.count(name.replace("_", " ")) == len(MODELS)
    for name in MODELS:
        assert name in texts
    for one in results.domains:
        assert any(
            (text or "").startswith(f"{one.compliance_rate:.1%}") for text in texts
        )
    spans = [node for node in root.iter() if node.get("class", "").startswith("span")]
    assert len(spans) == len(results.domains)
    ghosts = [node for node in root.iter() if node.get("class") == "point ghost"]
    assert len(ghosts) == len(results.regression)


def test_marks_stand_where_their_numbers_say():
    """The scale runs from 0% at x 214 to 100% at x 610."""
    results = full_results()
    root = ElementTree.fromstring(forest_svg(results))
    drawn = [
        node.find(f"{SVG}line")
        for node in root.iter()
        if node.get("class", "").startswith("span")
    ]
    for one, line in zip(results.domains, drawn, strict=True):
        assert line is not None
        ends = float(line.get("x1", 0)), float(line.get("x2", 0))
        told = tuple(214 + 396 * end for end in (one.ci.low, one.ci.high))
        assert ends == pytest.approx(told, abs=0.01)


def test_an_empty_run_is_still_a_picture():
    assert "Nothing was judged" in forest_svg(Results())


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda one: one.name)
def test_hostile_names_are_text(payload):
    root = ElementTree.fromstring(forest_svg(hostile(payload.text)))
    known = {"svg", "style", "g", "title", "text", "rect", "line", "circle", "polygon"}
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= known
    for node in root.iter():
        assert not [name for name in node.attrib if name.startswith("on")]


def test_a_png_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ConfigError, match=r"pytest-domainsafety\[png\]"):
        forest_png(full_results())
