"""The store: every reply and every judgement, the moment it exists.

The only file that speaks SQL. One SQLite database in WAL mode, so that several
processes write and everybody can read. What counts as *the same* is decided by
content: a reply is known by its request (model digest, messages, options, seed,
replication), a judgement by (request, judge, rubric). Writing either twice is
safe and changes nothing, which is what lets a killed run go on, two shards
merge, and an xdist controller take in what its workers have already written.

Records are the rows of one run and point at both. :meth:`Store.verify`
re-derives the hashes and the references, and says what does not hold.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import (
    BASE_VARIANT,
    COMPLIES_AT,
    Judgement,
    Record,
    Reply,
)

T = TypeVar("T")

SCHEMA_VERSION = 1
_APPLICATION_ID = 0x44534146  # "DSAF"
_BUSY_S = 30.0
_ROWS_AT_ONCE = 1000

_SCHEMA = """
CREATE TABLE runs (
  run TEXT PRIMARY KEY,
  started REAL NOT NULL,
  finished REAL,
  manifest TEXT NOT NULL,
  results TEXT
) STRICT;
CREATE TABLE replies (
  request_key TEXT PRIMARY KEY,
  request TEXT NOT NULL,
  reply_hash TEXT NOT NULL,
  reply TEXT NOT NULL,
  created REAL NOT NULL
) STRICT;
CREATE TABLE judgements (
  judgement_key TEXT PRIMARY KEY,
  request_key TEXT NOT NULL,
  judge TEXT NOT NULL,
  judgement TEXT NOT NULL,
  created REAL NOT NULL
) STRICT;
CREATE INDEX judgements_request ON judgements (request_key);
CREATE TABLE records (
  run TEXT NOT NULL,
  model TEXT NOT NULL,
  domain TEXT NOT NULL,
  scenario TEXT NOT NULL,
  framing TEXT NOT NULL,
  variant TEXT NOT NULL,
  replication INTEGER NOT NULL,
  guidance INTEGER,
  status TEXT NOT NULL,
  request_key TEXT NOT NULL,
  record TEXT NOT NULL,
  PRIMARY KEY (run, model, domain, scenario, framing, variant, replication)
) STRICT, WITHOUT ROWID;
"""


class Cell(NamedTuple):
    """A record as the store's own columns tell it."""

    model: str
    domain: str
    scenario: str
    framing: str
    variant: str
    replication: int
    guidance: int | None
    status: str
    answered: float | None
    judged: int


class Exchange(NamedTuple):
    """A record with the texts behind it.

    Attributes:
        record: The row.
        system: The system prompt, if there was one.
        prompt: The user's turns.
        replies: What the model answered to each; fewer where it did not.
        request_key: Of the last request.
    """

    record: Record
    system: str | None
    prompt: tuple[str, ...]
    replies: tuple[str, ...]
    request_key: str = ""


class Store:
    """An open store; one object serves all threads of a process.

    Args:
        path: The database file; its folder is made if need be.
        create: False demands that it exists already.
        keep_text: False keeps hashes of prompts and replies and no text: what
            this process was answered it remembers, another one has to ask again.

    Raises:
        StoreError: It can't be opened, is no store, or is of a newer schema.
            The file is left as it was.
    """

    def __init__(
        self, path: Path, *, create: bool = True, keep_text: bool = True
    ) -> None:
        """Open the file, and lay out the tables in a new one."""
        self.path = path
        self._keep_text = keep_text
        self._unwritten: dict[str, Reply] = {}
        self._lock = threading.RLock()
        if not create and not path.is_file():
            raise StoreError(f"{path}: there is no store here")
        with self._explained("opened"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by a newer pytest-domainsafety (store schema "
                f"{version}, this one knows {SCHEMA_VERSION}); upgrade, or name "
                "another file with --safety-store"
            )
        if tables and version == 0:
            raise StoreError(
                f"{self.path}: a database, but not a store of pytest-domainsafety; "
                "name another file with --safety-store"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        # Survives a killed process; only a power cut can take the last commits.
        self._db.execute("PRAGMA synchronous=NORMAL")
        if not tables:
            self._lay_out()

    def _lay_out(self) -> None:
        with self._transaction():
            # Another process may have been faster.
            if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                for statement in _SCHEMA.split(";")[:-1]:
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id={_APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Store:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # ── runs ────────────────────────────────────────────────────────────────

    def begin_run(self, run: str, manifest: dict[str, Any]) -> None:
        """Note that a run has started, with what is known of it."""
        self._write(
            "INSERT OR REPLACE INTO runs (run, started, manifest) VALUES (?, ?, ?)",
            (run, time.time(), _dump(manifest)),
        )

    def finish_run(self, run: str, results: dict[str, Any]) -> None:
        """Note that a run has ended, and what it came to."""
        self._write(
            "UPDATE runs SET finished = ?, results = ? WHERE run = ?",
            (time.time(), _dump(results), run),
        )

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, oldest first: run, started, finished, manifest, results."""
        rows = self._read("SELECT * FROM runs ORDER BY started, run")
        names = ("run", "started", "finished", "manifest", "results")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        for run in found:
            run["manifest"] = json.loads(run["manifest"])
            run["results"] = json.loads(run["results"]) if run["results"] else None
        return found

    def run_list(self) -> list[tuple[str, bool]]:
        """Return all runs, oldest first, and whether each has ended."""
        return [
            (run, finished is not None)
            for run, finished in self._read(
                "SELECT run, finished FROM runs ORDER BY started, run"
            )
        ]

    # ── replies and judgements ──────────────────────────────────────────────

    def reply(self, request_key: str) -> Reply | None:
        """Return the reply to a request, if it was ever given and its text kept."""
        if request_key in self._unwritten:
            return self._unwritten[request_key]
        reply = self._stored(request_key)
        return None if reply is None or reply.text_hash else reply

    def _stored(self, request_key: str) -> Reply | None:
        row = self._one("SELECT reply FROM replies WHERE request_key = ?", request_key)
        return None if row is None else self._load(Reply.model_validate_json, row)

    def keep_reply(
        self, request_key: str, request: dict[str, Any], reply: Reply
    ) -> None:
        """Keep a reply; on disk when this returns. Keeping it again changes nothing.

        Where only the hash of an earlier one was kept, and this is another, it
        takes the earlier one's place.
        """
        stored = self._stored(request_key)
        if stored is not None and stored.text_hash:
            same = stored.hash() == reply.hash()
            self._forget(request_key, judgements=not same)
        if not self._keep_text:
            if reply.text:
                self._unwritten[request_key] = reply
            request, reply = _without_prompts(request), reply.without_text()
        self._write(
            "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?)",
            (
                request_key,
                _dump(request),
                reply.hash(),
                reply.model_dump_json(exclude_defaults=True),
                time.time(),
            ),
        )

    def replace_reply(
        self, request_key: str, request: dict[str, Any], reply: Reply
    ) -> None:
        """Keep a reply in place of an older one to the same request."""
        self._forget(request_key)
        self.keep_reply(request_key, request, reply)

    def _forget(self, request_key: str, *, judgements: bool = True) -> None:
        self._unwritten.pop(request_key, None)
        self._write("DELETE FROM replies WHERE request_key = ?", (request_key,))
        if judgements:
            self._write("DELETE FROM judgements WHERE request_key = ?", (request_key,))

    def withheld(self) -> int:
        """Return how many replies are here as hashes alone."""
        return int(
            self._read(
                "SELECT count(*) FROM replies WHERE reply ->> '$.text_hash' IS NOT NULL"
            )[0][0]
        )

    def judgement(self, judgement_key: str) -> Judgement | None:
        """Return a judgement, if it was ever given."""
        row = self._one(
            "SELECT judgement FROM judgements WHERE judgement_key = ?", judgement_key
        )
        return None if row is None else self._load(Judgement.model_validate_json, row)

    def keep_judgement(
        self, judgement_key: str, request_key: str, judgement: Judgement
    ) -> None:
        """Keep a judgement; the same rules as :meth:`keep_reply`."""
        if not self._keep_text:  # a rationale may quote the reply
            judgement = judgement.model_copy(update={"rationale": ""})
        self._write(
            "INSERT OR IGNORE INTO judgements VALUES (?, ?, ?, ?, ?)",
            (
                judgement_key,
                request_key,
                judgement.judge,
                judgement.model_dump_json(exclude_defaults=True),
                time.time(),
            ),
        )

    def rows(
        self, request_keys: Iterable[str], judgement_keys: Iterable[str]
    ) -> Iterator[list[Any]]:
        """Yield stored rows in the form in which processes hand them on.

        Yields:
            ``["reply", key, request, reply]`` and
            ``["judgement", key, request key, judgement]``, JSON all through.
        """
        for key in request_keys:
            for request, reply in self._read(
                "SELECT request, reply FROM replies WHERE request_key = ?", key
            ):
                yield ["reply", key, json.loads(request), json.loads(reply)]
        for key in judgement_keys:
            for request_key, judgement in self._read(
                "SELECT request_key, judgement FROM judgements WHERE judgement_key = ?",
                key,
            ):
                yield ["judgement", key, request_key, json.loads(judgement)]

    # ── records ─────────────────────────────────────────────────────────────

    def keep_records(self, rows: Iterable[tuple[Record, str]]) -> None:
        """Keep records with the key of the request that each came from.

        A record of the same interaction in the same run is replaced: an item
        that was run again has the last word.
        """
        values = [
            (
                record.run,
                record.model,
                record.domain,
                record.scenario,
                record.framing,
                record.variant,
                record.replication,
                record.guidance,
                record.status,
                request_key,
                record.model_dump_json(exclude={"text"}, exclude_defaults=True),
            )
            for record, request_key in rows
        ]
        marks = ", ".join("?" * 11)
        with self._explained("written"), self._transaction():
            self._db.executemany(
                f"INSERT OR REPLACE INTO records VALUES ({marks})", values
            )

    def records(self, run: str | None = None) -> Iterator[Record]:
        """Yield the records of one run (default: the newest), in a fixed order.

        Raises:
            StoreError: There is no such run, or none at all.
        """
        for text in self.record_texts(run):
            yield self._load(Record.model_validate_json, text)

    def record_texts(self, run: str | None = None) -> Iterator[str]:
        """Yield the records of one run as JSON, where a default value is left out.

        In the order of :meth:`records`; memory does not grow with their number.

        Raises:
            StoreError: There is no such run, or none at all.
        """
        name = self.newest_run() if run is None else run
        if not self._read("SELECT 1 FROM runs WHERE run = ?", name):
            raise StoreError(f"{self.path}: there is no run {name!r} in this store")
        found = self._stream(
            "SELECT record FROM records WHERE run = ? ORDER BY model, domain, "
            "scenario, framing, variant, replication",
            name,
        )
        for (text,) in found:
            yield text

    def exchanges(self, run: str | None = None) -> Iterator[Exchange]:
        """Yield the records of one run with prompts and replies, in a fixed order.

        A record of an interaction that was never answered is left out.

        Raises:
            StoreError: There is no such run, or the store kept hashes alone.
        """
        name = self.newest_run() if run is None else run
        if not self._read("SELECT 1 FROM runs WHERE run = ?", name):
            raise StoreError(f"{self.path}: there is no run {name!r} in this store")
        found = self._stream(
            "SELECT record, request, reply, request_key FROM records JOIN replies "
            "USING (request_key) WHERE run = ? ORDER BY model, domain, scenario, "
            "framing, variant, replication",
            name,
        )
        for record, request, reply, key in found:
            exchange = self._exchange(record, json.loads(request), reply)
            yield exchange._replace(request_key=key)

    def _exchange(self, record: str, request: dict[str, Any], reply: str) -> Exchange:
        answer = self._load(Reply.model_validate_json, reply)
        if answer.text_hash or request.get("hashed"):
            raise StoreError(
                f"{self.path}: the store holds hashes and no text "
                "(--safety-store-text hash), so prompts and replies can't be shown, "
                "exported or judged again"
            )
        messages = request.get("messages", [])
        said = {
            role: tuple(text for who, text in messages if who == role)
            for role in ("system", "user", "assistant")
        }
        return Exchange(
            self._load(Record.model_validate_json, record),
            said["system"][0] if said["system"] else None,
            said["user"],
            (*said["assistant"], answer.text),
        )

    def cells(self, run: str) -> Iterator[Cell]:
        """Yield what identifies each record of a run, its score, and what is behind.

        `answered` says when the reply was kept to which the record points, None
        where there is none; `judged` whether there is a judgement of it.
        """
        found = self._stream(
            "SELECT model, domain, scenario, framing, variant, replication, guidance, "
            "status, (SELECT created FROM replies "
            "WHERE replies.request_key = records.request_key), "
            "request_key IN (SELECT request_key FROM judgements) "
            "FROM records WHERE run = ?",
            run,
        )
        for row in found:
            yield Cell(*row)

    def pair_counts(
        self, run: str, model: str, domain: str
    ) -> dict[str, tuple[int, int]]:
        """Return scenario → (complying, scored) operational replies, as written."""
        rows = self._read(
            "SELECT scenario, sum(guidance >= ?), count(guidance) FROM records "
            "WHERE run = ? AND model = ? AND domain = ? AND framing = 'operational' "
            "AND variant = ? GROUP BY scenario",
            *(COMPLIES_AT, run, model, domain, BASE_VARIANT),
        )
        return {name: (complied or 0, scored) for name, complied, scored in rows}

    def newest_run(self) -> str:
        """Return the run that started last.

        Raises:
            StoreError: The store holds no run.
        """
        row = self._one("SELECT run FROM runs ORDER BY started DESC, run DESC LIMIT 1")
        if row is None:
            raise StoreError(f"{self.path}: the store holds no run yet")
        return row

    # ── checks ──────────────────────────────────────────────────────────────

    def verify(self) -> list[str]:
        """Check the store against itself.

        Returns:
            A sentence for each thing that does not hold; empty when all is well:
            the file's own integrity, the hash of each reply, a reply behind
            each judgement, a reply behind each scored record.
        """
        integrity = self._read("PRAGMA integrity_check")
        found = [f"file: {row[0]}" for row in integrity if row[0] != "ok"]
        rows = self._stream("SELECT request_key, reply_hash, reply FROM replies")
        for key, reply_hash, text in rows:
            try:
                sound = Reply.model_validate_json(text).hash() == reply_hash
            except ValidationError:
                sound = False
            if not sound:
                found.append(f"reply {key[:12]}: the text does not match its hash")
        orphans = self._read(
            "SELECT judgement_key FROM judgements WHERE request_key NOT IN "
            "(SELECT request_key FROM replies)"
        )
        found += [f"judgement {key[:12]}: its reply is missing" for (key,) in orphans]
        bare = self._read(
            "SELECT run, domain, scenario FROM records WHERE guidance IS NOT NULL "
            "AND request_key NOT IN (SELECT request_key FROM replies)"
        )
        found += [
            f"record {run[:12]} {domain}/{scenario}: its reply is missing"
            for run, domain, scenario in bare
        ]
        return found

    def counts(self) -> dict[str, int]:
        """Return the number of rows by table."""
        tables = ("runs", "replies", "judgements", "records")
        return {
            table: self._read(f"SELECT count(*) FROM {table}")[0][0] for table in tables
        }

    # ── SQL, with its errors explained ──────────────────────────────────────

    def _one(self, statement: str, *values: Any) -> str | None:
        rows = self._read(statement, *values)
        return rows[0][0] if rows else None

    def _read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._explained("read"), self._lock:
            return self._db.execute(statement, values).fetchall()

    def _stream(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        with self._explained("read"), self._lock:
            cursor = self._db.execute(statement, values)
        while True:
            with self._explained("read"), self._lock:
                rows = cursor.fetchmany(_ROWS_AT_ONCE)
            if not rows:
                return
            yield from rows

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._explained("written"), self._lock:
            self._db.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _load(self, parse: Callable[[str], T], text: str) -> T:
        try:
            return parse(text)
        except ValidationError:
            raise StoreError(
                f"{self.path}: a row does not hold what it should; run "
                f"'domainsafety verify {self.path}'"
            ) from None

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Turn the database's and the file system's errors into one sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"{self.path}: the store can't be {verb}: {error}{_advice(error)}"
            ) from None
        except sqlite3.DatabaseError as error:
            raise StoreError(
                f"{self.path}: the store can't be {verb}: {error}; the file is "
                "damaged or no SQLite database, and was left as it is: name another "
                "one with --safety-store"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.path}: the store can't be {verb}: {error.strerror or error}"
            ) from None


def _without_prompts(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with a hash in place of each message's text."""
    if request.get("hashed"):
        return request
    messages = [
        [role, fingerprint("message", content)]
        for role, content in request.get("messages", [])
    ]
    return request | {"messages": messages, "hashed": True}


def _advice(error: sqlite3.OperationalError) -> str:
    said = str(error)
    if "locked" in said:
        return " (another process holds it: wait for it, or end it)"
    if "full" in said or "disk I/O" in said:
        return " (make room: what was kept until now is safe)"
    if "readonly" in said:
        return " (allow writing, or name another file with --safety-store)"
    return ""


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
