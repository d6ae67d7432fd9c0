"""Whose turn it is on a server that holds one model at a time.

The processes of a run (xdist workers) share a lock file. Who holds it has the
server to itself, with the whole of the run's concurrency, until its stage is
done; so the server changes models at most once a process and stage. A process
never holds more than one lock, so none can wait for another in a circle, and
the operating system frees the lock of a process that dies.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

LOOK_AGAIN_S = 0.02
POLITE_S = 0.2
"""How much longer a process waits whose model is not the one on the server."""


class Turns:
    """One process's side of the taking of turns.

    Args:
        run: The run's name, the same in all its processes.
        server: What tells the server from others.
    """

    def __init__(self, run: str, server: str) -> None:
        """Name the files; nothing is locked yet."""
        told = hashlib.sha256(server.encode()).hexdigest()[:24]
        folder = _folder(run)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = FileLock(folder / f"{told}.lock")
        self._last = folder / f"{told}.model"

    async def take(self, model: str) -> str | None:
        """Wait for the turn.

        Args:
            model: What the server will be asked for.

        Returns:
            The model that was asked for last, by whichever process; None at first.
        """
        waited = 0.0
        while True:
            if self._read() in (None, model) or waited >= POLITE_S:
                try:
                    self._lock.acquire(timeout=0)
                    break
                except Timeout:
                    pass
            await asyncio.sleep(LOOK_AGAIN_S)
            # Others may want what is loaded: only a free server's time counts.
            waited = 0.0 if self._taken() else waited + LOOK_AGAIN_S
        last = self._read()
        self._last.write_text(model, encoding="utf-8")
        return last

    def give_back(self) -> None:
        """Let the next one have the server; safe without having taken a turn."""
        self._lock.release()

    def _read(self) -> str | None:
        try:
            return self._last.read_text(encoding="utf-8") or None
        except FileNotFoundError:
            return None

    def _taken(self) -> bool:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return True
        self._lock.release()
        return False


def clear(run: str) -> None:
    """Remove a run's lock files, once all its processes have ended."""
    shutil.rmtree(_folder(run), ignore_errors=True)


def _folder(run: str) -> Path:
    # One user's locks are none of another's business, nor in his way.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"domainsafety-{user}-{run}")
