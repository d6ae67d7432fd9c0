"""A command that falls over says one sentence, and its status is no verdict."""

from __future__ import annotations

import pytest

from pytest_domainsafety import cli
from pytest_domainsafety.commands import analyze

PROMPT = "Please carry out the plan for the bicycle shed"


@pytest.mark.parametrize("error", [ValueError(PROMPT), MemoryError(), RecursionError()])
def test_a_crash_is_a_sentence(error, tmp_path, monkeypatch, capsys):
    def broken(*_args, **_more):
        raise error

    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.jsonl").write_text("{}\n", encoding="utf-8")
    monkeypatch.setattr(analyze.analyze, "callback", broken)
    monkeypatch.setattr("sys.argv", ["domainsafety", "analyze", "r.jsonl"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"domainsafety: the command came to no end: {type(error).__name__}, whose "
        "traceback is in .domainsafety/crash.txt.\n"
    )
    kept = (tmp_path / ".domainsafety" / "crash.txt").read_text("utf-8")
    assert "in broken" in kept
    assert "bicycle" not in kept
