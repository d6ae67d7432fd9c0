"""Damage to stores and results files, and what every command that reads them says.

One kind of damage a file: bytes of the file as a bad disk or a broken copy leaves
them, cells of the tables and nodes of the documents as a script or a hand leaves them.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import click
from stored_runs import make_folder, run

from pytest_domainsafety.cli import group
from pytest_domainsafety.errors import DomainSafetyError

TABLES = ("runs", "replies", "judgements", "records")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 3, 2**63, 10**400, 1.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "\x00", "\ud800", "3", "NaN", "=1+1", "../..", "é" * 300),
    *([], [None], [[]], {}, {"": None}, {"a": {"b": []}}, "\u202e\x1b[31m", [1] * 99),
)
CELLS: tuple[Any, ...] = (
    *("", "x", "{", "{}", "[]", "null", "3", '"x"', "NaN", "[" * 99_999, "\x00"),
    *(0, -1, 7, 1.5, b"", b"\xff\xfe", b"{}", 1e308, '{"a": 1}', "é" * 9999),
)
COMMANDS: dict[str, tuple[str, ...]] = {
    "ablation": ("ablation", "{file}"),
    "agreement": ("agreement", "{file}"),
    "analyze": ("analyze", "{file}", "--resamples", "50"),
    "analyze gate": ("analyze", "{file}", "--gate", "--json", "{out}.json"),
    "card": ("card", "{file}"),
    "compare": ("compare", "{sound}", "{file}", "--resamples", "50"),
    "compare with": ("compare", "{file}", "{sound}", "--anyway", "--resamples", "50"),
    "baseline": ("analyze", "{sound}", "--baseline", "{file}", "--resamples", "50"),
    "export": ("export", "{file}", "--records", "{out}.csv", "--text"),
    "preferences": ("export", "{file}", "--preferences", "{out}.jsonl", "--text"),
    "labelling": (
        *("export", "{file}", "--for-labelling", "4", "{out}.csv"),
        *("--suite", "{suites}"),
    ),
    "labels": ("labels", "init", "{file}", "--out", "{out}.labels"),
    "page": (
        *("report", "{file}", "--html", "{out}.html", "--show-text"),
        *("--svg", "{out}.svg", "--junit", "{out}.xml", "--markdown", "{out}.md"),
        *("--codequality", "{out}.json"),
    ),
    "rejudge": ("rejudge", "{file}", "--judge", "offline", "--suite", "{suites}"),
    "runs": ("runs", "{file}"),
    "study": ("study", "{file}", "--markdown", "{out}.md", "--html", "{out}.html"),
    "trend": ("trend", "{file}"),
    "verify": ("verify", "{file}"),
}
"""Every command that reads stores or results files."""


class Fault(NamedTuple):
    """A command that did not say one sentence."""

    command: str
    seed: int
    error: str


def make_sound(folder: Path) -> tuple[Path, Path]:
    """Make a store of one run, and its results file."""
    make_folder(folder)
    store = run(folder, "--safety-json", "results.json")
    return store, folder / "results.json"


# ── damage ──────────────────────────────────────────────────────────────────


def damage_bytes(path: Path, random: Random) -> None:
    """Damage a file as a disk, a copy or an editor does."""
    data = bytearray(path.read_bytes())
    at = random.randrange(len(data))
    kind = random.randrange(6)
    if kind == 0:
        del data[at:]
    elif kind == 1:
        data[at : at + 512] = bytes(min(512, len(data) - at))
    elif kind == 2:
        data += random.randbytes(random.choice((1, 100, 5000)))
    elif kind == 3:
        del data[at : at + random.choice((1, 7, 4096))]
    else:
        for _ in range(random.choice((1, 4, 40))):
            data[random.randrange(len(data))] = random.randrange(256)
    path.write_bytes(data)


def damage_cells(path: Path, random: Random) -> None:
    """Damage one to three things of a store by SQL."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for _ in range(random.choice((1, 1, 3))):
            # What SQLite or JSON itself refuses is no damage.
            with contextlib.suppress(sqlite3.Error, ValueError, TypeError, IndexError):
                _damage_a_cell(db, random)


def _damage_a_cell(db: sqlite3.Connection, random: Random) -> None:
    table = random.choice(TABLES)
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    if not columns:  # the damage before took the table
        return
    column = random.choice(columns)
    key = {"runs": "run", "records": "record"}.get(table, "rowid")
    keys = [each for (each,) in db.execute(f"SELECT {key} FROM {table}")]
    where = f"WHERE {key} = ?", [random.choice(keys)]
    if random.random() < 0.2:
        where = "", []
    kind = random.randrange(12)
    if kind == 0:
        db.execute(f"DROP TABLE {table}")
    elif kind == 1:
        db.execute(f"ALTER TABLE {table} RENAME COLUMN {column} TO other")
    elif kind == 2:
        db.execute(f"DELETE FROM {table} {where[0]}", where[1])
    elif kind == 3:
        odd = "CAST(X'FF22FE' AS TEXT)"
        db.execute(f"UPDATE {table} SET {column} = {odd} {where[0]}", where[1])
    elif kind < 7:
        odd = random.choice(CELLS)
        db.execute(f"UPDATE {table} SET {column} = ? {where[0]}", [odd, *where[1]])
    else:
        documents = [name for name in columns if name in _DOCUMENTS]
        column = random.choice(documents)
        (text,) = db.execute(
            f"SELECT {column} FROM {table} {where[0]}", where[1]
        ).fetchone()
        odd = _dumped(damaged(json.loads(text), random))
        db.execute(f"UPDATE {table} SET {column} = ? {where[0]}", [odd, *where[1]])


_DOCUMENTS = frozenset(
    {"manifest", "results", "request", "reply", "judgement", "record"}
)


def damage_document(path: Path, random: Random) -> None:
    """Damage one to three nodes of a results file."""
    document = json.loads(path.read_text())
    for _ in range(random.choice((1, 1, 3))):
        document = damaged(document, random)
    path.write_text(_dumped(document))


def damaged(document: Any, random: Random) -> Any:
    """Return a document of which one node is another, gone, or there twice."""
    nodes = list(_nodes(document))
    if not nodes:
        return random.choice(ODD)
    parent, key = random.choice(nodes)
    kind = random.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif kind == 2:
        other, place = random.choice(nodes)
        parent[key] = json.loads(json.dumps(other[place]))
    else:
        parent[key] = random.choice(ODD)
    return document


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _nodes(value[key])


def _dumped(document: Any) -> str:
    return json.dumps(document)


STORES: dict[str, Callable[[Path, Random], None]] = {
    "bytes": damage_bytes,
    "cells": damage_cells,
}
RESULTS: dict[str, Callable[[Path, Random], None]] = {
    "bytes": damage_bytes,
    "nodes": damage_document,
}


# ── commands ────────────────────────────────────────────────────────────────


def attempt(name: str, file: Path, sound: Path, suites: Path, out: Path) -> str | None:
    """Run a command in this process.

    Returns:
        What went wrong; None where it did what it should or said one sentence.
    """
    places = {"file": file, "sound": sound, "suites": suites, "out": out}
    arguments = [each.format(**places) for each in COMMANDS[name]]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            group.main(arguments, prog_name="domainsafety", standalone_mode=False)
    except DomainSafetyError as error:
        return None if _is_a_sentence(str(error)) else f"no sentence: {error!r}"
    except (click.ClickException, SystemExit):
        return None
    except BaseException as error:  # noqa: BLE001 - what is looked for
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        at = "" if place is None else f"{place.tb_frame.f_code.co_filename[-40:]}:"
        return f"{type(error).__name__} {at}{place and place.tb_lineno}: {error}"[:300]
    return None


def _is_a_sentence(text: str) -> bool:
    return bool(text) and "\n" not in text and len(text) < 1500


def hits(
    sound: Path,
    kind: Callable[[Path, Random], None],
    seeds: Iterable[int],
    folder: Path,
) -> Iterator[Fault | None]:
    """Damage a copy once a seed, and yield what each command makes of it."""
    suites = folder / "suites"
    for seed in seeds:
        for name in COMMANDS:
            file = folder / f"damaged{sound.suffix}"
            for end in ("", "-wal", "-shm", "-journal"):
                file.with_name(file.name + end).unlink(missing_ok=True)
            shutil.copyfile(sound, file)
            kind(file, Random(seed))
            error = attempt(name, file, sound, suites, folder / "out")
            yield None if error is None else Fault(name, seed, error)
