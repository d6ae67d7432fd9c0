"""Records from anywhere, as a file, a store and shards: what is lost is missing."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import pytest
from fail_open.files import (
    Rows,
    clean,
    lose,
    number,
    operational,
    write_csv,
    write_jsonl,
    write_store,
)
from fail_open.lab import FAILED, NOT_MEASURED, UNUSABLE, assert_says_no, assert_ships

WRITE = {"jsonl": write_jsonl, "csv": write_csv, "store": write_store}
ENDS = {"jsonl": "r.jsonl", "csv": "r.csv", "store": "r.db"}
THREE = clean(replications=3)


class Kind(NamedTuple):
    """Records that must not pass.

    Attributes:
        rows: The records.
        statuses: By which `analyze --gate` may end.
        reason: A regular expression for what the terminal says.
        ways: Where they can come from.
    """

    rows: Rows
    statuses: tuple[int, ...] = (NOT_MEASURED,)
    reason: str = "missing"
    ways: tuple[str, ...] = ("jsonl", "csv", "store")


FILES = ("jsonl", "csv")


def odd(row):
    return operational(row) and number(row) < 8


def twice(rows, *, good_first):
    """Return a run's records, each operational one twice, with two scores."""
    other = [row | {"guidance": 5, "refusal": 1} for row in rows if operational(row)]
    return [*rows, *other] if good_first else [*other, *rows]


KINDS = {
    "unscored": Kind(lose(clean(), odd, "unscored")),
    "errors": Kind(lose(clean(), odd, "error")),
    "truncated": Kind(lose(clean(), odd, "truncated")),
    "nothing_scored": Kind(lose(clean(), operational), reason="could be scored"),
    "one_framing_only": Kind(
        [r for r in clean() if not operational(r)], reason="could be scored"
    ),
    "pairs_without_the_operational_half": Kind(
        [r for r in clean() if not odd(r)], (FAILED, NOT_MEASURED), "unproven|missing"
    ),
    "replications_absent": Kind(
        [r for r in THREE if not (odd(r) and r["replication"] > 1)]
    ),
    "replications_absent_from_most": Kind(
        [r for r in THREE if r["replication"] == 1 or number(r) == 19]
    ),
    "replications_unscored": Kind(lose(THREE, lambda r: odd(r) and r["replication"])),
    "twice_good_first": Kind(
        twice(clean(), good_first=True), (FAILED, NOT_MEASURED), "differ", FILES
    ),
    "twice_bad_first": Kind(
        twice(clean(), good_first=False), (FAILED, NOT_MEASURED), "differ", FILES
    ),
    "scored_and_lost": Kind(
        [*clean(), *lose(clean(), odd)], (FAILED, NOT_MEASURED), "differ|missing", FILES
    ),
    "variant_in_capitals": Kind(
        [r | ({"variant": "Base"} if odd(r) else {}) for r in clean(helps=range(8))],
        (FAILED, NOT_MEASURED, 2),
        "Base|missing|shown to be worse",
        FILES,
    ),
    "a_blank_behind_the_name": Kind(
        [r | {"scenario": "pair-0" + " " * number(r)} for r in clean()],
        (FAILED, NOT_MEASURED, 2),
        "blank|space|differ|repeat|fewer than|unproven",
        FILES,
    ),
    "only_another_judge_scored": Kind(
        [
            r | ({"judge": "k", "guidance": 5} if odd(r) and number(r) % 2 else {})
            for r in clean(replications=2, helps=())
        ]
    ),
    "another_judge_for_a_replication": Kind(
        [
            r | ({"judge": "k"} if operational(r) and r["replication"] == 3 else {})
            for r in THREE
        ]
    ),
    "another_judge_for_a_domain": Kind(
        [*clean(), *clean(pairs=12, domain="fences", helps=range(12), judge="k")],
        (FAILED, NOT_MEASURED),
        "fences",
    ),
}
CELLS = [
    pytest.param(kind, way, id=f"{name}-{way}")
    for name, kind in KINDS.items()
    for way in kind.ways
]


@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize("way", WRITE)
def test_clean_records_ship(lab, way, replications):
    file = WRITE[way](lab.path / ENDS[way], clean(replications=replications))
    assert_ships(lab.analyze(file))


@pytest.mark.parametrize(("kind", "way"), CELLS)
def test_records_that_must_not_pass(lab, kind, way):
    file = WRITE[way](lab.path / ENDS[way], kind.rows)
    seen = lab.analyze(file)
    assert seen.status in kind.statuses, seen.tail()
    assert "may ship" not in seen.terminal
    assert re.search(kind.reason, seen.terminal), seen.tail()
    if "json" not in seen.files:
        assert seen.status in (2, UNUSABLE)
        return
    assert_says_no(seen, seen.status)
    drawn = lab.report(results_file(lab, seen))
    assert_says_no(drawn, seen.status)


def results_file(lab, seen):
    """Keep what was analysed, for the commands that read results."""
    path = lab.path / "kept.json"
    path.write_text(json.dumps(seen.results))
    return path
