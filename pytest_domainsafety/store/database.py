"""The database file: opening it, reading and writing, its errors in one sentence."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from pytest_domainsafety.errors import StoreError

T = TypeVar("T")

SCHEMA_VERSION = 1
# "DSAF": marks the file as ours (https://sqlite.org/pragma.html#pragma_application_id).
_APPLICATION_ID = 0x44534146
# How long to wait for another process that writes, before it is an error.
_BUSY_S = 30.0
# Read in one go: memory does not grow with a store, and no lock is held in between.
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


class Database:
    """An open SQLite file in WAL mode; one object serves all threads of a process.

    Args:
        path: The database file; its folder is made if need be.
        create: False demands that it exists already.

    Raises:
        StoreError: It can't be opened, is no store, or is of a newer schema.
            The file is left as it was.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Open the file, and lay out the tables in a new one."""
        self.path = path
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

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # ── SQL, with its errors explained ──────────────────────────────────────

    def _value(self, statement: str, *values: Any) -> str | None:
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


def _advice(error: sqlite3.OperationalError) -> str:
    reason = str(error)
    if "locked" in reason:
        return " (another process holds it: wait for it, or end it)"
    if "full" in reason or "disk I/O" in reason:
        return " (make room: what was kept until now is safe)"
    if "readonly" in reason:
        return " (allow writing, or name another file with --safety-store)"
    return ""
