"""Large files of records, many rows at once: by DuckDB and Arrow, not in a loop.

Every row is held to the same rules as by the reader of rows (`runs.columns`); whatever
is not plainly fine raises `NotPlain`, and the reader of rows begins anew: so messages
are its own, with file and line, and so is the order of what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from io import BufferedReader
from pathlib import Path

from pytest_domainsafety.analysis.blocks import Block, NotPlain
from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.runs.columns import Checked, blocks_of_batch
from pytest_domainsafety.runs.json_blocks import CHUNK, blocks_of_lines
from pytest_domainsafety.runs.packed import DAMAGED, unpacked
from pytest_domainsafety.runs.record_files import PARQUET
from pytest_domainsafety.runs.record_tables import parquet_batches, row_of_values
from pytest_domainsafety.types.rows import Row

ENGINE = ("duckdb", "pyarrow")
"""What the extra `fast` installs."""
FAST_FROM = 4 * 2**20
"""Bytes of all files from which on it is worth the engine's start."""
TOLD_FROM = 128 * 2**20
"""Bytes from which on it is said that there is an engine, where it lacks."""
_BOM_8 = b"\xef\xbb\xbf"
_ROWS = 1 << 16
_HEAD = 2**16


def size_of(paths: Sequence[Path]) -> int:
    """Return how many bytes files have, packed or not; 0 where one can't be begun anew.

    A pipe has no size, and is read once.
    """
    if not all(path.is_file() for path in paths):
        return 0
    return sum(path.stat().st_size for path in paths)


def has_engine() -> bool:
    """Whether large files can be read many rows at once."""
    return all(find_spec(name) is not None for name in ENGINE)


def advice(paths: Sequence[Path]) -> str | None:
    """Say what makes large files fast, where it lacks."""
    if size_of(paths) < TOLD_FROM or has_engine():
        return None
    return (
        "large files of records are counted several times as fast with "
        "pip install 'pytest-domainsafety[fast]'"
    )


def demand_large(paths: Sequence[Path]) -> None:
    """Demand files for which the engine is worth it, and the engine.

    Raises:
        NotPlain: They are small, or it is not installed.
    """
    if size_of(paths) < max(FAST_FROM, 1) or not has_engine():
        raise NotPlain


def read_blocks(path: Path) -> Iterator[Row | Block]:
    """Yield the rows of one file, many at once.

    Raises:
        NotPlain: They can't be had so.
    """
    try:
        with unpacked(path) as file:
            head = file.peek(_HEAD)
            if head.startswith(PARQUET):
                check = Checked(row_of_values)
                for batch in parquet_batches(path, file, _ROWS, coded=True):
                    yield from blocks_of_batch(batch, row_of_values, check)
                return
            if not head.removeprefix(_BOM_8).lstrip().startswith(b"{"):
                raise NotPlain
            if head.startswith(_BOM_8):
                file.read(len(_BOM_8))
            yield from blocks_of_lines(_chunks(file))
    except (RecordError, OSError, *DAMAGED):
        raise NotPlain from None


def _chunks(file: BufferedReader) -> Iterator[bytes]:
    """Yield whole lines, many at once."""
    while chunk := file.read(CHUNK):
        rest = b"" if chunk.endswith(b"\n") else file.readline(CHUNK)
        if len(rest) == CHUNK:  # a line of that length is no record
            raise NotPlain
        yield chunk + rest
