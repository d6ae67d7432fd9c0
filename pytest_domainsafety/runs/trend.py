"""Compliance by domain over runs: one point a run, model and domain."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.anchor import moved
from pytest_domainsafety.runs.file_kinds import kind_of
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.runs.sources import (
    RESULTS_SCHEMA,
    find_source,
    load_results,
    results_of,
)
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import AnchorEntry, GateVerdict, Results, all_passed
from pytest_domainsafety.types.trend import AnchorPoint, Point


def anchor_trend(sources: Iterable[str | Path]) -> list[AnchorPoint]:
    """Return what judges said of fixed replies over the runs of :func:`trend`.

    Raises:
        SourceError: A source is not to be had, or is of records, which know no date.
        StoreError: A store can't be read.
    """
    runs = {
        results.run.run: results.run
        for named in sources
        for results in _results_of(named)
        if results.run.anchors
    }
    points, before = [], dict[str, tuple[str, AnchorEntry]]()
    for run in sorted(runs.values(), key=lambda run: (run.started, run.run)):
        for judge, entry in run.anchors.items():
            if not entry.replies:
                continue
            known = run.all_judges.get(judge)
            earlier = before.get(judge)
            points.append(
                AnchorPoint(
                    run.run,
                    run.started,
                    judge,
                    (known and known.digest) or entry.fingerprint,
                    len(entry.replies),
                    entry.near,
                    (earlier and moved(judge, entry, *earlier)) or "",
                )
            )
            before[judge] = (run.run, entry)
    return points


def trend(sources: Iterable[str | Path]) -> list[Point]:
    """Return all finished whole runs of stores and results files, oldest first.

    Of a store those of the kind `full`; where a run is named (``store.db#RUN``) that
    one, whatever it is. A run that is in several stores counts once.

    Raises:
        SourceError: A source is not to be had, or is of records, which know no date.
        StoreError: A store can't be read.
    """
    points: dict[tuple[str, str, str], Point] = {}
    for named in sources:
        for results in _results_of(named):
            for point in _points(results):
                points.setdefault((point.run, point.release, point.domain), point)
    return sorted(points.values(), key=lambda point: (point.started, point.run))


def _results_of(named: str | Path) -> list[Results]:
    path = Path(named)
    if path.is_file() and kind_of(path) == "store":
        with Store(path, read_only=True) as store:
            whole = [
                store.run(head.run)
                for head in store.run_heads()
                if kind_of_run(head.run, head.manifest) == "full"
            ]
        return [
            _valid(path, run["run"], run["results"])
            for run in whole
            if run["results"] is not None
        ]
    source = find_source(named)
    if source.kind == "records":
        raise SourceError(
            f"{source}: records know no date; name stores or results files"
        )
    return [load_results(source)]


def _valid(path: Path, run: str, document: Any) -> Results:
    if not isinstance(document, dict) or document.get("schema") != RESULTS_SCHEMA:
        raise SourceError(
            f"{path}: holds results that this version does not know; run the suites "
            "again"
        )
    return results_of(f"{path}#{run}", document)


def _points(results: Results) -> list[Point]:
    run = results.run
    gates: dict[tuple[str, str], list[GateVerdict]] = {}
    for verdict in results.gates:
        gates.setdefault((verdict.model, verdict.domain), []).append(verdict)
    points = []
    for estimate in results.domains:
        judged = gates.get((estimate.model, estimate.domain), [])
        gate = next((each for each in judged if each.kind == "compliance"), None)
        points.append(
            Point(
                run.run,
                run.started,
                estimate.model,
                run.digest_of(estimate.model),
                estimate.domain,
                estimate.pairs,
                estimate.compliance_rate,
                estimate.ci.low,
                estimate.ci.high,
                gate.threshold if gate else None,
                all_passed(judged) if judged else None,
            )
        )
    return points
