"""Records and preference pairs for other tools; text only where it is asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from pytest_domainsafety.analysis.agreement import cell_of
from pytest_domainsafety.errors import ConfigError, SourceError
from pytest_domainsafety.files import replacing, unwritable
from pytest_domainsafety.reporting.escape import cell, json_text
from pytest_domainsafety.runs.sources import Source, load_manifest, open_records
from pytest_domainsafety.store import Exchange, Store
from pytest_domainsafety.subjects import model_of
from pytest_domainsafety.text import clean, fingerprint
from pytest_domainsafety.types import (
    COMPLIES_AT,
    IDENTIFIES_AT,
    STRONG_REFUSAL_AT,
    Record,
)

FORMATS = (".jsonl", ".csv", ".parquet")
# Rows of a Parquet row group: so many are held in memory.
_AT_ONCE = 20_000


def format_of(path: Path) -> str:
    """Return the format that a file's name asks for.

    Raises:
        ConfigError: The name ends in none that is known.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    return suffix


# ── records ─────────────────────────────────────────────────────────────────


def export_records(sources: Sequence[Source], path: Path, *, text: bool = False) -> int:
    """Write records as JSONL, CSV or Parquet; memory does not grow with them.

    Args:
        sources: Stores and record files.
        path: The file; its name tells the format.
        text: Whether to add the model's answers, which only stores have.

    Returns:
        How many records were written.

    Raises:
        ConfigError: The file can't be written, or an extra is not installed.
        SourceError: A source holds no records, or no text.
        StoreError: A store can't be read, or holds hashes alone.
    """
    write = {".jsonl": write_jsonl, ".csv": _csv, ".parquet": _parquet}[format_of(path)]
    rows = (_row(record) for record in _records(sources, text=text))
    return write(path, rows)


def lost_notes(sources: Sequence[Source], path: Path) -> Iterator[str]:
    """Yield what no record tells of how a run's gates were held, a sentence a source.

    Raises:
        SourceError: A store's manifest does not hold what it should.
        StoreError: A store can't be read.
    """
    for source in sources:
        run = load_manifest(source)
        held = []
        if run.retold is not None and run.retold.gate:
            held.append("held to the widest limit over all ways of asking its judge")
        if run.labels is not None:
            held.append("corrected by labels")
        if held:
            yield (
                f"{source}: its gates were {' and '.join(held)}, which no record "
                f"tells: domainsafety analyze {path} may pass what the run did not; "
                "its verdict is that of the store"
            )


def _records(sources: Sequence[Source], *, text: bool) -> Iterator[Record]:
    if not text:
        yield from open_records(sources)
        return
    for source in sources:
        yield from _with_text(source)


def _with_text(source: Source) -> Iterator[Record]:
    if source.kind != "store":
        raise SourceError(f"{source}: only a store holds prompts and replies")
    with Store(source.path, read_only=True) as store:
        # Both come in the same order; what was never answered has no exchange.
        exchanges = store.exchanges(source.run)
        exchange = next(exchanges, None)
        for record in store.records(source.run):
            text = ""
            if exchange is not None and cell_of(exchange.record) == cell_of(record):
                text = "\n\n".join(filter(None, exchange.replies))
                exchange = next(exchanges, None)
            yield record.model_copy(update={"text": text})


def _row(record: Record) -> dict[str, Any]:
    row = record.model_dump(mode="json")
    if record.text is None:
        del row["text"]
    return row


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows, one JSON object a line; return how many."""
    count = 0
    with _text(path) as file:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one counts
            file.write(json_text(row, indent=None) + "\n")
    return count


def _csv(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with _text(path) as file:
        writer = csv.DictWriter(file, list(Record.model_fields), restval="")
        writer.writeheader()
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one counts
            row["tags"] = " ".join(row["tags"])
            flat = {name: _flat(value) for name, value in row.items()}
            writer.writerow(
                {
                    name: cell(value) if isinstance(value, str) else value
                    for name, value in flat.items()
                }
            )
    return count


def _flat(value: Any) -> Any:
    """Return what one field of a table can hold: what is nested as JSON."""
    if isinstance(value, dict | list):
        return json_text(value, indent=None) if value else ""
    return value


def _parquet(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            f"{path}: Parquet needs pyarrow: pip install 'pytest-domainsafety[parquet]'"
        ) from None
    schema = _arrow_schema(pa)
    count, remaining = 0, iter(rows)
    with (
        replacing_file(path) as file,
        parquet.ParquetWriter(file, schema) as writer,
    ):
        while batch := list(islice(remaining, _AT_ONCE)):
            for row in batch:
                tags = row.pop("tags")
                row |= {name: _flat(value) for name, value in row.items()}
                row |= {k: clean(v)[0] for k, v in row.items() if isinstance(v, str)}
                row["tags"] = tags
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _arrow_schema(pa: Any) -> Any:
    whole = {
        "replication",
        "turn",
        "seed",
        "tokens_in",
        "tokens_out",
        "contradictions",
        "unproven",
    }
    scores = {"harm_identification", "refusal", "guidance"}
    kinds = {name: pa.int64() for name in whole} | {name: pa.int8() for name in scores}
    kinds |= {"tags": pa.list_(pa.string()), "latency_s": pa.float64()}
    kinds["zero_tolerance"] = pa.bool_()
    names = Record.model_fields
    return pa.schema([(name, kinds.get(name, pa.string())) for name in names])


@contextmanager
def replacing_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that is there whole in the end, or not at all.

    Raises:
        ConfigError: It can't be written.
    """
    try:
        with replacing(path) as file:
            yield file
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None


@contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    with replacing_file(path) as file:
        text = io.TextIOWrapper(file, "utf-8", "replace", newline="")
        yield text
        text.flush()
        text.detach()


# ── preference pairs ────────────────────────────────────────────────────────


def export_preferences(source: Source, path: Path, *, text: bool = False) -> int:
    """Write pairs for framing-invariant fine-tuning, one JSON object a line.

    Every operational answer that complied is `rejected`; `chosen` is the model's
    own refusal of the same prompt (the strongest one) where it gave any, else its
    analytical answer to the same harm, where that identifies the harm.

    Args:
        source: A store.
        path: The JSONL file.
        text: Whether to write prompts and answers, or their hashes alone.

    Returns:
        How many pairs were written.

    Raises:
        ConfigError: The file can't be written.
        SourceError: The source is no store.
        StoreError: It can't be read, or holds hashes alone.
    """
    if source.kind != "store":
        raise SourceError(f"{source}: preference pairs need the store of a run")
    if path.suffix.lower() != ".jsonl":
        raise ConfigError(f"{path}: expected a name that ends in .jsonl")
    with Store(source.path, read_only=True) as store:
        pairs = _pairs(store.exchanges(source.run))
        return write_jsonl(path, (_preference(*pair, text=text) for pair in pairs))


def _pairs(
    exchanges: Iterable[Exchange],
) -> Iterator[tuple[Exchange, Exchange, str]]:
    """Yield (rejected, chosen, where the chosen one comes from)."""

    def scenario(exchange: Exchange) -> tuple[str, str, str]:
        return exchange.record.model, exchange.record.domain, exchange.record.scenario

    for _, group in groupby(exchanges, scenario):
        answers = [
            exchange
            for exchange in group
            if exchange.record.scored and exchange.replies[-1]
        ]
        for rejected in answers:
            if rejected.record.framing == "operational" and rejected.record.complies:
                chosen = _chosen(rejected, answers)
                if chosen is not None:
                    yield rejected, *chosen


def _chosen(
    rejected: Exchange, answers: Sequence[Exchange]
) -> tuple[Exchange, str] | None:
    safe = [
        exchange
        for exchange in answers
        if (exchange.record.guidance or 0) < COMPLIES_AT
    ]
    own = [
        exchange
        for exchange in safe
        if exchange.record.framing == "operational"
        and exchange.record.variant == rejected.record.variant
        and (exchange.record.refusal or 0) >= STRONG_REFUSAL_AT
    ]
    if own:
        return max(own, key=lambda exchange: exchange.record.refusal or 0), "refusal"
    analytical = [
        exchange
        for exchange in safe
        if exchange.record.framing == "analytical"
        and (exchange.record.harm_identification or 0) >= IDENTIFIES_AT
    ]
    if analytical:
        known = max(
            analytical, key=lambda exchange: exchange.record.harm_identification or 0
        )
        return known, "analytical"
    return None


def _preference(
    rejected: Exchange, chosen: Exchange, origin: str, *, text: bool
) -> dict[str, Any]:
    record = rejected.record
    row: dict[str, Any] = {
        name: getattr(record, name)
        for name in ("run", "model", "domain", "subdomain", "scenario", "variant")
    } | {"model": model_of(record.model, record.condition)}
    if record.condition:
        row["condition"] = record.condition
    row |= {
        "chosen_from": origin,
        "chosen_replication": chosen.record.replication,
        "rejected_replication": record.replication,
        "prompt_hash": record.prompt_hash,
        "chosen_hash": fingerprint("reply", chosen.replies[-1]),
        "rejected_hash": fingerprint("reply", rejected.replies[-1]),
        "chosen_scores": _scores(chosen.record),
        "rejected_scores": _scores(record),
    }
    if text:
        row |= {
            "prompt": _conversation(rejected),
            "chosen": [{"role": "assistant", "content": chosen.replies[-1]}],
            "rejected": [{"role": "assistant", "content": rejected.replies[-1]}],
        }
    return row


def _scores(record: Record) -> dict[str, int | None]:
    names = ("harm_identification", "refusal", "guidance")
    return {name: getattr(record, name) for name in names}


def _conversation(exchange: Exchange) -> list[dict[str, str]]:
    """Return all that was said before the last answer."""
    turns = [("system", exchange.system)] if exchange.system is not None else []
    for place, turn in enumerate(exchange.prompt):
        turns.append(("user", turn))
        if place < len(exchange.prompt) - 1:
            turns.append(("assistant", exchange.replies[place]))
    return [{"role": role, "content": content or ""} for role, content in turns]
