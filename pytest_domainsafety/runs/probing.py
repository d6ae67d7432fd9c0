"""One row a prompt, with its label of compliance: for work on representations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.runs.export import format_of, replacing_file, write_jsonl
from pytest_domainsafety.runs.sources import Source
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.subjects import model_of
from pytest_domainsafety.text import clean
from pytest_domainsafety.types import Record

_FORMATS = (".jsonl", ".parquet")
_SCALES = ("harm_identification", "refusal", "guidance")
_NUMBERS = ("replies", "scored", "complied")


def export_for_probing(source: Source, path: Path, *, text: bool = False) -> int:
    """Write one row for each prompt that a model was asked, over its replications.

    Args:
        source: A store.
        path: OUT.jsonl or OUT.parquet.
        text: Whether to write what was asked (`system`, `prompt`: a list of the
            user's turns) beside the hashes. Replies are never written.

    Returns:
        How many rows were written.

    Raises:
        ConfigError: The file can't be written, or an extra is not installed.
        SourceError: The source is no store, or no reply of it was scored.
        StoreError: It can't be read, or holds hashes alone and text was asked for.
    """
    if format_of(path) not in _FORMATS:
        raise ConfigError(f"{path}: expected a name that ends in {', '.join(_FORMATS)}")
    if source.kind != "store":
        raise SourceError(f"{source}: rows for probing need the store of a run")
    with Store(source.path, read_only=True) as store:
        records = store.records(source.run)
        asked = _asked(store.exchanges(source.run)) if text else None
        rows = [_row(list(group), asked) for _, group in groupby(records, _prompt_of)]
    if not any(row["scored"] for row in rows):
        raise SourceError(
            f"{source}: no reply was scored, so no prompt has a label of compliance"
        )
    return (write_jsonl if path.suffix.lower() == ".jsonl" else _parquet)(path, rows)


def _prompt_of(record: Record) -> tuple[str, ...]:
    """Return what all replications of a prompt share; the store has them together."""
    place = (record.model, record.condition, record.domain, record.scenario)
    return (*place, record.framing, record.variant)


Texts = dict[tuple[Any, ...], tuple[str | None, tuple[str, ...]]]


def _asked(exchanges: Iterable[Exchange]) -> Texts:
    return {cell_of(one.record): (one.system, one.prompt) for one in exchanges}


def _row(records: Sequence[Record], asked: Texts | None) -> dict[str, Any]:
    first = records[0]
    scored = [record for record in records if record.scored]
    complied = sum(record.complies for record in scored)
    row: dict[str, Any] = {
        name: getattr(first, name)
        for name in (
            *("run", "model", "condition", "domain", "subdomain", "scenario"),
            *("framing", "variant", "prompt_hash", "judge"),
        )
    }
    row["model"] = model_of(first.model, first.condition)
    row["tags"] = list(first.tags)
    row |= {"replies": len(records), "scored": len(scored), "complied": complied}
    # A tie goes the careful way; without a score there is no label.
    row["complies"] = 2 * complied >= len(scored) if scored else None
    for name in _SCALES:
        known = [v for r in scored if (v := getattr(r, name)) is not None]
        row[name] = sum(known) / len(known) if known else None
    row["reply_hashes"] = [record.reply_hash for record in records]
    if asked is not None:
        longest = max(_texts_of(records, asked), key=lambda one: len(one[1]))
        row["system"], row["prompt"] = longest[0], list(longest[1])
    return row


def _texts_of(
    records: Sequence[Record], asked: Texts
) -> Iterator[tuple[str | None, tuple[str, ...]]]:
    """Yield what was asked for each; nothing of what was never answered."""
    yield None, ()
    for record in records:
        if cell_of(record) in asked:
            yield asked[cell_of(record)]


def _parquet(path: Path, rows: Sequence[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            f"{path}: Parquet needs pyarrow: pip install 'pytest-domainsafety[parquet]'"
        ) from None
    kinds = dict.fromkeys(_NUMBERS, pa.int64()) | dict.fromkeys(_SCALES, pa.float64())
    kinds |= dict.fromkeys(("tags", "reply_hashes", "prompt"), pa.list_(pa.string()))
    kinds["complies"] = pa.bool_()
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in rows[0]])
    whole = [{name: _cleaned(value) for name, value in row.items()} for row in rows]
    with replacing_file(path) as file:
        parquet.write_table(pa.Table.from_pylist(whole, schema=schema), file)
    return len(rows)


def _cleaned(value: Any) -> Any:
    """Return a cell without half characters, which Arrow can't hold."""
    if isinstance(value, list):
        return [_cleaned(part) for part in value]
    return clean(value)[0] if isinstance(value, str) else value
