"""How a database file is opened, so that whoever only reads it changes nothing.

SQLite needs two files beside a database in WAL mode, also for reading. Where it can't
make them (an artefact on a read-only place), the file is read as one that nobody
changes; unless a log lies beside it that was never written back, of a run that was
killed: that is taken in by a copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BUSY_S = 30.0
"""How long to wait for another process that writes, before it is an error."""
_LOGS = ("-wal", "-journal")
"""What SQLite puts beside a file, and is a part of it until it was written back."""


@dataclass(slots=True)
class Opened:
    """A connection, and what has to go with it.

    Attributes:
        connection: In autocommit mode, for all threads.
        copy: The folder of a copy; None where the file itself is open.
        tidy: The file beside which nothing lay when it was opened to be read.
    """

    connection: sqlite3.Connection
    copy: tempfile.TemporaryDirectory[str] | None = None
    tidy: Path | None = None

    def close(self) -> None:
        """Close it, and leave the folder as it was found."""
        self.connection.close()
        if self.copy is not None:
            self.copy.cleanup()
        if self.tidy is not None and _beside(self.tidy, "-wal").exists():
            # A reader leaves its two files. They may be another process's by now, so
            # SQLite is asked, which takes them away with the last connection.
            with suppress(sqlite3.Error):
                last = _connect(self.tidy, "rw")
                try:
                    last.execute("SELECT count(*) FROM sqlite_master").fetchone()
                finally:
                    last.close()


def open_to_write(path: Path) -> Opened:
    """Open a file, or make it.

    Raises:
        sqlite3.Error: It can't be opened.
        OSError: So.
    """
    return Opened(_connect(path.resolve(), "rwc"))


def open_to_read(path: Path, *, copied: bool = False, glance: bool = False) -> Opened:
    """Open a file that is there, without changing it.

    Args:
        path: The file, or a link to it.
        copied: Open a copy, which may be changed.
        glance: Nothing is asked but whose it is, and it is closed again at once.

    Raises:
        sqlite3.Error: It can't be opened.
        OSError: So.
    """
    place = path.resolve()  # SQLite puts its files beside what a link leads to
    if copied:
        return _copy(place)
    has_log = any(_size(_beside(place, log)) for log in _LOGS)
    if glance and not has_log:
        return Opened(_looked_into(_connect(place, "ro", "&immutable=1")))
    if has_log or os.access(place.parent, os.W_OK):
        alone = not (has_log or glance or _beside(place, "-shm").exists())
        try:
            connection = _looked_into(_connect(place, "ro"))
        except sqlite3.OperationalError:
            if has_log:
                return _copy(place)
        else:
            return Opened(connection, tidy=place if alone else None)
    return Opened(_looked_into(_connect(place, "ro", "&immutable=1")))


def _connect(place: Path, mode: str, more: str = "") -> sqlite3.Connection:
    return sqlite3.connect(
        f"{place.as_uri()}?mode={mode}{more}",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _looked_into(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection that was used: connecting alone opens nothing."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(place: Path) -> Opened:
    folder = tempfile.TemporaryDirectory(prefix="domainsafety-")
    try:
        copy = Path(folder.name) / "store.db"
        shutil.copyfile(place, copy)
        for log in _LOGS:
            if _size(_beside(place, log)):
                shutil.copyfile(_beside(place, log), _beside(copy, log))
        return Opened(_looked_into(_connect(copy, "rw")), copy=folder)
    except BaseException:
        folder.cleanup()
        raise


def _beside(place: Path, end: str) -> Path:
    return place.with_name(place.name + end)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
