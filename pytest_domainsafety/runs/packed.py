"""A file's bytes, unpacked where they are compressed: told by how the file begins."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

_UNPACKED: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
"""By how a file begins."""
PACKED_ENDS = (".gz", ".bz2", ".xz")
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
"""What reading raises where a compressed file is cut off or damaged."""


@contextmanager
def unpacked(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading its bytes; a pipe too, which can be read once.

    Raises:
        OSError: It can't be opened.
    """
    with path.open("rb") as raw:
        head = raw.peek(8)
        for mark, unpack in _UNPACKED.items():
            if head.startswith(mark):
                with unpack(raw) as inner, BufferedReader(inner) as file:
                    yield file
                return
        yield raw


def damaged(path: Path) -> str:
    """Say of a file that reading it raised one of `DAMAGED`."""
    return f"{path}: is compressed, and damaged or cut off: copy it again"


def plain_suffix(path: Path) -> str:
    """Return how a name ends, in small letters, the mark of compression aside."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in PACKED_ENDS:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""
