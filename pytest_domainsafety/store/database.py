"""The database file: opening it, reading and writing, its errors in one sentence."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError

from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.store import schema
from pytest_domainsafety.store.opening import Opened, open_to_read, open_to_write

T = TypeVar("T")

ODD_ROW = "a row does not hold what it should"
_NOTHING = type(None)
_TYPES: dict[str, Any] = {
    "t": str,
    "T": (str, _NOTHING),
    "n": (int, float),
    "N": (int, float, _NOTHING),
    "i": int,
    "I": (int, _NOTHING),
}
"""Text, numbers and whole numbers; a capital letter where there may be none."""
# Read in one go: memory does not grow with a store, and no lock is held in between.
_ROWS_AT_ONCE = 1000


class Database:
    """An open SQLite file in WAL mode; one object serves all threads of a process.

    Args:
        path: The database file; its folder is made if need be.
        create: False demands that it exists already.
        read_only: Demands that as well, and changes nothing: neither the file nor,
            when it is closed again, what lies beside it.

    Raises:
        StoreError: It can't be opened, is no store, or is of a newer schema.
            The file is left as it was.
    """

    def __init__(
        self, path: Path, *, create: bool = True, read_only: bool = False
    ) -> None:
        """Open the file, and lay out the tables in a new one."""
        self.path = path
        self._read_only = read_only
        self._lock = threading.RLock()
        if sqlite3.sqlite_version_info < schema.OLDEST_SQLITE:
            raise StoreError(
                f"this Python's SQLite is {sqlite3.sqlite_version}, and a store needs "
                f"{'.'.join(map(str, schema.OLDEST_SQLITE))} or later"
            )
        with self._explained("opened"):
            self._demand_a_file(create=create and not read_only)
            if read_only:
                self._opened = self._to_read()
            else:
                self._opened = self._to_write()
            self._db = self._opened.connection

    def _demand_a_file(self, *, create: bool) -> None:
        if not self.path.exists():
            if not create:
                raise StoreError(f"{self.path}: there is no store here")
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.path.is_file():  # opening a pipe would wait for ever
            raise StoreError(f"{self.path}: is no file, so it can't be a store")

    def _to_read(self) -> Opened:
        if self._glance() >= schema.OLDEST_READ:
            return open_to_read(self.path)
        # An older one takes its steps in a copy: the file may not be ours to change.
        opened = open_to_read(self.path, copied=True)
        with _closing_if_it_fails(opened):
            self._step_forward(opened.connection)
        return opened

    def _to_write(self) -> Opened:
        # Opening it for writing would change another program's file already: what its
        # log holds is written back, and WAL mode is the file's own.
        self._glance()
        opened = open_to_write(self.path)
        with _closing_if_it_fails(opened):
            db = opened.connection
            self._version(db)
            db.execute("PRAGMA journal_mode=WAL")
            # Survives a killed process; only a power cut can take the last commits.
            db.execute("PRAGMA synchronous=NORMAL")
            self._step_forward(db)
        return opened

    def _glance(self) -> int:
        """Return the schema of the file as it is; nothing about it changes.

        Raises:
            StoreError: It is not ours, or of a newer version.
        """
        if not (self.path.exists() and self.path.stat().st_size):
            return 0
        looked_at = open_to_read(self.path, glance=True)
        try:
            return self._version(looked_at.connection)
        finally:
            looked_at.close()

    def _version(self, db: sqlite3.Connection) -> int:
        """Return the file's schema, 0 for a file without anything.

        Raises:
            StoreError: It is not ours, or of a newer version.
        """
        version, owner = _marks_of(db)
        empty = not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if owner != schema.APPLICATION_ID and not empty:
            version, owner = _marks_of(db)  # laid out by another process meanwhile?
        if owner != schema.APPLICATION_ID and (version or owner or not empty):
            raise StoreError(
                f"{self.path}: a database, but not a store of pytest-domainsafety; "
                f"{self._elsewhere}"
            )
        if version > schema.SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by a newer pytest-domainsafety (store schema "
                f"{version}, this one knows {schema.SCHEMA_VERSION}); upgrade, or "
                f"{self._elsewhere}"
            )
        return version

    @property
    def _elsewhere(self) -> str:
        if self._read_only:
            return "name another file"
        return "name another file with --safety-store"

    def _step_forward(self, db: sqlite3.Connection) -> None:
        """Take the steps that a store of an older version lacks, all or none."""
        if self._version(db) == schema.SCHEMA_VERSION:
            return
        with self._transaction(db):
            # Another process may have been faster.
            for step in schema.STEPS[self._version(db) :]:
                for statement in step:
                    db.execute(statement)
            db.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._lock:
            self._opened.close()

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
    def _transaction(self, db: sqlite3.Connection | None = None) -> Iterator[None]:
        db = db or self._db
        with self._lock:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def _load(self, parse: Callable[[str], T], text: str) -> T:
        try:
            return parse(text)
        except ValidationError:
            raise self._odd_row() from None

    def _document(self, text: str) -> dict[str, Any]:
        """Return a JSON object that stands in a row.

        Raises:
            StoreError: It is none.
        """
        try:
            document = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._odd_row()
        return document

    def _typed(self, row: tuple[Any, ...], shape: str) -> tuple[Any, ...]:
        """Return a row whose columns are of the types in `shape`, a letter each.

        SQLite keeps in a column whatever is put there.

        Raises:
            StoreError: One is of another type.
        """
        for value, letter in zip(row, shape, strict=True):
            if not isinstance(value, _TYPES[letter]):
                raise self._odd_row()
        return row

    def _odd_row(self) -> StoreError:
        return StoreError(
            f"{self.path}: {ODD_ROW}; run 'domainsafety verify {self.path}'"
        )

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
            if 'near "STRICT"' in str(error):  # how stores were laid out at first
                raise StoreError(
                    f"{self.path}: was laid out with SQLite 3.37 or later, and this "
                    f"Python's is {sqlite3.sqlite_version}: use a later one, or "
                    f"{self._elsewhere}"
                ) from None
            raise StoreError(
                f"{self.path}: the store can't be {verb}: {error}; the file is "
                "damaged or no SQLite database, and was left as it is: "
                f"{self._elsewhere}"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{self.path}: the store can't be {verb}: {error.strerror or error}"
            ) from None
        except UnicodeError:
            raise StoreError(
                f"{self.path}: the store can't be {verb}: a name or a row in it is no "
                "text"
            ) from None


def _marks_of(db: sqlite3.Connection) -> tuple[int, int]:
    """Return the schema's version and whose file it is."""
    version, owner = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("user_version", "application_id")
    )
    return version, owner


@contextmanager
def _closing_if_it_fails(opened: Opened) -> Iterator[None]:
    try:
        yield
    except BaseException:
        opened.close()
        raise


def _advice(error: sqlite3.OperationalError) -> str:
    reason = str(error)
    if "locked" in reason:
        return " (another process holds it: wait for it, or end it)"
    if "full" in reason or "disk I/O" in reason:
        return " (make room: what was kept until now is safe)"
    if "readonly" in reason:
        return " (allow writing, or name another file with --safety-store)"
    return ""
