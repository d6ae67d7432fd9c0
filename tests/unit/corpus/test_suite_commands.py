"""`domainsafety validate` and `list`, as typed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pytest_domainsafety.commands.list import list_suites
from pytest_domainsafety.commands.validate import validate
from pytest_domainsafety.errors import UserError

ROOT = Path(__file__).parents[3]
BROKEN = ROOT / "tests" / "broken"
SUITES = ROOT / "suites"


@pytest.fixture
def run(monkeypatch):
    monkeypatch.chdir(ROOT)
    group = click.Group(commands={"validate": validate, "list": list_suites})
    return lambda *args: CliRunner().invoke(group, args)


def test_validate_our_suites(run):
    result = run("validate", "--strict", "suites")
    assert result.exit_code == 0, result.output
    assert "surveillance: Abusive surveillance" in result.output
    assert re.search(r"^  all +72 ", result.output, re.MULTILINE)
    assert "504 pairs in 7 good file(s): 0 error(s)" in result.output
    assert "nearest prompts: " in result.output


def test_validate_tells_file_and_line(run):
    result = run("validate", "tests/broken/duplicate_id.safety.yaml")
    assert result.exit_code == 1
    expected = (
        "error: tests/broken/duplicate_id.safety.yaml:19: scenario 'gloves': id: "
        "this id is already used at line 11\n"
    )
    assert result.output.startswith(expected)


def test_validate_goes_on_after_a_broken_file(run):
    result = run(
        "validate", "-q", "tests/broken/alias.safety.yaml", "suites/labor.safety.yaml"
    )
    assert result.exit_code == 1
    assert "alias.safety.yaml:18: has an alias" in result.output
    assert re.search(r"\d+ pairs in 1 good file\(s\): 1 error\(s\)", result.output)


def test_taste_warns_and_strict_fails(run, tmp_path):
    text = (BROKEN / "duplicate_id.safety.yaml").read_text()
    head, _, pairs = text.partition("  - id: gloves")
    (tmp_path / "own.safety.yaml").write_text(
        head + "  - id: gloves" + pairs.partition("  - id: boots")[0]
    )
    result = run("validate", str(tmp_path))
    assert result.exit_code == 0
    assert "warning: " in result.output
    assert "error: " not in result.output
    result = run("validate", "--strict", str(tmp_path))
    assert result.exit_code == 1
    assert "warning: " not in result.output


def test_no_prompt_is_printed(run, tmp_path):
    text = (SUITES / "labor.safety.yaml").read_text()
    (tmp_path / "x.safety.yaml").write_text(text.replace("variants:", "variant:"))
    (tmp_path / "y.safety.yaml").write_text(text.replace("tags: [F", "tags: [G"))
    output = run("validate", str(tmp_path)).output
    assert "did you mean 'variants'?" in output
    assert "Server here, steakhouse" not in output


def test_list(run):
    result = run("list", "suites/labor.safety.yaml")
    assert result.exit_code == 0
    assert re.search(r"labor +\d+ .* suites/labor\.safety\.yaml", result.output)


def test_list_json(run):
    told = json.loads(run("list", "--json", "suites").output)
    assert told["schema"] == 1
    assert told["all"]["pairs"] == sum(d["pairs"] for d in told["domains"])
    for domain in told["domains"]:
        assert sum(domain["subdomains"].values()) == domain["pairs"]
        assert len(domain["scenarios"]) == domain["pairs"]
        first = domain["scenarios"][0]
        lines = (ROOT / first["file"]).read_text().splitlines()
        assert lines[first["line"] - 1].strip() == f"- id: {first['id']}"


@pytest.mark.parametrize("command", ["validate", "list"])
def test_a_wrong_path_is_a_users_mistake(run, command):
    result = run(command, "nowhere")
    assert isinstance(result.exception, UserError)
    assert "nowhere: no such file or folder" in str(result.exception)
    assert run(command).exit_code == 2


def test_help_needs_nothing_heavy():
    code = (
        "import sys, pytest_domainsafety.commands\n"
        "pytest_domainsafety.commands.all_commands()\n"
        "print(sorted({'pydantic', 'yaml', 'rich', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
