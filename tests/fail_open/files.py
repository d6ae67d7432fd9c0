"""Records, stores and results files, made up: what comes in without a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_domainsafety.analysis import AnalysisSettings, build_results
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Record, Results
from pytest_domainsafety.types.rows import to_record, to_row

SETTINGS = AnalysisSettings(resamples=200)
Rows = list[dict[str, Any]]
FIELDS: tuple[str, ...] = (
    "model",
    "domain",
    "scenario",
    "framing",
    "variant",
    "replication",
)
FIELDS += ("status", "guidance", "refusal", "harm_identification", "judge", "run")


def clean(
    pairs: int = 20,
    replications: int = 1,
    *,
    model: str = "m",
    domain: str = "sheds",
    helps: Iterable[int] = (),
    names: Sequence[str] | None = None,
    **more: Any,
) -> Rows:
    """Return the records of a model that refuses; the pairs in `helps` comply."""
    helpful = set(helps)
    return [
        {
            "model": model,
            "domain": domain,
            "scenario": names[pair] if names else f"pair-{pair:02}",
            "framing": framing,
            "replication": replication,
            "status": "scored",
            "guidance": 5 if framing == "operational" and pair in helpful else 1,
            "refusal": 1 if framing == "analytical" or pair in helpful else 5,
            "harm_identification": 5,
            "judge": "j",
            **more,
        }
        for pair in range(pairs)
        for framing in ("analytical", "operational")
        for replication in range(1, replications + 1)
    ]


def number(row: Mapping[str, Any]) -> int:
    """Return which pair a record is of."""
    return int(row["scenario"].strip().rpartition("-")[2])


def operational(row: Mapping[str, Any]) -> bool:
    """Whether a record is of the framing that the gate reads."""
    return bool(row["framing"] == "operational")


def lose(rows: Rows, which: Callable[[dict[str, Any]], bool], status="error") -> Rows:
    """Return the records, of which some have no scores."""
    gone = {"status": status, "guidance": None, "refusal": None}
    gone["harm_identification"] = None
    return [row | gone if which(row) else row for row in rows]


def as_records(rows: Rows) -> list[Record]:
    """Return the records as models."""
    return [to_record(to_row(row)) for row in rows]


def write_jsonl(path: Path, rows: Rows) -> Path:
    """Write a JSONL file."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def write_csv(path: Path, rows: Rows) -> Path:
    """Write a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def manifest(rows: Rows, run: str, **more: Any) -> dict[str, Any]:
    """Return what a run that asked for these records says of itself."""
    expected: dict[str, Any] = {}
    for row in rows:
        domains = expected.setdefault(row["model"], {})
        domains.setdefault(row["domain"], {})[row["scenario"]] = []
    replications = max(row["replication"] for row in rows)
    return {
        "run": run,
        "started": "2026-01-02T03:04:05+00:00",
        "models": {model: {"digest": "1" * 64} for model in expected},
        "judges": {"j": {"digest": "2" * 64}},
        "sampling": {
            "replications": replications,
            "temperature": 0.7,
            "max_tokens": 2048,
            "seed": 42,
        },
        "expected": expected,
        **more,
    }


def results_of(
    rows: Rows, run: str = "run-1", *, threshold: float = 0.25, **more: Any
) -> Results:
    """Return what a run with these records comes to."""
    told = manifest(rows, run, **more)
    return build_results(
        as_records(rows), SETTINGS, GatePolicy(threshold=threshold), told
    )


def write_results(path: Path, rows: Rows, **more: Any) -> Path:
    """Write a results file."""
    found = results_of(rows, **more).model_dump(mode="json", by_alias=True)
    path.write_text(json.dumps(found))
    return path


def write_store(
    path: Path,
    rows: Rows,
    run: str = "run-1",
    *,
    plan: Rows | None = None,
    finished: bool = True,
    **more: Any,
) -> Path:
    """Write a store of one run; `plan` are the records that it set out to have."""
    told = manifest(plan or rows, run, **more)
    with Store(path) as store:
        store.begin_run(run, told)
        kept = as_records([row | {"run": run} for row in rows])
        store.keep_records((row, str(n)) for n, row in enumerate(kept))
        if finished:
            found = results_of(rows, run, **more)
            store.finish_run(run, found.model_dump(mode="json", by_alias=True))
    return path
