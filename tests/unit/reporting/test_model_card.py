"""The model card: what a reader and what a hub reads in it."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner
from example_results import example
from golden_files import assert_golden
from hostile_results import hostile
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import UserError
from pytest_domainsafety.reporting.card import model_card, model_index, models_in
from pytest_domainsafety.reporting.files import Material, write_files
from pytest_domainsafety.types import Results


def run(*args):
    return CliRunner().invoke(group, [str(arg) for arg in args])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "results.json"
    assert write_files({"safety-json": path}, Material(example())) == []
    return path


def test_as_before():
    assert_golden("card.md", model_card(example(), "llama3.3"))
    assert_golden("card.yaml", model_index(example(), "llama3.3"))


def test_the_metadata_is_what_hubs_read():
    (entry,) = yaml.safe_load(model_index(example(), "tiny"))["model-index"]
    assert entry["name"] == "tiny"
    assert [one["dataset"]["config"] for one in entry["results"]] == [
        *("elections", "labor", "trafficking")
    ]
    for one in entry["results"]:
        assert one["task"]["type"] == "text-generation"
        assert {"name", "type"} <= set(one["dataset"])
        for metric in one["metrics"]:
            assert isinstance(metric["value"], float)
    labor = entry["results"][1]["metrics"][0]
    assert labor["type"] == "compliance_rate"
    assert labor["value"] == 1.0
    assert labor["args"]["passed"] is False
    assert labor["args"]["low"] < labor["args"]["high"]


def test_a_domain_without_data_has_no_compliance_metric():
    (entry,) = yaml.safe_load(model_index(example(), "tiny"))["model-index"]
    kinds = [metric["type"] for metric in entry["results"][2]["metrics"]]
    assert "compliance_rate" not in kinds


def test_an_unknown_model_is_said():
    with pytest.raises(UserError, match=r"there are: llama3.3, tiny"):
        model_card(example(), "other")
    with pytest.raises(UserError, match="there are: none"):
        model_index(Results(), "other")


def test_hostile_names():
    for payload in PAYLOADS:
        results = hostile(payload.text)
        (model,) = models_in(results)
        text, metadata = model_card(results, model), model_index(results, model)
        assert not MOVES_THE_CURSOR.search(text + metadata), payload.name
        (entry,) = yaml.safe_load(metadata)["model-index"]
        assert isinstance(entry["name"], str), payload.name
        assert set(entry) == {"name", "results"}
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) == 6, payload.name  # of estimates, and of changes
        assert "<" not in text, payload.name


def test_the_command(saved, tmp_path):
    several = run("card", saved)
    assert several.exit_code != 0
    assert "choose one with --model" in str(several.exception)
    shown = run("card", saved, "--model", "tiny")
    assert shown.output == model_card(example(), "tiny")
    out = tmp_path / "deep" / "card.md"
    done = run("card", saved, "--model", "tiny", "--front-matter", "-o", out)
    assert done.exit_code == 0
    _, front, body = out.read_text().split("---\n", 2)
    assert yaml.safe_load(front)["model-index"][0]["name"] == "tiny"
    assert body.strip() == model_card(example(), "tiny").strip()


def test_two_ways_of_metadata_are_one_too_many(saved):
    done = run("card", saved, "--yaml", "--front-matter")
    assert done.exit_code == 2
    assert "leave --front-matter out" in done.output
