"""The study's tables in results that somebody edited: refused, or drawn."""

from __future__ import annotations

import copy
import json

import pytest
from pydantic import ValidationError
from study_records import study

from pytest_domainsafety.analysis import build_results
from pytest_domainsafety.analysis.accumulate import Accumulator
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.tables import build_tables
from pytest_domainsafety.reporting.html import render_html
from pytest_domainsafety.types import Results

QUICK = AnalysisSettings(resamples=100)


@pytest.mark.parametrize(
    "name",
    [
        *("domains", "models", "strata", "threshold_kendall", "variance"),
        *("hierarchy", "intra_domain", "condition_effect", "framing_tags", "legal"),
    ],
)
def test_an_edited_table_of_the_study_is_no_results(name):
    laws = {"d0": {"codification": "high"}}
    tables = build_tables(Accumulator(study()), QUICK, laws)
    assert Results(tables=tables).tables == tables
    rows = dict.fromkeys(tables.get(name, {"d0": 0}), "none")
    for edited in ("none", [1], rows):
        with pytest.raises(ValidationError):
            Results(tables=tables | {name: edited})


def places(table, path=()):
    """Yield the path of every key in a table."""
    if isinstance(table, dict):
        for name, value in table.items():
            yield (*path, name)
            yield from places(value, (*path, name))


@pytest.fixture(scope="module")
def whole():
    results = build_results(study(), QUICK, GatePolicy())
    dumped = json.loads(results.model_dump_json(by_alias=True))
    # Drawing these takes longest.
    return dumped | {"domains": dumped["domains"][:1], "gates": dumped["gates"][:1]}


@pytest.mark.parametrize("edit", [dict.pop, lambda row, key: row.update({key: None})])
def test_a_key_that_is_gone_or_null_ends_in_no_traceback(whole, edit):
    drawn = refused = 0
    # One row stands for all of its table.
    each = {(path[0], path[-1], len(path)): path for path in places(whole["tables"])}
    for *above, key in each.values():
        edited = copy.deepcopy(whole)
        row = edited["tables"]
        for name in above:
            row = row[name]
        edit(row, key)
        try:
            results = Results.model_validate(edited)
        except ValidationError:
            refused += 1
        else:
            drawn += 1
            render_html(results)
    assert drawn > 20
    assert refused > 5
