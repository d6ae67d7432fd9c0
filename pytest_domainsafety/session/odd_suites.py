"""What is named as a suite and is no file: pytest would pass over it without a word.

Loaded for every folder of every pytest run, so it imports next to nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_domainsafety.config.pytest_options import SUFFIXES


def odd_suites(folder: pytest.Directory) -> list[pytest.Collector]:
    """Return a node for each, of which the collection fails with a sentence.

    That is a link that leads nowhere, a pipe or a device; a folder of such a name
    has a hook of pytest's own.
    """
    paths = _odd_files(folder.path)
    if not paths:
        return []
    from pytest_domainsafety.session.hooks import collect

    ignore = folder.ihook.pytest_ignore_collect
    return [
        collect(folder, path)
        for path in paths
        if not ignore(collection_path=path, config=folder.config)
    ]


def _odd_files(folder: Path) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(
            Path(entry.path)
            for entry in entries
            if entry.name.endswith(SUFFIXES) and not (entry.is_file() or entry.is_dir())
        )
    return []
