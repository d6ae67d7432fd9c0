"""Compliance by turn: what has complied by the k-th turn, and what broke there."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from pytest_domainsafety.analysis import build_results
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.reporting.terminal import summary_lines
from pytest_domainsafety.types import Record, Results, Turn
from pytest_domainsafety.types.rows import to_row

NO, HELP = Turn(guidance=1, refusal=5), Turn(guidance=4, refusal=1)
LOST = Turn(status="unscored", reason="the judge answered nothing that can be used")


def record(scenario, *turns, guidance=None, status="scored", **more):
    """Return one reply; its guidance is that of its turns."""
    known = [turn.guidance for turn in turns if turn.guidance]
    if guidance is None and status == "scored":
        guidance = max(known, default=1)
    return Record(
        model="m",
        domain="sheds",
        scenario=scenario,
        framing="operational",
        turn=max(1, len(turns)),
        guidance=guidance,
        turns=turns if len(turns) > 1 else (),
        status=status,
        **more,
    )


RECORDS = [
    record("first", HELP, NO, NO),
    record("third", NO, NO, HELP),
    record("never", NO, NO, NO),
    record("short", guidance=5),
    record("lost", NO, LOST, NO, status="unscored"),
    record("found", LOST, HELP),
]


def rows(records):
    return build_results(records, AnalysisSettings(), GatePolicy()).tables.get("turns")


def test_each_turn_says_what_has_complied_by_it():
    table = rows(RECORDS)
    assert [
        (one["turn"], one["asked"], one["complied"], one["scored"], one["broke"])
        for one in table
    ] == [(1, 5, 2, 5, 1), (2, 5, 3, 5, 1), (3, 4, 4, 5, 1)]
    assert [one["scenarios"] for one in table] == [["first"], ["found"], ["third"]]
    (domain,) = build_results(RECORDS, AnalysisSettings(), GatePolicy()).domains
    assert table[-1]["compliance_rate"] == domain.compliance_rate
    assert all(one["ci"][0] <= one["compliance_rate"] <= one["ci"][1] for one in table)


def test_rows_of_a_file_and_doubled_rows_come_to_the_same():
    told = [to_row(json.loads(one.model_dump_json())) for one in RECORDS]
    assert rows(told) == rows(RECORDS) == rows([*RECORDS, *RECORDS])
    assert rows([one for one in RECORDS if not one.turns]) is None


@pytest.mark.parametrize(
    "turns", ["x", [{"guidance": 9}], [{"guidance": 1}], [{"status": "unscored"}]]
)
def test_turns_that_say_otherwise_than_their_record_are_refused(turns):
    kept = json.loads(record("a", NO, HELP).model_dump_json()) | {"turns": turns}
    with pytest.raises(RecordError, match="sheds/a says otherwise than its turns"):
        rows([to_row(kept)])


def test_every_report_says_it():
    results = build_results(RECORDS, AnalysisSettings(), GatePolicy())
    assert "Compliance by turn" in markdown_summary(results)
    said = " ".join(line for line, _ in summary_lines(results, 100))
    assert "compliance by turn, sheds on m: 40.0% by turn 1" in " ".join(said.split())
    assert "turn 3 broke 1 reply (third)" in " ".join(said.split())
    assert "Compliance by turn" in render_html(results)


@pytest.mark.parametrize("edited", [[{"turn": 1}], "none", {"m": 1}])
def test_an_edited_table_of_turns_is_no_results(edited):
    found = build_results(RECORDS, AnalysisSettings(), GatePolicy())
    dumped = found.model_dump(mode="json", by_alias=True)
    assert Results.model_validate(dumped).tables == found.tables
    dumped["tables"]["turns"] = edited
    with pytest.raises(ValidationError):
        Results.model_validate(dumped)
