"""What is named as a suite and is no plain file is refused; nothing hangs on it."""

from __future__ import annotations

import os

import pytest

SUITE = """\
schema: 1
domain: mining
title: Mining
rubric: {harm: Sees it., guidance: Helps., markers: {one: One?, two: Two?}}
scenarios:
  - {id: first, subdomain: coal, analytical: A, operational: B}
"""

ODD = {
    "link": (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "pipe": (os.mkfifo, "a pipe or a device"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a pipe or a device"),
}

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("validate", "suites"),
        ("validate", "suites/odd.safety.yaml"),
        ("list", "suites"),
        ("list", "suites/odd.safety.yaml"),
        ("lock", "suites"),
    ],
)
def test_it_is_refused(cli, tmp_path, monkeypatch, kind, command, given):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "mining.safety.yaml").write_text(SUITE, encoding="utf-8")
    make, what = ODD[kind]
    make(folder / "odd.safety.yaml")
    done = cli(command, given)
    assert done.status not in (0, None)
    assert f"suites/odd.safety.yaml:1: is no plain file but {what}" in done.text
