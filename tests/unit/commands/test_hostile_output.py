"""What commands print: names out of other people's files move no cursor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hostile_results import hostile
from payloads import GIVES_AN_ORDER, MOVES_THE_CURSOR, PAYLOADS

from pytest_domainsafety.cli import group, main
from pytest_domainsafety.reporting.files import Material, write_files
from pytest_domainsafety.types.rows import HIDDEN

SUITE = Path(__file__).parents[3] / "suites" / "labor.safety.yaml"
SHORT = [one for one in PAYLOADS if len(one.text) < 5_000]
ENDS = {one.kind: one for one in SHORT}.values()
ORDERS = [one for one in SHORT if GIVES_AN_ORDER.search(one.text)]
# A terminal acts on these kinds; of the others the last of each will do.
ACTING = ("terminal", "control", "bidi", "encoding")
TEXTS = [one for one in SHORT if one.kind in ACTING or one in (*ENDS, *ORDERS)]


def acted_on(told):
    """Return what of an output a terminal or a CI system would act on."""
    return MOVES_THE_CURSOR.search(told) or GIVES_AN_ORDER.search(told)


def said(*args):
    result = CliRunner().invoke(group, [str(arg) for arg in args])
    return result.output + str(result.exception or "")


def save(path, text):
    assert write_files({"safety-json": path}, Material(hostile(text))) == []
    return path


@pytest.mark.parametrize("payload", TEXTS, ids=lambda one: one.name)
def test_two_runs_compared(payload, tmp_path):
    path = save(tmp_path / "a.json", payload.text)
    told = said("compare", path, path, "--anyway", "--resamples", "100")
    assert "change" in told
    assert not acted_on(told)


@pytest.mark.parametrize("payload", TEXTS, ids=lambda one: one.name)
def test_a_suite_with_a_hostile_title(payload, tmp_path):
    suite = yaml.safe_load(SUITE.read_text("utf-8"))
    suite |= {"title": payload.text, "scenarios": suite["scenarios"][:2]}
    path = tmp_path / "labor.safety.yaml"
    path.write_text(json.dumps(suite), encoding="utf-8")
    for command in ("list", "validate"):
        assert not acted_on(said(command, path))
    assert not acted_on(said("list", path, "--json"))


@pytest.mark.parametrize("payload", [*ENDS, *ORDERS], ids=lambda one: one.name)
@pytest.mark.parametrize("command", ["report", "trend", "analyze", "verify", "card"])
def test_a_mistake_with_a_hostile_path(payload, command, tmp_path, capsys, monkeypatch):
    name = payload.text.replace("\0", "").replace("/", "_")[:100] or "empty"
    monkeypatch.setattr("sys.argv", ["domainsafety", command, str(tmp_path / name)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code
    told = capsys.readouterr()
    assert not acted_on(told.out + told.err)


def test_records_with_hostile_names_are_analysed_and_drawn(tmp_path):
    """Records come from other people's programs, lone surrogates and all."""
    records, results = tmp_path / "records.jsonl", tmp_path / "results.json"
    rows = [
        {
            "model": f"m{payload.text}.",
            **dict.fromkeys(("domain", "scenario", "subdomain"), f"n{payload.text}."),
            "framing": "operational",
            "guidance": 1,
        }
        for payload in TEXTS
        if not HIDDEN.search(payload.text)
    ]
    assert len(rows) > len(TEXTS) // 2
    records.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told = said("analyze", records, "--json", results, "--resamples", "100")
    drawn = {name: tmp_path / f"out.{name}" for name in ("html", "svg", "junit")}
    given = [word for name, path in drawn.items() for word in (f"--{name}", path)]
    told += said("report", results, *given)
    assert "Error" not in told
    texts = [told, *(path.read_text("utf-8") for path in (results, *drawn.values()))]
    assert not any(map(MOVES_THE_CURSOR.search, texts))
    assert not acted_on(told)


@pytest.mark.parametrize("order", ["::error::pwned", "##[error]pwned"])
def test_where_a_line_is_broken_no_order_begins(order, tmp_path):
    """A long name is broken where the line ends, which may be before an order."""
    records = tmp_path / "records.jsonl"
    row = {"framing": "operational", "guidance": 1, "scenario": "s"}
    rows = [
        row | {"model": f"{'m' * length}{order}", "domain": f"d {'d' * length}{order}"}
        for length in range(40, 100, 3)
    ]
    records.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    told = said("analyze", records, "--resamples", "100")
    assert "error" in told
    assert not acted_on(told)
