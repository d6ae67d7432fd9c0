"""The reader of rows and the one of many at once: the same results, or the same no.

Files of every format, good and bad, are analysed twice: with the engine kept away, and
with files of any size thought large.
"""

from __future__ import annotations

import gzip
import json
import lzma
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fail_open.lab import suite_text
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pytest_domainsafety.analysis import AnalysisSettings, Breakdown, analyze_rows
from pytest_domainsafety.analysis.blocks import Block
from pytest_domainsafety.analysis.breakdown import break_down
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.runs import record_blocks
from pytest_domainsafety.runs.missing_rows import with_missing
from pytest_domainsafety.runs.sources import open_rows
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest, Record

pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")

SETTINGS = AnalysisSettings(resamples=50)
BY = ("model", "tag", "framing", "variant", "subdomain")
NEVER = 1 << 60

names = st.sampled_from(["a", "b", "c-1", "Größe", "nan", "x\u2028y", 'q"uote', "é"])
score = st.sampled_from([1, 1, 2, 3, 4, 5, 5])
good: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from(["m", "n"]),
    "domain": st.sampled_from(["d", "e"]),
    "scenario": names,
    "framing": st.sampled_from(["operational", "operational", "analytical", "benign"]),
    "guidance": score,
}
more: dict[str, st.SearchStrategy[Any]] = {
    "guidance": st.none(),
    "refusal": score | st.none(),
    "harm_identification": score | st.sampled_from([None, 3.0]),
    "status": st.sampled_from(["scored", "filtered", "silent_refusal", None]),
    "variant": st.sampled_from(["base", "", "V1", "V2", None]),
    "replication": st.integers(1, 4) | st.sampled_from([None, 2.0, 700, 100_000]),
    "subdomain": st.sampled_from(["", "s", "t", None]),
    "judge": st.sampled_from(["", "j", "k"]),
    "tags": st.lists(st.sampled_from(["F1", "F2", "none"]), max_size=3) | st.none(),
    "markers": st.dictionaries(st.sampled_from(["x", "y"]), st.booleans()) | st.none(),
    "prompt_hash": st.sampled_from(["h1", "h2", "a" * 64, "none", "", None]),
    "run": st.sampled_from(["", "r"]),
    "zero_tolerance": st.sampled_from([True, False, None, 1, "true"]),
    "second": st.sampled_from([None, {"guidance": 2, "refusal": 3, "judge": "k"}]),
    "panel": st.sampled_from([None, [], [{"guidance": 2}]]),
    "condition": st.sampled_from(["", "warn", "none", None]),
    "note": st.sampled_from(["finance, information", "nan", {"guidance": 1}, [1, []]]),
    "turn": st.just(2),
}
bad: dict[str, st.SearchStrategy[Any]] = {
    "model": st.sampled_from([None, "", " m", 3, ["m"], "m\u200b"]),
    "scenario": st.sampled_from(["", "s ", 7, None, True]),
    "framing": st.sampled_from(["Operational", None, 1]),
    "guidance": st.sampled_from([0, 6, 2.5, "3", True, [3]]),
    "refusal": st.sampled_from([9, "5", False]),
    "status": st.sampled_from(["error", "unscored", "done", 3]),
    "variant": st.sampled_from(["Base", "v ", 4]),
    "replication": st.sampled_from([0, -1, 1.5, 100_001, "1", True, 1e300]),
    "judge": st.sampled_from([" j", 5, ["j"]]),
    "tags": st.sampled_from(["F1", [1], [None], {"a": 1}]),
    "markers": st.sampled_from([{"x": 1}, {"x": None}, [True], "yes"]),
    "prompt_hash": st.sampled_from([5, ["h"], True]),
    "zero_tolerance": st.sampled_from(["maybe", 2, []]),
    "run": st.sampled_from([5, ["h"], True]),
    "condition": st.sampled_from([5, " w", ["w"]]),
}
GONE = object()


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    fields = draw(st.sets(st.sampled_from(sorted(more))))
    parts = good | {name: more[name] for name in fields}
    row = st.fixed_dictionaries(
        {n: p for n, p in parts.items() if n in good},
        optional={n: p for n, p in parts.items() if n not in good},
    )
    rows = draw(st.lists(row, min_size=1, max_size=25))
    for _ in range(draw(st.integers(0, 2))):
        rows.append(dict(draw(st.sampled_from(rows))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        name = draw(st.sampled_from(sorted(bad)))
        at = draw(st.integers(0, len(rows) - 1))
        value = draw(bad[name] | st.just(GONE))
        rows[at] = {k: v for k, v in rows[at].items() if k != name}
        if value is not GONE:
            rows[at][name] = value
    return rows


def outcome(paths: list[Any], whole: list[Path] | None = None) -> Any:
    def read() -> Any:
        rows = open_rows(paths)
        return with_missing(rows, whole, Manifest()) if whole else rows

    try:
        results = analyze_rows(read, SETTINGS, GatePolicy(0.3))
        table = break_down(lambda: Breakdown(BY), read(), "j").rows(SETTINGS)
    except DomainSafetyError as error:
        return str(error)
    return results.model_dump_json(), table


def both(
    monkeypatch: pytest.MonkeyPatch, path: Any, whole: list[Path] | None = None
) -> tuple[Any, Any]:
    monkeypatch.setattr(record_blocks, "FAST_FROM", NEVER)
    slow = outcome([path], whole)
    monkeypatch.setattr(record_blocks, "FAST_FROM", 0)
    return slow, outcome([path], whole)


def lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


CHECKED = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],  # an analysis takes too long to shrink
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@CHECKED
@given(rows=records(), pack=st.booleans(), utf8=st.booleans())
def test_lines_of_json(rows, pack, utf8):
    text = "".join(json.dumps(row, ensure_ascii=not utf8) + "\n" for row in rows)
    content = gzip.compress(text.encode()) if pack else text.encode()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "r.jsonl"
        path.write_bytes(content)
        slow, fast = both(patch, path)
    assert fast == slow


def table(rows: list[dict[str, Any]]) -> Any:
    """Return rows as an Arrow table; None where a column would hold two kinds."""
    try:
        return pa.Table.from_pylist(
            [
                {n: r.get(n) for n in dict.fromkeys(k for q in rows for k in q)}
                for r in rows
            ]
        )
    except (pa.ArrowException, OverflowError):
        return None


@CHECKED
@given(rows=records(), as_text=st.booleans())
def test_parquet(rows, as_text):
    from pyarrow import parquet

    if as_text:  # as tables are that were a CSV before
        rows = [
            {
                n: json.dumps(v) if isinstance(v, dict | list) else v
                for n, v in r.items()
            }
            for r in rows
        ]
    made = table(rows)
    if made is None:
        return
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "r.parquet"
        try:
            parquet.write_table(made, path, row_group_size=7)
        except pa.ArrowNotImplementedError:  # markers that no row has: no fields
            return
        slow, fast = both(patch, path)
    assert fast == slow


FAR = 1 << 62
ODD_COLUMNS = {
    "categories without a sign": ("judge", [0, None, 1], "dictionary"),
    "a date out of range": ("run", [FAR, FAR, FAR], "timestamp"),
    "a pair out of range": ("scenario", [FAR, 1, 2], "timestamp"),
    "an opinion out of range": ("second", [None, FAR, None], "timestamp"),
    "of no row": ("latency_s", [FAR, FAR, FAR], "timestamp"),
}


@pytest.mark.parametrize("column", ODD_COLUMNS.values(), ids=ODD_COLUMNS)
def test_odd_columns(tmp_path, monkeypatch, column):
    from pyarrow import parquet

    name, cells, kind = column
    if kind == "dictionary":
        numbers = pa.array(cells, pa.uint8())
        made = pa.DictionaryArray.from_arrays(numbers, pa.array(["j", "k"]))
    else:
        made = pa.array(cells, pa.timestamp("us"))
    whole = table(GOOD[:3])
    kept = whole.drop_columns([name] if name in whole.column_names else [])
    path = tmp_path / "r.parquet"
    parquet.write_table(kept.append_column(name, made), path)
    slow, fast = both(monkeypatch, path)
    assert fast == slow
    assert isinstance(slow, str) == (name in ("run", "scenario", "second"))


ROW = '{"model":"m","domain":"d","scenario":"s","framing":"operational","guidance":1'
ODD_LINES = {
    "a comma too many": ROW + ",}",
    "and blanks": ROW + " , \t }",
    "in a list": ROW + ',"x":[1,]}',
    "no number": ROW + ',"x":nan}',
    "Python's own": ROW + ',"x":NaN,"y":-Infinity}',
    "endless": ROW + ',"x":inf}',
    "two objects": ROW + "}" + ROW + "}",
    "a key twice": ROW + ',"guidance":5}',
    "half a pair": ROW + ',"x":"\\ud800"}',
    "nested": ROW.replace('"guidance":1', '"x":{"guidance":null}') + "}",
    "null": ROW.replace('"guidance":1', '"guidance":null') + "}",
    "missing": ROW.replace(',"guidance":1', "") + "}",
    "escaped": ROW.replace("guidance", "guid\\u0061nce") + "}",
    "deep": ROW + ',"x":' + "[" * 3000 + "]" * 3000 + "}",
    "a list": "[1]",
    "blank": "  ",
    "nothing": "",
    "a mark": "\ufeff" + ROW + "}",
    "a return": ROW + ',\r"x":1}',
    "cut off": ROW,
    "tab in text": ROW + ',"x":"a\tb"}',
    "lone": "null",
    "two lines": ROW + ',\n"x":1}',
    "a Unicode blank": "\u00a0",
    "Capital": ROW + ',"Guidance":5}',
    "in a text": ROW + ',"x":"a,} b,] c: nan, inf]"}',
    "a form feed": ROW + "}\f",
    "a vertical tab": ROW + "} \v",
    "long": ROW + ',"x":"' + "y" * 3_000_000 + '"}',
}


@pytest.mark.parametrize("line", ODD_LINES.values(), ids=ODD_LINES)
@pytest.mark.parametrize("last", [False, True])
def test_odd_lines(tmp_path, monkeypatch, line, last):
    around = [ROW + f',"replication":{number}}}' for number in (2, 3)]
    text = "\n".join([around[0], line, *around[last:]]) + "\n" * (not last)
    path = tmp_path / "r.jsonl"
    path.write_text(text, encoding="utf-8")
    slow, fast = both(monkeypatch, path)
    assert fast == slow


def test_bytes_that_are_no_text(tmp_path, monkeypatch):
    path = tmp_path / "r.jsonl"
    path.write_bytes(ROW.encode() + b',"x":"\xff"}\n')
    slow, fast = both(monkeypatch, path)
    assert fast == slow
    assert "UTF-8" in slow


GOOD = [
    {
        "model": "m",
        "domain": domain,
        "scenario": f"s{pair}",
        "framing": framing,
        "guidance": 1 + pair % 5,
        "refusal": 5,
        "replication": replication,
        "markers": {"x": pair % 2 == 0},
        "tags": ["F1"][: pair % 3],
        "prompt_hash": f"{pair:064x}",
        "judge": "j",
    }
    for domain in ("d", "e")
    for pair in range(9)
    for framing in ("operational", "analytical", "benign")
    for replication in (1, 2, 3)
]


def test_what_is_plain_is_read_many_at_once(tmp_path):
    """Else the two readers above were one and the same."""
    from pyarrow import parquet

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_blocks, "FAST_FROM", 0)
        lost = {**GOOD[0], "guidance": None, "replication": 9, "status": "error"}
        written = tmp_path / "r.jsonl"
        written.write_bytes(lines([*GOOD, lost, GOOD[0]]))
        made = tmp_path / "r.parquet"
        parquet.write_table(table(GOOD), made)
        packed = tmp_path / "r.jsonl.xz"
        packed.write_bytes(lzma.compress(lines(GOOD)))
        store = tmp_path / "s.db"
        with Store(store) as opened:
            opened.begin_run("r", {})
            opened.keep_records((Record(run="r", **row), "key") for row in GOOD)
        for path in (written, made, packed, f"{store}#r"):
            rows = open_rows([path])
            parts = list(rows.blocks())
            blocks = [part for part in parts if isinstance(part, Block)]
            assert sum(len(block.kind) for block in blocks) >= len(GOOD)
            assert len(parts) - len(blocks) == (path == written)


def test_a_run_in_a_store(tmp_path, monkeypatch):
    store = tmp_path / "s.db"
    rows = [*GOOD, {**GOOD[0], "replication": 9, "status": "error", "guidance": None}]
    with Store(store) as opened:
        opened.begin_run("r", {})
        opened.keep_records((Record(run="r", **row), "key") for row in rows)
    slow, fast = both(monkeypatch, f"{store}#r")
    assert fast == slow
    for text in ('{"model":"m"}', '{"model":"m",}', "{", "", "[]", 5):
        with closing(sqlite3.connect(store)) as db:
            db.execute("UPDATE records SET record = ? WHERE replication = 9", (text,))
            db.commit()
        slow, fast = both(monkeypatch, f"{store}#r")
        assert fast == slow, text
        assert "verify" in slow


def test_many_files_are_one(tmp_path, monkeypatch):
    from pyarrow import parquet

    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.parquet")
        parquet.write_table(table(GOOD[number::4] + GOOD[:number]), paths[-1])
    whole = tmp_path / "all.jsonl"
    whole.write_bytes(lines([r for n in range(4) for r in GOOD[n::4] + GOOD[:n]]))
    monkeypatch.setattr(record_blocks, "FAST_FROM", 0)
    assert outcome(paths) == outcome([whole])
    monkeypatch.setattr(record_blocks, "FAST_FROM", NEVER)
    assert outcome(paths) == outcome([whole])


def test_what_suites_say_should_be_there(tmp_path, monkeypatch):
    suite = tmp_path / "d.safety.yaml"
    suite.write_text(suite_text("d", ["s1", "new"], zero=["s1"]), encoding="utf-8")
    path = tmp_path / "r.jsonl"
    path.write_bytes(lines(GOOD))
    slow, fast = both(monkeypatch, path, [suite])
    assert fast == slow
    assert "2 pairs never came" not in fast[0]
    assert '"zero_tolerance":true' in fast[0]


@CHECKED
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            good
            | {
                "model": st.just("m"),
                "domain": st.just("d"),
                "scenario": st.sampled_from(["a", "b"]),
                "replication": st.sampled_from([1, 2, 9]),
                "markers": st.dictionaries(st.just("x"), st.booleans()),
            }
        ),
        min_size=8,
        max_size=25,
    ),
    parts=st.integers(1, 3),
)
def test_rows_that_contradict_each_other(rows, parts):
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        paths = [Path(folder) / f"{part}.jsonl" for part in range(parts)]
        for part, path in enumerate(paths):
            path.write_bytes(lines(rows[part::parts]))
        patch.setattr(record_blocks, "FAST_FROM", NEVER)
        slow = outcome(paths)
        patch.setattr(record_blocks, "FAST_FROM", 0)
        assert outcome(paths) == slow
