"""The runs of a store, one line each: what `domainsafety runs` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pytest_domainsafety.analysis.gate import FAILED, PASSED, status_of
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.runs.sources import results_of
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Manifest, Results, RunKind

Verdict = Literal["passed", "failed", "not measured", "unsound"]


class RunLine(NamedTuple):
    """One run of a store.

    Attributes:
        started: Date and time, ISO 8601.
        kind: What may be made of it: a card, a trend and a baseline take `full`.
        judges: Whose scores its gates are judged on.
        pairs: Scenario pairs that it set out to ask, over its models.
        finished: Whether it ended.
        verdict: Of all its gates; None where it did not end; `unsound` where its
            results contradict themselves.
    """

    run: str
    started: str
    kind: RunKind
    models: tuple[str, ...]
    judges: tuple[str, ...]
    pairs: int
    finished: bool
    verdict: Verdict | None


def list_runs(path: Path) -> Iterator[RunLine]:
    """Yield the runs of a store, oldest first.

    Raises:
        StoreError: It can't be read.
    """
    with Store(path, read_only=True) as store:
        for head in store.run_heads():
            manifest, results = head.manifest, None
            if head.finished is not None:
                results = store.run(head.run)["results"]
            yield RunLine(
                head.run,
                manifest.started or _date(head.started),
                kind_of_run(head.run, manifest),
                tuple(manifest.models),
                tuple(manifest.judges),
                _pairs(manifest, results),
                head.finished is not None,
                None if results is None else _verdict(path, head.run, results),
            )


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _pairs(manifest: Manifest, results: Mapping[str, Any] | None) -> int:
    if manifest.expected:
        return sum(
            len(scenarios)
            for domains in manifest.expected.values()
            for scenarios in domains.values()
        )
    return sum(domain.get("pairs", 0) for domain in (results or {}).get("domains", ()))


def _verdict(path: Path, run: str, document: Mapping[str, Any]) -> Verdict:
    try:
        results: Results = results_of(f"{path}#{run}", document)
    except SourceError:
        return "unsound"
    status = status_of(results)
    if status == PASSED:
        return "passed" if results.passed else "not measured"
    return "failed" if status == FAILED else "not measured"
