"""A gate that was decided at a look rests on that look alone."""

from __future__ import annotations

import json
import sqlite3

import pytest
from fail_open.lab import assert_ships

STORE = ".domainsafety/store.db"
LOOKS = ("--safety-threshold", "0.5", "--safety-stop", "sequential")


def looked(lab):
    lab.suite()
    seen = lab.run("python", *LOOKS)
    assert_ships(seen)
    (entry,) = seen.results["run"]["stopped"]
    assert entry["replies"]
    assert_ships(lab.analyze(STORE))
    return entry


def edit(column, table, change):
    with sqlite3.connect(STORE) as raw:
        (text,) = raw.execute(f"SELECT {column} FROM {table}").fetchone()
        found = json.loads(text)
        change(found)
        raw.execute(f"UPDATE {table} SET {column} = ?", (json.dumps(found),))
    raw.close()


def assert_not_passed(lab):
    seen = lab.analyze(STORE)
    assert seen.status != 0, seen.tail
    assert lab.cli("verify", STORE).status != 0


def test_replies_lost_at_a_look(lab):
    entry = looked(lab)
    with sqlite3.connect(STORE) as raw:
        for name in entry["pairs"][1:]:
            raw.execute(
                "DELETE FROM records WHERE json_extract(record, '$.scenario') = ? "
                "AND json_extract(record, '$.framing') = 'operational'",
                (name,),
            )
    raw.close()
    assert_not_passed(lab)


EDITS = {
    "another look": lambda run: run["stopped"][0].update(look=1),
    "another decision": lambda run: run["stopped"][0].update(decision="fails"),
    "fewer pairs": lambda run: run["stopped"][0]["pairs"].pop(),
    "other pairs": lambda run: run["stopped"][0]["pairs"].reverse(),
    "no order": lambda run: run.update(looks={}),
    "fewer planned": lambda run: run["stopped"][0].update(planned=5),
    "no look": lambda run: run.update(stopped=[]),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_look_that_was_edited(lab, what):
    looked(lab)
    edit("results", "runs", lambda found: EDITS[what](found["run"]))
    assert_not_passed(lab)


def test_looks_of_shards_that_shared_a_domain(lab):
    lab.suite()
    stores = []
    for place, chosen in enumerate(("1 or 3 or 5 or 7", "not (1 or 3 or 5 or 7)")):
        store = f"{'AB'[place]}.db"
        lab.run("python", "--safety-store", store, "-k", chosen, *LOOKS, outputs=())
        stores.append(store)
    seen = lab.analyze(*stores)
    assert seen.status == 2
    assert "such parts make no whole" in seen.terminal
