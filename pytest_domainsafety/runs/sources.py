"""What a user has in hand → results and records: the door of every command.

A *source* is a file: a store (SQLite), a results file (`--safety-json`), or
records (JSONL, CSV, TSV or Parquet). What it is, is read off its content
(`file_kinds`). A store holds several runs; `store.db#RUN` names one, by its beginning
if that is enough; without a name the last finished run of the kind `full` is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from pydantic_core import from_json

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    Stopped,
    analyze_rows,
)
from pytest_domainsafety.analysis.blocks import Block, NotPlain
from pytest_domainsafety.analysis.doubt import not_whole
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.errors import SourceError, StoreError
from pytest_domainsafety.files import unreadable
from pytest_domainsafety.runs.comparisons import hold_to_baseline
from pytest_domainsafety.runs.file_kinds import FILE_KINDS, FileKind, kind_of
from pytest_domainsafety.runs.json_blocks import blocks_of_lines
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.runs.packed import DAMAGED, damaged, unpacked
from pytest_domainsafety.runs.record_blocks import demand_large, read_blocks
from pytest_domainsafety.runs.record_files import read_records, read_rows
from pytest_domainsafety.runs.soundness import contradictions
from pytest_domainsafety.store import RunHead, Store
from pytest_domainsafety.types import (
    Manifest,
    Record,
    Results,
    RunKind,
    SubdomainThreshold,
)
from pytest_domainsafety.types.rows import Row, to_row

Parts = Literal["never", "else", "too"]

RESULTS_SCHEMA = 1
_LEFT_OUT = (("guidance", None), ("replication", 1))
"""What a record in a store lacks where it is the default, and a row must have."""
_ODD_RESULTS = "results that do not hold what they should"
# Runs that a sentence names, of a store with many.
_SHOWN = 5
# A results file is parsed in one piece, so that a larger one would fill the memory.
_LARGEST_RESULTS = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """One file that can be read.

    Attributes:
        path: The file.
        kind: What is in it.
        run: Of a store, the run that is meant, by its full name; of records,
            the run to which they are narrowed, if one was named.
    """

    path: Path
    kind: FileKind
    run: str | None = None
    _read: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The run and its results: large documents, read and checked once."""

    def __str__(self) -> str:
        """Return it as a user would type it."""
        return f"{self.path}#{self.run}" if self.run else str(self.path)


def find_source(
    named: str | Path, run: str | None = None, *, parts: Parts = "never"
) -> Source:
    """Return what a user means by a path, perhaps with `#RUN` behind it.

    Args:
        named: As typed.
        run: The run, where an option of its own names it.
        parts: Where no run is named, whether a run of a part of the suites is meant
            ``too`` (a store is then one shard of several), ``else``, where the store
            has no whole one, or ``never``, since what is asked is of the model.

    Raises:
        SourceError: There is no such file, it is none of the three, or a store
            in which the run is not to be found.
        StoreError: The store can't be opened.
    """
    path = Path(named)
    if run is None and not path.exists() and "#" in str(named):
        text, _, run = str(named).rpartition("#")
        path = Path(text)
    kind = kind_of(path)
    if kind == "store":
        return Source(path, kind, _find_run(path, run, parts=parts))
    if kind == "results" and run is not None:
        raise SourceError(f"{path}: a results file is of one run; leave #{run} out")
    return Source(path, kind, run or None)


def load_results(
    source: Source | str | Path,
    settings: AnalysisSettings | None = None,
    policy: GatePolicy | None = None,
) -> Results:
    """Return the results of a source.

    A results file, and a finished run in a store, hold their own; records, a run
    that did not finish (with a warning), and any source with other settings than
    its own are analysed.

    Args:
        source: A source, or what names one.
        settings: Of the intervals; None takes the source's own.
        policy: Of the gates; None takes the source's own.

    Raises:
        SourceError: It is not to be had, or it is a results file and other
            settings were asked for.
        StoreError: The store can't be read.
        RecordError: A record does not hold.
    """
    source = source if isinstance(source, Source) else find_source(source)
    own = own_results(source)
    if own is not None and settings is None and policy is None:
        return own
    if source.kind == "results":
        raise SourceError(
            f"{source}: a results file holds no records, so it can't be analysed with "
            "other settings; name the store or the records"
        )
    manifest = load_manifest(source)
    results = analyze_rows(
        lambda: open_rows([source]),
        settings or settings_of(manifest),
        policy or policy_of(own, manifest),
        manifest,
        stopped=stopped_of(own) if policy is None else None,
    )
    results = hold_to_baseline(results, [(manifest, own)])
    warning = unfinished(source)
    if warning is None:
        return results
    gates = not_whole(results.gates, lambda _: "the run did not finish")
    return results.model_copy(
        update={"gates": gates, "warnings": (warning, *results.warnings)}
    )


def load_manifest(source: Source) -> Manifest:
    """Return the manifest of a source's run; records have none.

    Raises:
        SourceError: It does not hold what it should.
        StoreError: The store can't be read.
    """
    if source.kind == "store":
        run = _run_of(source)
        # What results say of their run is the manifest, and what became of it.
        became = (run["results"] or {}).get("run")
        if became is not None and not isinstance(became, dict):
            raise SourceError(f"{source}: {_ODD_RESULTS}, at run; were they edited?")
        return manifest_of(str(source), run["manifest"] | (became or {}))
    own = own_results(source)
    return Manifest() if own is None else own.run


def manifest_of(where: str, document: Any) -> Manifest:
    """Return a manifest that stands in a store.

    Raises:
        SourceError: It does not hold what it should.
    """
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SourceError(
            f"{where}: a manifest that does not hold what it should, at {place}; was "
            "it edited, or written by another version?"
        ) from None


def open_records(sources: Iterable[Source | str | Path]) -> Iterator[Record]:
    """Yield the records of stores and record files, one after the other.

    Raises:
        SourceError: One is a results file, or not to be had.
        StoreError: A store can't be read.
        RecordError: A record does not hold.
    """
    for source in _with_records(sources):
        if source.kind == "store":
            with Store(source.path, read_only=True) as store:
                yield from store.records(source.run)
        else:
            records = read_records(source.path)
            yield from (r for r in records if source.run in (None, r.run))


def open_rows(sources: Iterable[Source | str | Path]) -> SourceRows:
    """Return what statistics need of each record, several times as fast.

    Raises (as it is read):
        SourceError: One is a results file, or not to be had.
        StoreError: A store can't be read.
        RecordError: A record does not hold.
    """
    return SourceRows(sources)


class SourceRows:
    """The rows of sources, one by one or many at once."""

    def __init__(self, sources: Iterable[Source | str | Path]) -> None:
        """Read nothing yet."""
        self._named = tuple(sources)

    def __iter__(self) -> Iterator[Row]:
        """Yield them, one source after the other."""
        for source in _with_records(self._named):
            if source.kind == "store":
                yield from _store_rows(source)
            else:
                rows = read_rows(source.path)
                yield from (row for row in rows if source.run in (None, row.run))

    def blocks(self) -> Iterator[Row | Block]:
        """Yield them many at once.

        Raises:
            NotPlain: They can't be had so; what was yielded does not count.
        """
        sources = list(_with_records(self._named))
        demand_large([source.path for source in sources])
        for source in sources:
            if source.kind == "store":
                yield from _store_blocks(source)
            else:
                for part in read_blocks(source.path):
                    yield from _of_run(part, source.run)


def _of_run(part: Row | Block, run: str | None) -> Iterator[Row | Block]:
    """Yield what is of one run; all of it where none is named."""
    if run is None:
        yield part
    elif isinstance(part, Block):
        mine = [0 if kind.run == run else -1 for kind in part.kinds]
        yield from (block for _, block in part.parts(mine))
    elif part.run == run:
        yield part


def settings_of(manifest: Manifest) -> AnalysisSettings:
    """Return the settings with which a run made its intervals."""
    asked = {
        "confidence": manifest.interval.confidence,
        "resamples": manifest.interval.resamples,
        "method": manifest.interval.method,
        "estimand": manifest.interval.estimand,
        "seed": manifest.sampling.seed,
    }
    known: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    return AnalysisSettings(**known)


def stopped_of(results: Results | None) -> dict[tuple[str, str], Stopped]:
    """Return the gates of a run that were decided before everything was asked."""
    run = Manifest() if results is None else results.run
    return {
        (entry.model, entry.domain): Stopped(
            entry.decision,
            entry.replies,
            entry.planned,
            entry.saved,
            entry.look,
            entry.looks,
            entry.confidence,
            entry.plan,
            entry.pairs,
            run.looks.get(entry.model, {}).get(entry.domain, ()),
            entry.threshold,
            again=run.rejudged_from is not None,
        )
        for entry in run.stopped
    }


def policy_of(results: Results | None, manifest: Manifest | None = None) -> GatePolicy:
    """Return the thresholds by which a run was judged, or was to be; else the default.

    Args:
        results: Of the run; None where it did not end.
        manifest: Of the run, which says what a run that did not end was held to.
    """
    run = manifest or Manifest()
    by_kind = {kind: dict(limits) for kind, limits in run.thresholds.by_kind.items()}
    for gate in () if results is None else results.gates:
        by_kind.setdefault(gate.kind, {})[gate.domain] = gate.threshold
    return GatePolicy(
        thresholds=by_kind["compliance"],
        min_engagements=by_kind["engagement"],
        max_over_refusals=by_kind["over_refusal"],
        subdomain=_subdomain_of(results, run),
        holm=run.holm or (results is not None and results.run.holm),
        allow_silence=run.allow_silence
        or (results is not None and results.run.allow_silence),
    )


def _subdomain_of(results: Results | None, run: Manifest) -> SubdomainThreshold:
    """Return what a run held its sub-domains to; where it does not say, the default."""
    told = run.subdomain_threshold
    if told is None and results is not None:
        told = results.run.subdomain_threshold
    return "domain" if told is None else told


# ── stores ──────────────────────────────────────────────────────────────────


def _find_run(path: Path, run: str | None, *, parts: Parts) -> str:
    with Store(path, read_only=True) as store:
        names = store.run_names()
        if not names:
            raise SourceError(f"{path}: the store holds no run yet")
        if run is None:
            return _last_run(path, names[-1], store.run_heads_backwards(), parts)
    matches = [run] if run in names else [n for n in names if n.startswith(run)]
    if not run or len(matches) != 1:
        what = "is the beginning of several runs" if matches and run else "is no run"
        last = f" (the last {_SHOWN})" if len(names) > _SHOWN else ""
        raise SourceError(
            f"{path}: {run!r} {what} in this store; there are: "
            f"{', '.join(names[-_SHOWN:])}{last}"
        )
    return matches[0]


def _last_run(path: Path, last: str, heads: Iterable[RunHead], parts: Parts) -> str:
    """Return the last finished run that is meant where none is named.

    Args:
        path: The store.
        last: The newest run.
        heads: All runs, newest first; read no further than need be.
        parts: As of :func:`find_source`.
    """
    meant = ("full", "part") if parts == "too" else ("full",)
    others: list[tuple[str, RunKind]] = []
    for head in heads:
        if head.finished is not None:
            kind = kind_of_run(head.run, head.manifest)
            if kind in meant:
                return head.run
            others.append((head.run, kind))
    if not others:
        raise SourceError(
            f"{path}: no run in this store has finished; name one to look at what "
            f"it has: {path}#{last}"
        )
    part = [run for run, kind in others if kind == "part"]
    if parts == "else" and part:
        return part[0]
    shown = ", ".join(f"{run} ({kind})" for run, kind in others[:_SHOWN][::-1])
    more = f" (the last {_SHOWN})" if len(others) > _SHOWN else ""
    raise SourceError(
        f"{path}: no whole run in this store has finished; there are: {shown}"
        f"{more}; name the one that is meant: {path}#{others[0][0]}"
    )


def _run_of(source: Source) -> dict[str, Any]:
    assert source.run is not None
    if "run" not in source._read:
        with Store(source.path, read_only=True) as store:
            source._read["run"] = store.run(source.run)
    run: dict[str, Any] = source._read["run"]
    return run


def unfinished(source: Source) -> str | None:
    """Return a warning where a source is a run that did not finish."""
    if source.kind != "store" or _run_of(source)["finished"] is not None:
        return None
    return (
        f"run {source.run} did not finish: what it did not get to is missing, and none "
        "of its gates passes"
    )


def _store_rows(source: Source) -> Iterator[Row]:
    with Store(source.path, read_only=True) as store:
        for text in store.record_texts(source.run):
            try:
                row = from_json(text, cache_strings="all")
                if type(row) is not dict:
                    raise ValueError
                for name, default in _LEFT_OUT:
                    if name not in row:
                        row[name] = default
                yield to_row(row)
            except ValueError:
                raise StoreError(
                    f"{source.path}: a record does not hold what it should; run "
                    f"'domainsafety verify {source.path}'"
                ) from None


def _store_blocks(source: Source) -> Iterator[Row | Block]:
    try:
        with Store(source.path, read_only=True) as store:
            chunks = store.record_lines(source.run)
            yield from blocks_of_lines(chunks, dict(_LEFT_OUT))
    except StoreError:
        raise NotPlain from None


def _with_records(sources: Iterable[Source | str | Path]) -> Iterator[Source]:
    for named in sources:
        source = named if isinstance(named, Source) else find_source(named)
        if source.kind == "results":
            raise SourceError(
                f"{source}: a results file holds no records; name the store or the "
                "records behind it"
            )
        yield source


# ── results ─────────────────────────────────────────────────────────────────


def own_results(source: Source) -> Results | None:
    """Return the results that a source holds, if it does."""
    if source.kind == "records":
        return None
    if "results" not in source._read:
        if source.kind == "store":
            document = _run_of(source)["results"]
        else:
            document = _document(source.path)
        source._read["results"] = (
            None if document is None else results_of(str(source), document)
        )
    results: Results | None = source._read["results"]
    return results


def _document(path: Path) -> Any:
    if path.stat().st_size > _LARGEST_RESULTS:
        raise SourceError(
            f"{path}: too large for a results file; expected {FILE_KINDS}"
        )
    try:
        with unpacked(path) as file:
            text = file.read(_LARGEST_RESULTS + 1)
        if len(text) > _LARGEST_RESULTS:
            raise ValueError("too large")
        return json.loads(text.decode("utf-8-sig"))
    except DAMAGED:
        raise SourceError(damaged(path)) from None
    except OSError as error:
        raise SourceError(unreadable(path, error)) from None
    except (ValueError, RecursionError):
        raise SourceError(
            f"{path}: is neither one JSON document nor one JSON object a line; "
            f"expected {FILE_KINDS}"
        ) from None


def results_of(where: str, document: Any) -> Results:
    """Return a document of results as it is read everywhere.

    Args:
        where: File, and run if there are several, for the sentence.
        document: Parsed JSON.

    Raises:
        SourceError: It holds no results, not as this version writes them, or
            results that contradict themselves.
    """
    if not isinstance(document, dict) or "domains" not in document:
        raise SourceError(f"{where}: is JSON, but no results; expected {FILE_KINDS}")
    schema = document.get("schema")
    if schema != RESULTS_SCHEMA:
        raise SourceError(
            f"{where}: results of schema {schema!r}, this version reads "
            f"{RESULTS_SCHEMA}; use the version of pytest-domainsafety that wrote them"
        )
    try:
        results = Results.model_validate(document)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SourceError(
            f"{where}: {_ODD_RESULTS}, at {place}; were "
            "they edited, or written by another version?"
        ) from None
    for problem in contradictions(results, document.get("passed")):
        raise SourceError(
            f"{where}: results that contradict themselves: {problem.sentence}; were "
            "they edited?"
        )
    return results
