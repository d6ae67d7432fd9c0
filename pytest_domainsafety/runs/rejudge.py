"""A stored run judged again, as a run of its own with results of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pytest_domainsafety.analysis import build_results, judge_agreement
from pytest_domainsafety.engine import Plan, judge_warnings
from pytest_domainsafety.engine.rejudge import judge_again, new_run_name
from pytest_domainsafety.runs.sources import (
    Source,
    load_results,
    open_records,
    policy_of,
    settings_of,
)
from pytest_domainsafety.store import Store
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.types import Results


def rejudge_run(
    source: Source,
    judge: str,
    suites: Mapping[str, LoadedSuite],
    told: Mapping[str, Any],
) -> Results:
    """Judge a run of a store again, and keep what comes of it in the same store.

    Args:
        source: The run.
        judge: As typed.
        suites: By domain.
        told: ``endpoint``, ``concurrency``, ``timeout``, ``fresh``,
            ``strict_judge`` and ``allow_self_judge``.

    Returns:
        The new run's results, by the old one's settings and thresholds, with the
        agreement of the two judges; ``run["failed_judgements"]`` counts the
        replies whose judge failed.

    Raises:
        DomainSafetyError: Store, judge or suite can't be used.
    """
    assert source.run is not None
    with Store(source.path, create=False) as store:
        manifest = next(
            one["manifest"] for one in store.runs() if one["run"] == source.run
        )
        sampling = manifest.get("sampling", {})
        plan = Plan(
            run=new_run_name(source.run),
            models=tuple(manifest.get("models", {})),
            judges=(judge,),
            store=source.path,
            seed=sampling.get("seed", 42),
            concurrency=told["concurrency"],
            endpoints=tuple(told["endpoint"]),
            timeout_s=told["timeout"],
            fresh=told["fresh"],
            strict_judge=told["strict_judge"],
            allow_self_judge=told["allow_self_judge"],
        )
        found = judge_again(store, source.run, plan, suites, manifest)
        new = dict(manifest) | {
            "run": plan.run,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "rejudged_from": source.run,
            "judges": {judge: found.judge},
            "second_judge": {},
            "judge_reasoning": False,
            "suites": _with_rubrics(manifest.get("suites", {}), suites),
            "cost": asdict(found.tally),
            "failed_judgements": len(found.failed),
        }
        results = _results(source, new, found.records, found.failed)
        store.begin_run(plan.run, new)
        store.keep_records(found.records)
        store.finish_run(plan.run, results.model_dump(mode="json", by_alias=True))
    return results


def _results(
    source: Source,
    manifest: dict[str, Any],
    rows: list[Any],
    failed: list[str],
) -> Results:
    records = [record for record, _ in rows]
    settings = settings_of(manifest)
    before = list(open_records([source]))
    results = build_results(
        records, settings, policy_of(load_results(source)), manifest
    )
    agreement = judge_agreement(before, records, settings)
    names = [next((r.judge for r in some if r.judge), "") for some in (before, records)]
    warnings = [*judge_warnings(manifest["judges"]), *results.warnings]
    if failed:
        warnings.insert(0, f"{len(failed)} replies could not be judged: {failed[0]}")
    told = {"judges": names, "confidence": settings.confidence} | agreement
    return results.model_copy(
        update={
            "agreement": told if agreement["overall"]["n"] else None,
            "warnings": tuple(warnings),
        }
    )


def _with_rubrics(
    suites: Mapping[str, Mapping[str, Any]], used: Mapping[str, LoadedSuite]
) -> dict[str, Any]:
    """Return the manifest's suites with the rubrics that were used this time."""
    return {
        display: dict(told)
        | (
            {"rubric": used[told["domain"]].rubric_hash}
            if told.get("domain") in used
            else {}
        )
        for display, told in suites.items()
    }
