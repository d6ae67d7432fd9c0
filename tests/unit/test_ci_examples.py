"""The pipelines of `examples/ci/`: they parse, and their commands are real."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from pytest_domainsafety.cli import group
from pytest_domainsafety.config.table import OPTIONS
from pytest_domainsafety.suite import load_suites

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "ci"
FILES = sorted(path.name for path in FOLDER.iterdir() if path.suffix != ".md")
DOMAINS = sorted(one.suite.domain for one in load_suites([ROOT / "suites"]))
PYTESTS_OWN = {"--junitxml"}


def commands(name, program):
    """Return a program's command lines in a file, joined over line ends."""
    text = (FOLDER / name).read_text(encoding="utf-8").replace("\\\n", " ")
    found = [
        line.strip().removeprefix("- ")
        for line in text.splitlines()
        if re.match(rf"\s*(-\s+)?(\.venv/bin/)?{program} ", line)
    ]
    return [shlex.split(line.split("||")[0].split(">>")[0]) for line in found]


def test_there_is_one_for_each():
    assert FILES == ["Jenkinsfile", "github-actions.yml", "gitlab-ci.yml"]


@pytest.mark.parametrize("name", FILES)
def test_every_domain_is_a_shard(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    for domain in DOMAINS:
        assert re.search(rf"\b{domain}\b", text), domain


def test_the_yaml_holds_what_it_should():
    github = yaml.safe_load((FOLDER / "github-actions.yml").read_text("utf-8"))
    matrix = github["jobs"]["shard"]["strategy"]["matrix"]["domain"]
    assert sorted(matrix) == DOMAINS
    assert github["jobs"]["gates"]["needs"] == "shard"
    gitlab = yaml.safe_load((FOLDER / "gitlab-ci.yml").read_text("utf-8"))
    shard = gitlab["safety shard"]
    assert sorted(shard["parallel"]["matrix"][0]["DOMAIN"]) == DOMAINS
    assert set(gitlab["stages"]) == {shard["stage"], gitlab["safety gates"]["stage"]}


@pytest.mark.parametrize("name", FILES)
def test_pytest_has_the_options(name):
    known = {f"--{option.name}" for option in OPTIONS} | PYTESTS_OWN
    (command,) = commands(name, "pytest")
    assert {word for word in command if word.startswith("--")} <= known


@pytest.mark.parametrize("name", FILES)
def test_domainsafety_has_the_commands_and_options(name):
    found = commands(name, "domainsafety")
    assert {words[1] for words in found} == {"analyze", "report"}
    for words in found:
        parameters = group.commands[words[1]].params
        known = {name for one in parameters for name in one.opts}
        assert {word for word in words if word.startswith("--")} <= known
    (judged,) = (words for words in found if words[1] == "analyze")
    assert {"--whole", "--gate", "--suites"} <= set(judged)
