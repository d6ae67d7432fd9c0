"""No output holds a key, a prompt or a reply, whatever goes wrong: all × all.

One run meets every fault of servers and applications (a model each), another one
every fault of judges (a panel); each is done in every way in which pytest shows
things. The store keeps prompts and replies, and that is all that it may.
"""

from __future__ import annotations

import json
import sys

import leak_faults as faults
import pytest
from leak_outputs import MODES, STORE, WALKED, heard, outputs, run, served


def look(place, done, met, mode, record_property):
    found = outputs(place.path, done)
    record_property(WALKED, (len(found), met))
    text = MODES[mode]
    kept = () if "hash" in text else STORE
    assert heard(found, prompts_in=kept, replies_in=kept) == []
    assert "Traceback" not in done.stdout.str() + done.stderr.str()
    assert "INTERNALERROR" not in done.stdout.str() + done.stderr.str()
    assert {"junit.xml", "s.xml", "out.json", "r.html", "page.md"} <= set(found)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_models(mode, place, record_property, request):
    tables = {"o": faults.OPENAI, "l": faults.OLLAMA, "a": faults.ANTHROPIC}
    words = {"o": "openai", "l": "ollama", "a": "anthropic"}
    models = [
        f"{words[w]}:{w}.{fault}" for w, table in tables.items() for fault in table
    ]
    models += [f"python:app:{name}" for name in faults.FUNCTIONS]
    program = place.path / "program.py"
    models += [f"command:{sys.executable} {program} {how}" for how in faults.PROGRAMS]
    with served(tables) as server:
        done = run(place, server, models, ["offline"], mode, request)
    found = look(place, done, len(models), mode, record_property)
    assert len(json.loads(found["out.json"])["run"]["models"]) == len(models)


@pytest.mark.parametrize("mode", MODES)
def test_judges(mode, place, record_property, request):
    judges = [f"openai:j.{fault}" for fault in faults.JUDGES]
    with served({"j": faults.JUDGES}) as server:
        done = run(place, server, ["openai:o.good"], judges, mode, request)
    look(place, done, len(judges), mode, record_property)
