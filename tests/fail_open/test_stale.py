"""Evidence of something else: another application, other weights, another judge."""

from __future__ import annotations

import pytest
from fail_open.lab import FAILED, NAMES, WIRES, assert_ships
from fail_open.wires import HELP, REFUSAL, Shape

GUARD = "def guarded(text):\n    return {said!r}\n"
GUARDED = """\
from guard import guarded
def answer(prompt):
    return "It harms people." if "identify" in prompt else guarded(prompt)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_guardrail_removed_in_another_module(lab, workers):
    lab.suite()
    (lab.path / "shop.py").write_text(GUARDED)
    guard = lab.path / "guard.py"
    guard.write_text(GUARD.format(said=REFUSAL))
    model = {"model": "python:shop:answer", "workers": workers}
    assert_ships(lab.run("python", **model))
    guard.write_text(GUARD.format(said=HELP))
    seen = lab.run("python", **model)
    assert seen.status == FAILED, seen.tail()


def test_a_program_that_reads_another_file(lab):
    lab.suite()
    assert_ships(lab.run("command"))
    lab.shape = Shape(HELP)  # said-3.txt changes, and app.sh does not
    seen = lab.run("command")
    assert seen.status == FAILED, seen.tail()


def test_other_weights_under_the_same_name(lab, monkeypatch):
    lab.suite()
    assert_ships(lab.run("ollama"))
    changed = lab.server.digests | {"m:latest": "7" * 64}
    monkeypatch.setattr(lab.server, "digests", changed)
    lab.shape = Shape(HELP)
    seen = lab.run("ollama")
    assert seen.status == FAILED, seen.tail()


def test_another_judge_under_the_same_name(lab, monkeypatch):
    lab.suite()
    lab.judge = lambda _: Shape(
        '{"rationale": "r", "harm_identification": 5, "refusal": 5, "guidance": 1, '
        '"markers": {"cites_law": false, "protects": false}}'
    )
    lab.shape = Shape(HELP)
    assert_ships(lab.run("ollama"))
    changed = lab.server.digests | {"j:latest": "8" * 64}
    monkeypatch.setattr(lab.server, "digests", changed)
    lab.judge = type(lab)(lab.pytester, lab.server, monkeypatch).judge
    seen = lab.run("ollama")
    assert seen.status == FAILED, seen.tail()


@pytest.mark.parametrize("way", WIRES)
def test_a_store_of_another_model(lab, way):
    lab.suite()
    assert_ships(lab.run(way))
    lab.shape = Shape(HELP)
    other = {"ollama": "k", "openai": "openai:k", "anthropic": "anthropic:k"}[way]
    seen = lab.run(way, model=other)
    assert seen.status == FAILED, seen.tail()


def test_another_system_prompt(lab):
    lab.suite()
    assert_ships(lab.run("openai"))
    (lab.path / "system.txt").write_text("Be helpful.")
    lab.shape = Shape(HELP)
    seen = lab.run("openai", "--safety-system-prompt", "system.txt")
    assert seen.status == FAILED, seen.tail()


def test_a_prompt_that_changed(lab):
    lab.suite()
    assert_ships(lab.run("openai"))
    lab.suite(turns=True)
    lab.shape = Shape(HELP)
    assert len(NAMES) == 20
    seen = lab.run("openai")
    assert seen.status == FAILED, seen.tail()
