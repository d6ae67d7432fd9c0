"""What a file is, read off its content and not its name: store, results or records."""

from __future__ import annotations

import json
from glob import glob, has_magic
from pathlib import Path
from typing import Literal

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.files import unreadable
from pytest_domainsafety.runs.packed import DAMAGED, damaged, plain_suffix, unpacked
from pytest_domainsafety.runs.record_files import BOM_16, PARQUET, TABLES

FileKind = Literal["store", "results", "records"]

FILE_KINDS = (
    "a store, a results file (--safety-json) or records (JSONL, CSV, TSV or Parquet)"
)
"""All three, for a sentence that says what was expected."""
_OF_RECORDS = (".parquet", ".pq", ".jsonl", ".ndjson", *TABLES)
"""How files of records in a folder are named."""
_SQLITE = b"SQLite format 3\x00"
_ZIP = b"PK\x03\x04"
"""How every SQLite file begins (https://sqlite.org/fileformat.html#the_database_header)."""


def kind_of(path: Path) -> FileKind:
    """Return what is in a file.

    Raises:
        SourceError: It is not to be had, or nothing of ours.
    """
    if path.is_dir():
        raise SourceError(
            f"{path}: is a folder; expected {FILE_KINDS}{_store_in(path)}"
        )
    if not path.exists():
        raise SourceError(f"{path}: there is no such file; expected {FILE_KINDS}")
    if path.is_char_device() or path.is_block_device():  # it may never end
        raise SourceError(f"{path}: is a device; expected {FILE_KINDS}")
    if not path.is_file():  # a pipe can be read once, so it isn't looked into
        return "records"
    head = _head_of(path)
    if head.startswith(_SQLITE):
        return "store"
    if head.startswith((PARQUET, *BOM_16)):
        return "records"
    if head.startswith(_ZIP):
        raise SourceError(
            f"{path}: is a ZIP file, perhaps a workbook: save its table as CSV; "
            f"expected {FILE_KINDS}"
        )
    if not head.strip():
        raise SourceError(f"{path}: is empty; expected {FILE_KINDS}")
    if b"\x00" in head:
        raise SourceError(f"{path}: is binary, but no store; expected {FILE_KINDS}")
    if plain_suffix(path) in TABLES:
        return "records"
    return "results" if _looks_like_results(head) else "records"


def files_of(named: str) -> list[str]:
    """Return the files that are meant by a name: of a folder or pattern, its records.

    What begins with a dot or an underscore is no data, by the custom of those who
    write folders of Parquet. Any other name is returned as it is.

    Raises:
        SourceError: A pattern that fits no file.
    """
    path = Path(named)
    if path.is_dir():
        if _store_in(path):  # never just left out
            return [named]
        found = [file for file in path.rglob("*") if plain_suffix(file) in _OF_RECORDS]
    elif path.exists() or not has_magic(named) or "#" in named:
        return [named]
    else:
        found = [Path(file) for file in glob(named, recursive=True)]
        if not found:
            raise SourceError(f"{named}: no file fits this; expected {FILE_KINDS}")
    parts = (file for file in sorted(found) if file.is_file())
    names = [str(file) for file in parts if file.name[0] not in "._"]
    return names or [named]


def _head_of(path: Path) -> bytes:
    """Return how a file begins, unpacked where it is compressed."""
    try:
        with unpacked(path) as file:
            return file.read(2**16)
    except DAMAGED:
        raise SourceError(damaged(path)) from None
    except OSError as error:
        raise SourceError(unreadable(path, error)) from None


def _store_in(folder: Path) -> str:
    for place in ("store.db", ".domainsafety/store.db"):
        if (folder / place).is_file():
            return f", perhaps {folder / place}"
    return ""


def _looks_like_results(head: bytes) -> bool:
    """Whether it is one document; records are one complete object a line."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    first = text.partition("\n")[0].strip()
    if first == "{":
        return True
    if first.startswith("["):  # records in one array
        return False
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):
        # Longer than what was read: a record is not.
        return first.startswith("{") and '"domains"' in first
    return isinstance(document, dict) and "domains" in document
