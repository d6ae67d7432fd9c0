"""Files at the end of a run: whole or not at all, and trouble is one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hostile_results import hostile
from payloads import MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.files import check_paths, write_file
from pytest_domainsafety.reporting import files
from pytest_domainsafety.reporting.files import Format, Material, write_files
from pytest_domainsafety.types import Results

MATERIAL = Material(Results(warnings=("one",)))
ROOT = os.geteuid() == 0


def test_there_are_200_payloads_and_none_twice():
    assert len(PAYLOADS) >= 200
    assert len({payload.text for payload in PAYLOADS}) == len(PAYLOADS)


def test_every_file_is_written_whatever_the_names(tmp_path):
    paths = {form.option: tmp_path / form.field for form in files.FORMATS}
    for payload in PAYLOADS[::5]:
        assert write_files(paths, Material(hostile(payload.text))) == []
        told = json.loads(paths["safety-json"].read_text("utf-8"))
        assert told["gates"][0]["passed"] is False, payload.name
        for path in paths.values():
            text = path.read_text("utf-8")
            assert not MOVES_THE_CURSOR.search(text), (path, payload.name)


def test_json_holds_every_name_and_no_terminal_acts_on_it(tmp_path):
    path = tmp_path / "out.json"
    for payload in PAYLOADS:
        write_files({"safety-json": path}, Material(hostile(payload.text)))
        text = path.read_text("utf-8")
        assert not MOVES_THE_CURSOR.search(text), payload.name
        Results.model_validate(json.loads(text))


def test_a_file_and_its_folder_are_made(tmp_path):
    path = tmp_path / "new" / "deep" / "out.json"
    assert write_files({"safety-json": path}, MATERIAL) == []
    assert json.loads(path.read_text())["warnings"] == ["one"]
    assert [one.name for one in path.parent.iterdir()] == ["out.json"]


def test_an_older_file_is_replaced_with_its_permissions(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("a much longer older text")
    path.chmod(0o640)
    write_file(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(tmp_path):
    target = tmp_path / "target.txt"
    target.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_file_that_fails_midway_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "out.txt"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["out.txt"]


def test_a_pipe_is_written_to_directly(tmp_path):
    path = tmp_path / "null"
    path.symlink_to("/dev/null")
    write_file(path, "gone")
    assert path.is_symlink()


def test_one_file_in_trouble_leaves_the_others(tmp_path, monkeypatch):
    def broken(_material):
        raise OSError(5, "Input/output error")

    forms = (Format("safety-bad", "bad", broken), *files.FORMATS)
    monkeypatch.setattr(files, "FORMATS", forms)
    bad, good = tmp_path / "bad", tmp_path / "good.json"
    trouble = write_files({"safety-bad": bad, "safety-json": good}, MATERIAL)
    assert trouble == [f"--safety-bad {bad}: can't be written (Input/output error)"]
    assert good.exists()
    assert not bad.exists()


def test_paths_are_checked_before_the_run(tmp_path):
    (tmp_path / "file").write_text("")
    check_paths([("--safety-json", tmp_path / "new" / "out.json")])
    check_paths([("--a", tmp_path / "a"), ("--b", tmp_path / "b")])
    for path, said in (
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "file" / "out.json", "is no folder"),
        (Path("/dev/no-such-device"), "is no device that is here"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_paths([("--safety-json", path)])
    with pytest.raises(ConfigError, match="--a writes this file already"):
        check_paths([("--a", tmp_path / "x"), ("--b", tmp_path / "." / "x")])


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_read_only_folder_is_said_before_the_run(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="nothing can be written in the folder"):
        check_paths([("--safety-json", tmp_path / "out.json")])
    tmp_path.chmod(0o700)


def test_a_folder_that_turns_read_only_is_a_sentence(tmp_path, monkeypatch):
    def denied(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", denied)
    (said,) = write_files({"safety-json": tmp_path / "out.json"}, MATERIAL)
    assert said.endswith("can't be written (Permission denied)")
