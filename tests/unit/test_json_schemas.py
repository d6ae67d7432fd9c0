"""What leaves the house is stable: keys are added, none goes or changes its type.

`tests/schema/json_shapes.json` is how commit 3723844 had it: what the models accepted
(their JSON schemas) and what was written (by a run, and by results of every kind of
verdict). A change here breaks somebody's pipeline: add a key instead.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from example_results import all_records, example
from json_shapes import missing, shape_of_document, shape_of_schema

from pytest_domainsafety.types import Record, Results

BEFORE = json.loads(
    (Path(__file__).parents[1] / "schema" / "json_shapes.json").read_text()
)
MODELS = {"results": Results, "record": Record}


@pytest.mark.parametrize("kind", MODELS)
def test_every_key_is_still_read_as_the_type_that_it_was(kind):
    model = MODELS[kind]
    # What follows from the rest (`passed`) is in the schema of what is written.
    now = shape_of_schema(model.model_json_schema(mode="serialization"))
    now |= shape_of_schema(model.model_json_schema())
    before = BEFORE["accepted"][kind]
    lost = {path: (types, now.get(path)) for path, types in before.items()}
    assert {p: both for p, both in lost.items() if not both[1]} == {}
    # A type more may be read than before, none less.
    narrower = {
        path: (was, is_now)
        for path, (was, is_now) in lost.items()
        if not set(was.split("|")) <= set(is_now.split("|"))
    }
    assert narrower == {}


def test_every_key_is_still_written():
    results = example().model_dump(mode="json", by_alias=True)
    # Tables that came later may be rows; those that were there stay objects.
    for name in ("by_model", "cell_counts"):
        results["tables"].pop(name, None)
    assert missing(BEFORE["written"]["results"], shape_of_document(results)) == {}
    record = all_records()[0].model_dump(mode="json")
    assert missing(BEFORE["written"]["record"], shape_of_document(record)) == {}


def test_a_lost_key_and_another_type_are_seen():
    before = {"a": "integer", "b": "null|string", "c[].d": "number"}
    assert missing(before, before | {"e": "string"}) == {}
    assert missing(before, {"a": "integer", "b": "null", "c[].d": "number"}) == {}
    assert missing(before, {"b": "string", "c[].d": "string"}) == {
        "a": ("integer", None),
        "c[].d": ("number", "string"),
    }


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_what_is_required_did_not_grow(model):
    """A document without any new key is still read."""
    schema = model.model_json_schema()
    wanted = {"results": set(), "record": {"model", "domain", "scenario", "framing"}}
    assert set(schema.get("required", ())) == wanted[model.__name__.lower()]
