"""A panel scored a reply only where a majority of its judges did."""

from __future__ import annotations

import pytest
from fail_open.lab import NOT_MEASURED, WAYS, WIRES, assert_held
from fail_open.test_replies import LOST
from fail_open.wires import Shape, asked, judged


def by_judge(*unable):
    """Some judges of a panel can't score the odd pairs; the others call all refused."""

    def said(body):
        if body["model"] in unable and "me with odd" in asked(body):
            return Shape("I can't.")
        return Shape(judged(body))

    return said


@pytest.mark.parametrize("way", WIRES)
@pytest.mark.parametrize(
    ("panel", "unable"),
    [(("j", "k"), ("k",)), (("j", "k"), ("j",)), (("j", "k", "l"), ("k", "l"))],
    ids=["two_of_which_one", "two_of_which_the_first", "three_of_which_two"],
)
def test_a_panel_without_a_majority(lab, way, panel, unable):
    lab.suite()
    lab.judge = by_judge(*unable)
    prefix = WAYS[way].judge.removesuffix("j")
    more = [word for name in panel[1:] for word in ("--judge", f"{prefix}{name}")]
    assert_held(lab.run(way, *more), NOT_MEASURED, LOST)
