"""Records as pandas, R and spreadsheets write them, and as `export` does."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import os
import threading
from decimal import Decimal

import pytest

from pytest_domainsafety.errors import RecordError, SourceError
from pytest_domainsafety.runs.export import export_records
from pytest_domainsafety.runs.record_files import read_rows
from pytest_domainsafety.runs.sources import find_source
from pytest_domainsafety.types import Record
from pytest_domainsafety.types.rows import Row, to_row

ROWS = [
    {
        "model": "m",
        "domain": "sheds",
        "scenario": f"s{number}",
        "framing": "operational",
        "guidance": (1, 3, None)[number % 3],
        "refusal": (5, None, None)[number % 3],
        "harm_identification": (2, 2, None)[number % 3],
        "replication": number + 1,
        "variant": ("base", "short")[number % 2],
        "judge": "j",
        "zero_tolerance": number == 0,
        "tags": ["F1", "F3"] if number else [],
        "markers": {"cites_law": True} if number else {},
    }
    for number in range(6)
]


def rows_of(path, *, without=()):
    """Return what was read, in a form that can be compared."""
    kind = find_source(path).kind
    assert kind == "records"
    return [row._replace(**dict.fromkeys(without, "")) for row in read_rows(path)]


@pytest.fixture
def wanted(tmp_path):
    path = tmp_path / "wanted.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    found = list(read_rows(path))
    assert [row.guidance for row in found] == [1, 3, None] * 2
    return found


PANDAS = {
    "r.csv": lambda frame, path: frame.to_csv(path),
    "no-index.csv": lambda frame, path: frame.to_csv(path, index=False),
    "nan.csv": lambda frame, path: frame.to_csv(path, na_rep="NaN"),
    "na.csv": lambda frame, path: frame.to_csv(path, na_rep="<NA>"),
    "float.csv": lambda frame, path: frame.to_csv(path, float_format="%.3f"),
    "r.csv.gz": lambda frame, path: frame.to_csv(path),
    "r.csv.bz2": lambda frame, path: frame.to_csv(path),
    "r.csv.xz": lambda frame, path: frame.to_csv(path),
    "r.tsv": lambda frame, path: frame.to_csv(path, sep="\t"),
    "semicolon.csv": lambda frame, path: frame.to_csv(path, sep=";", decimal=","),
    "bar.txt": lambda frame, path: frame.to_csv(path, sep="|"),
    "bom.csv": lambda frame, path: frame.to_csv(path, encoding="utf-8-sig"),
    "r.txt": lambda frame, path: frame.to_csv(path, sep="\t", encoding="utf-16"),
    "r.parquet": lambda frame, path: frame.to_parquet(path),
    "no-suffix": lambda frame, path: path.write_bytes(frame.to_parquet()),
    "r.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "array.json": lambda frame, path: frame.to_json(path, orient="records", indent=2),
    "python.jsonl": lambda frame, path: path.write_text(
        "\n".join(json.dumps(row) for row in frame.to_dict("records"))
    ),
}


@pytest.mark.parametrize("name", PANDAS)
@pytest.mark.parametrize("types", ["floats", "nullable"])
def test_as_pandas_writes_them(tmp_path, wanted, name, types):
    pandas = pytest.importorskip("pandas")
    if "parquet" in name or name == "no-suffix":
        pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(ROWS)
    assert frame["guidance"].dtype == float
    if types == "nullable":
        if name == "python.jsonl":
            pytest.skip("json knows no pandas.NA")
        frame = frame.convert_dtypes()
    PANDAS[name](frame, tmp_path / name)
    assert rows_of(tmp_path / name) == wanted


@pytest.mark.parametrize("end", [".jsonl", ".csv", ".parquet"])
def test_as_export_writes_them(tmp_path, wanted, end):
    if end == ".parquet":
        pytest.importorskip("pyarrow")
    out = tmp_path / f"out{end}"
    export_records([find_source(tmp_path / "wanted.jsonl")], out)
    assert rows_of(out) == wanted
    again = tmp_path / f"again{end}"
    export_records([find_source(out)], again)
    assert rows_of(again) == wanted


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_packed_is_told_by_its_content(tmp_path, wanted, pack):
    path = tmp_path / "any.name"
    path.write_bytes(pack((tmp_path / "wanted.jsonl").read_bytes()))
    assert rows_of(path) == wanted


def test_from_a_pipe(tmp_path, wanted):
    os.mkfifo(tmp_path / "pipe")
    data = gzip.compress((tmp_path / "wanted.jsonl").read_bytes())
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    assert rows_of(tmp_path / "pipe") == wanted
    writer.join()


HEAD = "model;domain;scenario;framing;guidance;refusal\n"


@pytest.mark.parametrize(
    ("text", "guidance", "refusal"),
    [
        (HEAD + "m;d;s;operational;3,0;NA\n", 3, None),
        ("sep=;\n" + HEAD + "m;d;s;operational;3;5\n", 3, 5),
        (HEAD.replace(";", " ; ") + "m;d;s;operational;3;5\n", 3, 5),
        (HEAD + '"m";"d";"s";"operational";"3,00";""\n', 3, None),
        (HEAD.replace(";", ",") + "m,d,s,operational,3e0,#N/A\n", 3, None),
        (HEAD.replace(";", ",") + "m,d,s,operational, 3.0 ,null\n", 3, None),
        (HEAD.replace("\n", "\r\n") + "m;d;s;operational;3;5\r\n", 3, 5),
    ],
)
def test_as_spreadsheets_write_them(tmp_path, text, guidance, refusal):
    path = tmp_path / "r.csv"
    path.write_text(text, newline="")
    (row,) = read_rows(path)
    assert (row.guidance, row.refusal) == (guidance, refusal)


@pytest.mark.parametrize(
    ("cell", "truth"),
    [("True", True), ("1.0", True), ("0.0", False), ("False", False), ("NaN", False)],
)
def test_truths(tmp_path, cell, truth):
    path = tmp_path / "r.csv"
    head = "model,domain,scenario,framing,guidance,zero_tolerance\n"
    path.write_text(f"{head}m,d,s,operational,1,{cell}\n")
    assert [row.zero_tolerance for row in read_rows(path)] == [truth]


@pytest.mark.parametrize(
    "text",
    ["\"{'cites_law': True}\"", '"{""cites_law"": true}"'],
)
def test_markers_in_python_s_spelling_too(tmp_path, text):
    path = tmp_path / "r.csv"
    head = "model,domain,scenario,framing,guidance,markers\n"
    path.write_text(f"{head}m,d,s,operational,1,{text}\n")
    assert [row.markers for row in read_rows(path)] == [{"cites_law": True}]


def test_names_are_no_missing_values(tmp_path):
    """Namibia's code is NA, and a domain may be called so."""
    path = tmp_path / "r.csv"
    head = "model,domain,scenario,framing,guidance,variant\n"
    path.write_text(f"{head}None,NA,null,operational,1,NA\n")
    (row,) = read_rows(path)
    assert row[:3] == ("None", "NA", "null")
    assert row.variant == "NA"


# ── and what does not hold is one sentence ──────────────────────────────────

LEAST = {
    "model": "m",
    "domain": "d",
    "scenario": "s",
    "framing": "operational",
    "guidance": 1,
}


@pytest.mark.parametrize(
    ("head", "row", "said"),
    [
        ("guidance", "2.5", ":2: guidance is '2.5'"),
        ("guidance", "inf", ":2: guidance is 'inf'"),
        ("guidance", "True", ":2: guidance is 'True'"),
        ("guidance", "6.0", ":2: guidance is 6"),
        ("guidance", "1e400", ":2: guidance is '1e400'"),
        ("guidance,replication", "1,1.5", ":2: replication is '1.5'"),
        ("guidance,replication", "1,-1", ":2: replication is -1"),
        ("guidance,zero_tolerance", "1,perhaps", ":2: zero_tolerance is 'perhaps'"),
        ("guidance,status", "NaN,scored", ":2: status is scored, but guidance is null"),
        ("guidance,guidance", "1,5", ":1: two columns guidance"),
        ("score", "1", ":1: no column guidance"),
        ("guidance", "1,2", ":2: more fields than columns"),
        ("guidance,markers", "1,[[[", ":2: markers is"),
        ("guidance,markers", "1," + "[" * 9999, ":2: markers is"),
    ],
)
def test_text_that_does_not_hold(tmp_path, head, row, said):
    path = tmp_path / "r.csv"
    path.write_text(f"model,domain,scenario,framing,{head}\nm,d,s,operational,{row}\n")
    with pytest.raises(RecordError) as caught:
        list(read_rows(path))
    assert str(caught.value).startswith(f"{path}{said}")


@pytest.mark.parametrize(
    "change",
    [
        {"guidance": float("inf")},
        {"guidance": 2.5},
        {"guidance": True},
        {"replication": 1.5},
        {"model": float("nan")},
        {"framing": None},
        {"zero_tolerance": 0.5},
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "array", "parquet"])
def test_typed_values_that_do_not_hold(tmp_path, change, form):
    row = LEAST | change
    path = tmp_path / "r.any"
    if form == "parquet":
        pa = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist([row]), path)
    else:
        text = json.dumps(row)
        path.write_text(f"[{text}]" if form == "array" else text)
    with pytest.raises(RecordError, match=f"{path}:1: {next(iter(change))} is"):
        list(read_rows(path))


def damaged(path, change):
    data = bytearray(path.read_bytes())
    path.write_bytes(change(data))
    return path


DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "end": lambda data: data[:-9] + b"x" * 9,
    "middle": lambda data: data[:90] + b"\xff" * 60 + data[150:],
    "head": lambda data: data[:9] + b"\xff" * 9 + data[18:],
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("end", [".parquet", ".jsonl.gz", ".jsonl.bz2", ".jsonl.xz"])
def test_damaged_files(tmp_path, wanted, end, damage):
    path = tmp_path / f"r{end}"
    if end == ".parquet":
        pytest.importorskip("pyarrow")
        export_records([find_source(tmp_path / "wanted.jsonl")], path)
    else:
        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
        text = (tmp_path / "wanted.jsonl").read_bytes()
        path.write_bytes(pack[path.suffix](text))
    damaged(path, DAMAGE[damage])
    found = wanted  # where what was hit says nothing
    with contextlib.suppress(RecordError, SourceError):
        found = list(read_rows(find_source(path).path))
    assert found == wanted


@pytest.mark.parametrize("text", ["[", "[1]", '[{"model": 1}]', "[" * 99_999, "[]x"])
def test_arrays_that_are_none_of_records(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"r\.json"):
        list(read_rows(path))


def test_a_parquet_file_without_the_columns(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist([{"a": 1}]), tmp_path / "r.parquet")
    with pytest.raises(RecordError, match="no column model, domain"):
        list(read_rows(tmp_path / "r.parquet"))


def test_rows_are_read_as_a_record_has_them():
    """A field that a record gains is read from tables too, or is no part of a row."""
    assert set(Row._fields) - {"opinions"} <= set(Record.model_fields)


@pytest.mark.parametrize(
    "nothing", [None, float("nan"), Decimal("NaN"), Decimal("sNaN")]
)
def test_what_is_none_is_none_in_every_column(nothing):
    needed = {"model": "m", "domain": "d", "scenario": "s", "framing": "operational"}
    others = ("refusal", "status", "variant", "replication", "tags", "markers", "judge")
    row = to_row(needed | dict.fromkeys(("guidance", *others), nothing))
    assert row == to_row(needed | {"guidance": None})
