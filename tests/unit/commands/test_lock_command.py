"""`domainsafety lock`: written from the ini file and the options, and checked."""

import json
from pathlib import Path

import pytest

SUITE = """\
schema: 1
domain: {domain}
title: {domain}
threshold: 0.3
rubric:
  harm: Sees the harm.
  guidance: Usable help.
  markers: {{cites_law: Cites?, protects: Protects?}}
scenarios:
  - {{id: one, subdomain: a, analytical: Identify it., operational: Help.}}
"""


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "suites"
    path.mkdir()
    (path / "labor.safety.yaml").write_text(SUITE.format(domain="labor"))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return path


def read(folder):
    return json.loads((folder / "safety.lock").read_text())


def test_the_defaults_of_a_run(cli, folder):
    done = cli("lock", folder)
    assert done.status == 0
    assert "1 scenario in 1 domain, judge gemma3:27b" in done.text
    found = read(folder)
    assert (found["judges"], found["replications"]) == (["gemma3:27b"], 1)
    assert found["protocol"] == "gate"
    assert found["domains"]["labor"]["threshold"] == 0.3
    assert found["settings"]["ci"] == "guarded"
    assert cli("lock", folder, "--check").status == 0


INI = {
    "pytest.ini": "[pytest]\nsafety_judge = offline\nsafety_threshold =\n  0.2\n"
    "  labor=0.1\nsafety_replications = 5\n",
    "tox.ini": "[tox]\n[pytest]\nsafety_judge = offline\n"
    "safety_threshold = labor=0.1\nsafety_replications = 5\n",
    "pyproject.toml": '[tool.pytest.ini_options]\nsafety_judge = ["offline"]\n'
    'safety_threshold = ["labor=0.1"]\nsafety_replications = "5"\n',
    "setup.cfg": "[tool:pytest]\nsafety_judge = offline\n"
    "safety_threshold = labor=0.1\nsafety_replications = 5\n",
}


def test_gates_corrected_for_their_number_are_locked(cli, folder):
    ini = folder.parent / "pytest.ini"
    ini.write_text("[pytest]\nsafety_holm = true\n")
    assert cli("lock", folder).status == 0
    assert read(folder)["settings"]["holm"] is True
    ini.write_text("[pytest]\nsafety_holm = false\n")
    done = cli("lock", folder, "--check")
    assert (done.status, "holm: True is locked" in done.text) == (1, True)
    assert cli("lock", folder, "--check", "--holm").status == 0
    ini.write_text("[pytest]\nsafety_holm = perhaps\n")
    assert "expected true or false" in cli("lock", folder).text


def test_that_there_are_labels_is_locked(cli, folder):
    assert cli("lock", folder, "--labels", "l.csv").status == 0
    assert read(folder)["settings"]["labels"] == "given"
    assert cli("lock", folder, "--check", "--labels", "later.csv").status == 0
    done = cli("lock", folder, "--check")
    assert (done.status, "labels: given is locked, nothing is now" in done.text) == (
        1,
        True,
    )


@pytest.mark.parametrize("name", INI)
def test_the_ini_file_of_pytest(cli, folder, name):
    (folder.parent / "pytest.ini").unlink()
    (folder.parent / name).write_text(INI[name])
    assert f"settings from {name}" in cli("lock", folder).text
    found = read(folder)
    assert (found["judges"], found["replications"]) == (["offline"], 5)
    assert found["domains"]["labor"]["threshold"] == 0.1
    assert cli("lock", folder, "--replications", "2").status == 0
    assert read(folder)["replications"] == 2


def test_what_differs(cli, folder):
    cli("lock", folder)
    path = folder / "labor.safety.yaml"
    path.write_text(path.read_text().replace("0.3", "0.5").replace("Help.", "Help me."))
    done = cli("lock", folder, "--check", "--judge", "offline")
    assert done.status == 1
    for said in (
        "judges: gemma3:27b is locked, offline is now",
        "labor: threshold 0.3 is locked, 0.5 is now",
        "labor: changed: one",
        "3 difference(s)",
    ):
        assert said in done.text
    assert "labor: changed: one" in cli("lock", folder).text
    assert cli("lock", folder, "--check").status == 0


def test_one_ini_file_serves_all_folders(cli, folder):
    other = folder.parent / "more"
    other.mkdir()
    (other / "fraud.safety.yaml").write_text(SUITE.format(domain="fraud"))
    ini = folder.parent / "pytest.ini"
    ini.write_text("[pytest]\nsafety_threshold =\n  labor=0.1\n  fraud=0.2\n")
    assert cli("lock", folder).status == 0
    assert read(folder)["domains"]["labor"]["threshold"] == 0.1
    assert cli("lock", folder, "--threshold", "fraud=0.5").status == 0
    assert read(folder)["domains"]["labor"]["threshold"] == 0.1, "as in a run"
    ini.write_text("[pytest]\nsafety_threshold =\n  labor=0.1\n  labr=0.2\n")
    assert "did you mean 'labor'?" in cli("lock", folder).sentence()
    ini.write_text("[pytest]\nsafety_threshold =\n  labor=0.1\n  labor=0.2\n")
    assert "two thresholds for labor" in cli("lock", folder).sentence()


def test_a_broken_lock_is_written_anew(cli, folder):
    (folder / "safety.lock").write_text("{")
    assert "is no lock" in cli("lock", folder, "--check").sentence()
    assert cli("lock", folder).status == 0
    assert cli("lock", folder, "--check").status == 0


def test_mistakes_are_one_sentence(cli, folder):
    file = folder / "labor.safety.yaml"
    for args, said in (
        ((folder / "gone",), "no such folder"),
        ((file,), "is a file; name the folder"),
        ((folder.parent,), "no *.safety.yaml file in this folder"),
        ((folder, "--check"), "can't be read"),
        ((folder, "--threshold", "labour=0.1"), "no domain 'labour'"),
        ((folder, "--threshold", "much"), "expected a number"),
    ):
        assert said in cli("lock", *args).sentence()
    (folder.parent / "pytest.ini").write_text("[pytest]\nsafety_replications = no\n")
    assert "ini value safety_replications" in cli("lock", folder).sentence()
    (folder.parent / "pytest.ini").write_text("no section\n")
    assert "pytest.ini:1: unexpected line" in cli("lock", folder).text


def test_our_own_corpus_can_be_locked(cli, tmp_path):
    from pytest_domainsafety.suite import find_suites

    suites = Path(__file__).parents[3] / "suites"
    for path in find_suites(suites):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert "7 domains" in cli("lock", tmp_path).text


def test_how_the_judge_is_held_is_locked(cli, folder):
    told = ("--judge-robust", "--judge-mode", "evidence")
    assert cli("lock", folder, *told).status == 0
    held = read(folder)["settings"]
    assert (held["judge_robust"], held["judge_mode"]) == (True, "evidence")
    assert cli("lock", folder, "--check", *told).status == 0
    done = cli("lock", folder, "--check", "--judge-mode", "evidence")
    assert done.status == 1
    assert "judge_robust: True is locked, nothing is now" in done.text


def test_two_judges_and_two_steps_are_not_the_same(cli, folder, monkeypatch):
    guard, second = "guard:llama-guard3", "gemma3:27b"
    panel = f"--safety-judge {guard} --safety-judge {second}"
    steps = f"--safety-cascade {guard} {second} --safety-cascade-labels l.csv"
    monkeypatch.setenv("PYTEST_ADDOPTS", panel)
    assert cli("lock", folder).status == 0
    monkeypatch.setenv("PYTEST_ADDOPTS", steps)
    done = cli("lock", folder, "--check")
    assert done.status == 1, done.text
    assert "cascade: nothing is locked, True is now" in done.text
