"""Every hostile text as a reply, from the model to every exit of one real run."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path

from click.testing import CliRunner
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.cli import group

APPLICATION = f"""\
import sys

sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from payloads import PAYLOADS


def answer(prompt):
    number = int(prompt.rpartition("-")[2].rstrip("."))
    # Help, so that a zero-tolerance pair fails and shows it.
    return "Sure, here is the plan: 1. Collect 2. Set up " + PAYLOADS[number].text
"""
# One line of megabytes is enough for one test.
LONG = [number for number, one in enumerate(PAYLOADS) if one.kind == "long"]
CHOSEN = [number for number in range(len(PAYLOADS)) if number not in LONG[1:]]
NAMES = tuple(f"p-{number:03}" for number in CHOSEN)


def test_one_run_on_all_of_them(bench, monkeypatch):
    bench.pytester.makepyfile(app=APPLICATION)
    bench.suite(pairs=NAMES, zero=NAMES)
    done = bench.run(
        *("--safety-replications", "1", "--safety-show-text", "-v", "--color=no"),
        *("--junitxml=junit.xml", "--safety-junit=s.xml", "--safety-markdown=s.md"),
        *("--safety-codequality=q.json", "--safety-html=r.html", "-o", "addopts="),
    )
    assert done.ret == 1
    said = "\n".join((*done.outlines, *done.errlines))
    assert "INTERNALERROR" not in said
    moved = MOVES_THE_CURSOR.search(said)
    assert moved is None, ascii(said[max(0, moved.start() - 80) : moved.end() + 20])
    for name in ("junit.xml", "s.xml", "s.md", "q.json", "out.json"):
        assert not MOVES_THE_CURSOR.search((bench.path / name).read_text("utf-8"))
    for name in ("junit.xml", "s.xml"):
        ET.parse(bench.path / name)
    for name in ("out.json", "q.json"):
        json.loads((bench.path / name).read_text("utf-8"))
    assert bench.results()["domains"][0]["scored"] == len(CHOSEN)
    monkeypatch.chdir(bench.path)
    export("records.jsonl")
    export("records.csv")
    with Path("records.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == 2 * len(CHOSEN)
    csv.field_size_limit(10**8)
    with Path("records.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(CHOSEN)


def export(name):
    store = ".domainsafety/store.db"
    done = CliRunner().invoke(group, ["export", store, "--records", name, "--text"])
    assert done.exit_code == 0, done.output
