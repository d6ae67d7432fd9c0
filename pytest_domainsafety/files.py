"""Files written whole or not at all, and what a path may be."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable


def write_file(path: Path, text: str) -> None:
    """Write a text file whole or not at all; its folder is made if need be.

    What is no plain file (``/dev/stdout``, a pipe) is written to directly.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as :func:`write_file` does, of any content.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes an older one's place once it is whole.

    Raises:
        OSError: It can't be written; an older file is as it was.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; name a file in it")
    if _is_stream(path):
        with path.open("ab") as file:
            yield file
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(path: Path) -> int:
    """Return the older file's permissions, or those of any new file."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def check_paths(paths: Iterable[tuple[str, Path]]) -> None:
    """Find out before a long run what could not be written after it.

    Args:
        paths: Options, with their dashes, and what they were given.

    Raises:
        ConfigError: A path is a folder, or lies where nothing can be written.
    """
    taken: dict[Path, str] = {}
    for option, path in paths:
        problem = _problem(path)
        if problem:
            raise ConfigError(f"{option} {path}: {problem}")
        place = path.resolve()
        if place in taken and not _is_stream(path):
            raise ConfigError(
                f"{option} {path}: {taken[place]} writes this file already; name "
                "another one"
            )
        taken[place] = option


def _is_stream(path: Path) -> bool:
    """Whether it is a pipe or device; /dev/stdout may well be a plain file's name."""
    device = path.is_absolute() and path.parts[1:2] in (("dev",), ("proc",))
    return device or (path.exists() and not path.is_file())


def _problem(path: Path) -> str | None:
    if path.is_dir():
        return "is a folder; name a file in it"
    folder = next(
        (parent for parent in path.resolve().parents if parent.exists()), None
    )
    if folder is None or not folder.is_dir():
        return f"{folder} is no folder; name another path"
    if _is_stream(path):
        return None if path.exists() else "is no device that is here; name another path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing can be written in the folder {folder}; name another path"
    return None


def why_not(error: OSError) -> str:
    """Return the system's reason, in its words."""
    return error.strerror or str(error) or type(error).__name__


def unreadable(path: object, error: OSError) -> str:
    """Return the sentence for a file that can't be read."""
    return f"{path}: can't be read ({why_not(error)})"


def unwritable(path: object, error: OSError) -> str:
    """Return the sentence for a file that can't be written."""
    return f"{path}: can't be written ({why_not(error)})"


def trouble_with(error: BaseException) -> str | None:
    """Return one sentence for what the system says of a file that was named.

    As that its name is too long, or that nobody may look into its folder: asking
    whether a file is there raises that too, wherever it is asked.

    Returns:
        None where the error is of no file.
    """
    if not isinstance(error, OSError) or not error.strerror:
        return None
    if not isinstance(error.filename, str | bytes | os.PathLike):
        return None
    return f"{printable(os.fsdecode(error.filename), 120)}: {error.strerror}"
