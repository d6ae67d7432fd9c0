"""What all processes of a run have spent together: a file that they share.

It lies beside the lock files of the run (`phases`), and is made by the process that
the user started. A process on another machine does not find it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from pytest_domainsafety.engine.phases import run_folder
from pytest_domainsafety.errors import EngineEnded

# Another process holds the lock for as long as it takes to write some bytes.
LOOK_AGAIN_S = 0.001
LONGEST_WAIT_S = 30.0


class Spent(NamedTuple):
    """What may be limited, and can be summed over processes."""

    requests: float = 0
    tokens: float = 0
    money: float = 0

    def __add__(self, other: tuple[Any, ...]) -> Spent:
        """Return both together."""
        return Spent(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Ledger:
    """One process's side of what all have spent.

    Args:
        run: The run's name, the same in all its processes.
        process: What tells this one from the others.
        create: Whether it is to begin.
    """

    def __init__(self, run: str, process: str, *, create: bool = False) -> None:
        """Name the files."""
        folder = run_folder(run)
        self._process = process
        self._path = folder / "spent.json"
        if create:
            folder.mkdir(mode=0o700, exist_ok=True)
            if not self._path.exists():
                self._replace("{}")
        self._lock = FileLock(folder / "spent.lock")

    @property
    def is_there(self) -> bool:
        """Whether the process that the user started has one on this machine."""
        return self._path.is_file()

    def all(self) -> Spent:
        """Return what all processes have spent."""
        with self._held():
            return _sum(self._rows())

    def note(self, mine: Spent, allows: Callable[[Spent], bool] | None = None) -> bool:
        """Note what this process has spent until now; nothing where it may not.

        Args:
            mine: All of it.
            allows: Told what the others have spent; None takes it as it is.
        """
        with self._held():
            rows = self._rows()
            if allows is not None and not allows(_sum(rows, but=self._process)):
                return False
            self._replace(json.dumps({**rows, self._process: mine}))
        return True

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep the other processes out for a moment."""
        try:
            with self._lock.acquire(LONGEST_WAIT_S, LOOK_AGAIN_S):
                yield
        except OSError:  # a lock that is not to be had is one, too
            raise self._lost() from None

    def _rows(self) -> dict[str, Spent]:
        """Return what each process has spent.

        Raises:
            EngineEnded: Nobody knows any more: then nothing is left to be spent.
        """
        try:
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: Spent(*map(float, row)) for name, row in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            raise self._lost() from None

    def _lost(self) -> EngineEnded:
        return EngineEnded(
            "What all processes of this run have spent can't be known any more "
            f"({self._path.name} in the folder for temporary files), so nothing more "
            "is asked; run it again, what was answered is in the store."
        )

    def _replace(self, text: str) -> None:
        """Write the file whole or not at all."""
        new = Path(f"{self._path}.{self._process}")
        new.write_text(text, encoding="utf-8")
        os.replace(new, self._path)


def _sum(rows: Mapping[str, Spent], but: str | None = None) -> Spent:
    return sum((row for name, row in rows.items() if name != but), start=Spent())
