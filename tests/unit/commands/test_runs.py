"""`domainsafety runs`, and what the kind of a run decides elsewhere."""

from __future__ import annotations

import json

import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.runs.sources import find_source
from pytest_domainsafety.runs.trend import trend
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest

FEW = AnalysisSettings(resamples=200)


def keep(path, run, rows, *, finished=True, **manifest):
    """Keep a run of one model; `manifest` says what it was."""
    document = {
        "run": run,
        "started": f"2026-01-0{len(run)}T10:20:30+00:00",
        "models": {"m": {}},
        "judges": {"offline": {}},
    } | manifest
    with Store(path) as store:
        store.begin_run(run, document)
        store.keep_records((row, f"{run}{place}") for place, row in enumerate(rows))
        if finished:
            results = build_results(rows, FEW, GatePolicy(threshold=0.5), document)
            store.finish_run(run, results.model_dump(mode="json", by_alias=True))


@pytest.fixture
def store(tmp_path, records):
    path = tmp_path / "store.db"
    keep(path, "a", records(run="a"), kind="full")
    keep(path, "bb", records(range(12), run="bb"), kind="part")
    gone = [
        row.model_copy(update={"guidance": None, "status": "error"})
        for row in records(run="ccc")
    ]
    keep(path, "ccc", gone, kind="rejudge")
    keep(path, "dddd", records(run="dddd"), kind="selftest")
    keep(path, "eeeee", records(run="eeeee"), kind="full", finished=False)
    return path


def test_each_run_is_a_line(cli, store):
    done = cli("runs", store)
    assert done.status == 0
    header, *lines = [line.split() for line in done.text.splitlines()]
    assert header == [
        *("run", "started", "kind", "models", "judge", "pairs", "finished", "verdict")
    ]
    day = "10:20", "full", "m", "offline"
    assert lines[0] == ["a", "2026-01-01", *day, "12", "yes", "passed"]
    assert [line[3] for line in lines] == [
        *("full", "part", "rejudge", "selftest", "full")
    ]
    assert [" ".join(line[7:]) for line in lines] == [
        *("yes passed", "yes failed", "yes not measured", "yes passed", "no –")
    ]


def test_as_json(cli, store, tmp_path):
    out = tmp_path / "runs.json"
    assert cli("runs", store, "--json", out).status == 0
    document = json.loads(out.read_text())
    assert document["schema"] == 1
    assert document["runs"][1] == {
        "run": "bb",
        "started": "2026-01-02T10:20:30+00:00",
        "kind": "part",
        "models": ["m"],
        "judges": ["offline"],
        "pairs": 12,
        "finished": True,
        "verdict": "failed",
    }


def test_no_store(cli, tmp_path):
    assert "no such file" in cli("runs", tmp_path / "gone.db").sentence()
    path = tmp_path / "records.jsonl"
    path.write_text('{"model": "m"}\n')
    assert "is no store" in cli("runs", path).sentence()


def test_without_a_name_the_last_whole_run_is_meant(cli, store):
    assert find_source(store).run == "a"
    assert find_source(store, parts="too").run == "bb"
    assert find_source(f"{store}#ccc").run == "ccc"
    assert "labor" in cli("card", store).text
    assert [point.run for point in trend([store])] == ["a"]
    assert [point.run for point in trend([f"{store}#bb"])] == ["bb"]


def test_where_there_is_no_whole_run_the_others_are_named(cli, tmp_path, records):
    path = tmp_path / "store.db"
    keep(path, "p", records(run="p"), kind="part")
    keep(path, "q", records(run="q"), kind="rejudge")
    sentence = f"there are: p (part), q (rejudge); name the one that is meant: {path}#q"
    assert sentence in cli("card", path).sentence()
    assert "no finished run" in cli("trend", path).sentence()
    with pytest.raises(SourceError, match="no whole run"):
        find_source(path)


def test_shards_are_parts(cli, tmp_path, records):
    paths = [tmp_path / f"{name}.db" for name in ("labor", "elections")]
    for path in paths:
        keep(path, path.stem, records(run=path.stem, domains=(path.stem,)), kind="part")
    assert cli("analyze", *paths, "--gate", "--threshold", "0.5").status == 0
    assert cli("export", *paths, "--records", tmp_path / "r.jsonl").status == 0
    assert "no whole run" in cli("card", paths[0]).sentence()


def test_who_ran_a_part_sees_it_without_naming_it(cli, tmp_path, records):
    path = tmp_path / "store.db"
    keep(path, "p", records(run="p"), kind="part")
    keep(path, "q", records(run="q"), kind="rejudge")
    assert find_source(path, parts="else").run == "p"
    assert cli("report", path, "--html", tmp_path / "page.html").status == 0
    assert cli("analyze", path, "--gate", "--threshold", "1").status == 0
    keep(path, "r", records(run="r"), kind="full")
    assert find_source(path, parts="else").run == "r"


SUITES = {"a.yaml": {"domain": "labor", "pairs": 2}}


@pytest.mark.parametrize(
    ("run", "manifest", "kind"),
    [
        ("r", {}, "full"),
        ("r", {"kind": "selftest"}, "selftest"),
        ("r", {"kind": "of another version"}, "full"),
        ("r-again-20260101T000000", {}, "rejudge"),
        ("r", {"rejudged_from": "q"}, "rejudge"),
        ("r", {"selection": {"keyword": "x", "markexpr": None}}, "part"),
        ("r", {"selection": {"keyword": None, "markexpr": None}}, "full"),
        ("r", {"suites": SUITES, "expected": {"m": {"labor": {"s": []}}}}, "part"),
        (
            "r",
            {"suites": SUITES, "expected": {"m": {"labor": {"s": [], "t": []}}}},
            "full",
        ),
    ],
)
def test_runs_of_older_versions(run, manifest, kind):
    assert kind_of_run(run, Manifest.model_validate(manifest)) == kind
