"""Where files of ours lie: every pytest run with a model in its ini looks there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Folders that pytest does not look into either.
_PASSED_OVER = frozenset({"build", "dist", "node_modules", "venv"})


def named_under(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Yield what is under a folder and whose name ends so, as pytest looks for it."""
    for where, folders, names in os.walk(folder):
        yield from (Path(where, name) for name in folders if name.endswith(endings))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _PASSED_OVER
            and not name.endswith(endings)
        ]
        yield from (Path(where, name) for name in names if name.endswith(endings))
