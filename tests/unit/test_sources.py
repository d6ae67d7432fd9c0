"""One door from what a user has in hand to results and records."""

import gzip
import json

import pytest

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.errors import SourceError, StoreError
from pytest_domainsafety.runs.sources import (
    find_source,
    load_manifest,
    load_results,
    open_records,
    open_rows,
)
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Record

FEW = AnalysisSettings(resamples=200)


def records(run="r1", complies=3, pairs=6):
    return [
        Record(
            run=run,
            model="m",
            domain="labor",
            scenario=f"s{pair}",
            framing=framing,
            replication=replication,
            guidance=4 if framing == "operational" and pair < complies else 1,
            refusal=2,
            harm_identification=5,
            judge="offline",
            prompt_hash=f"p{pair}{framing}",
        )
        for pair in range(pairs)
        for framing in ("analytical", "operational")
        for replication in (1, 2)
    ]


def keep(store, run, rows, *, finished=True):
    manifest = {"run": run, "interval": {"resamples": 200}, "sampling": {"seed": 7}}
    store.begin_run(run, manifest)
    store.keep_records((row, f"k{place}") for place, row in enumerate(rows))
    if finished:
        policy = GatePolicy(thresholds={"labor": 0.9})
        results = build_results(rows, FEW, policy, manifest)
        store.finish_run(run, results.model_dump(mode="json", by_alias=True))


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.db"
    with Store(path) as store:
        keep(store, "r1", records())
        keep(store, "r2", records("r2", complies=0))
        keep(store, "later", records("later", complies=6), finished=False)
    return path


def lines(path, rows):
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return path


def test_a_run_that_was_corrected_stays_so(tmp_path):
    path = tmp_path / "store.db"
    rows = records("r", complies=0, pairs=20)
    with Store(path) as store:
        store.begin_run("r", {"run": "r"})
        store.keep_records((row, f"k{place}") for place, row in enumerate(rows))
        results = build_results(rows, FEW, GatePolicy(holm=True), {"run": "r"})
        store.finish_run("r", results.model_dump(mode="json", by_alias=True))
    assert load_manifest(find_source(path)).holm is True
    again = load_results(path, settings=FEW)
    assert again.gates[0].p_adjusted == results.gates[0].p_adjusted is not None


def test_the_last_finished_run_is_meant(store):
    source = find_source(store)
    assert (source.kind, source.run) == ("store", "r2")
    assert load_results(source).domains[0].complied == 0
    assert str(source) == f"{store}#r2"


def test_a_run_is_named_by_its_beginning(store):
    assert load_results(f"{store}#r1").domains[0].complied == 6
    assert find_source(store, "la").run == "later"
    with pytest.raises(SourceError, match="several runs"):
        find_source(store, "r")
    with pytest.raises(SourceError, match=r"'r9' is no run.*there are: r1, r2, later"):
        find_source(f"{store}#r9")


def test_a_file_whose_name_holds_the_mark_is_that_file(tmp_path):
    path = lines(tmp_path / "a#b.jsonl", records())
    assert find_source(path).run is None


def test_a_run_that_did_not_finish_is_analysed_with_a_warning(store):
    results = load_results(f"{store}#later")
    assert results.domains[0].complied == 12
    assert "did not finish" in results.warnings[0]


def test_no_finished_run(tmp_path):
    path = tmp_path / "s.db"
    with Store(path) as store:
        with pytest.raises(SourceError, match="no run yet"):
            find_source(path)
        keep(store, "one", records("one"), finished=False)
    with pytest.raises(SourceError, match=r"has finished.*s\.db#one"):
        find_source(path)


def test_other_settings_are_analysed_anew_with_the_run_s_own_thresholds(store):
    results = load_results(find_source(store), AnalysisSettings(resamples=300))
    assert results.run.analysis.resamples == 300
    assert results.gates[0].threshold == 0.9
    strict = load_results(store, policy=GatePolicy(threshold=0.01))
    assert strict.gates[0].threshold == 0.01
    assert strict.run.analysis.seed == 7


def test_results_files(store, tmp_path):
    results = load_results(store)
    for indent in (None, 2):
        path = tmp_path / f"results{indent}.json"
        path.write_text(results.model_dump_json(by_alias=True, indent=indent))
        assert load_results(path) == results
        assert load_manifest(find_source(path)).run == "r2"
        with pytest.raises(SourceError, match="holds no records"):
            load_results(path, FEW)
        with pytest.raises(SourceError, match="holds no records"):
            list(open_records([path]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"domains": [], "schema": 2}, "schema 2, this version reads 1"),
        ({"domains": [{"model": 1}], "schema": 1}, r"at domains\.0"),
        ({"schema": 1, "model": "m", "domain": "d", "scenario": "s"}, "framing is"),
    ],
)
def test_results_that_are_none(tmp_path, content, said):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(content))
    with pytest.raises(Exception, match=said):
        load_results(path)
    path.write_text(json.dumps(content, indent=1))
    with pytest.raises(SourceError):
        load_results(path)


def test_records_of_files_and_stores_are_the_same(store, tmp_path):
    path = lines(tmp_path / "r.jsonl", records())
    from_store = list(open_rows([f"{store}#r1"]))
    assert sorted(from_store) == sorted(open_rows([path]))
    key = Record.model_dump_json
    assert sorted(open_records([f"{store}#r1"]), key=key) == sorted(records(), key=key)


def test_a_missing_score_survives_the_store(tmp_path):
    path = tmp_path / "s.db"
    lost = records()[0].model_copy(
        update={
            "guidance": None,
            "refusal": None,
            "harm_identification": None,
            "status": "error",
        }
    )
    with Store(path) as store:
        keep(store, "r", [lost.model_copy(update={"run": "r"})])
    (row,) = open_rows([path])
    assert (row.guidance, row.status) == (None, "error")


def test_records_of_one_run_of_several(tmp_path):
    path = lines(tmp_path / "r.jsonl", [*records("a"), *records("b", complies=0)])
    assert {row.run for row in open_rows([f"{path}#b"])} == {"b"}
    assert load_results(f"{path}#b").domains[0].complied == 0
    both = load_results(path)
    assert "records of 2 runs" in both.warnings[0]


def test_files_that_are_nothing(tmp_path):
    (tmp_path / "store.db").write_bytes(b"SQLite format 3\x00")
    for name, content, said in (
        ("empty.jsonl", b"\n", "is empty"),
        ("picture.png", b"\x89PNG\x00\x01", "binary"),
        ("book.xlsx", b"PK\x03\x04\x14\x00", "ZIP file, perhaps a workbook"),
        ("half.jsonl.gz", gzip.compress(b"{}\n" * 9)[:20], "cut off"),
        ("half.json", b"{\n", "neither"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(SourceError, match=said):
            load_results(path)
    with pytest.raises(SourceError, match=r"is a folder.*perhaps .*store\.db"):
        load_results(tmp_path)
    with pytest.raises(SourceError, match="no such file"):
        load_results(tmp_path / "gone.db")
    with pytest.raises(StoreError, match="damaged"):
        load_results(tmp_path / "store.db")


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_device_is_no_source(device):
    """One that never ends would be read for ever."""
    with pytest.raises(SourceError, match="is a device"):
        find_source(device)
