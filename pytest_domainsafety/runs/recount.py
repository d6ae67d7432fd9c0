"""Do a run's results follow from its records? Worked out again, by its own settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import isclose
from typing import Any

from pytest_domainsafety import __version__
from pytest_domainsafety.analysis import build_results
from pytest_domainsafety.errors import RecordError
from pytest_domainsafety.runs.soundness import contradictions
from pytest_domainsafety.runs.sources import policy_of, settings_of, stopped_of
from pytest_domainsafety.types import (
    DomainEstimate,
    GateVerdict,
    Manifest,
    Problem,
    ProblemKind,
    Record,
    Results,
)

_OURS = "pytest-domainsafety"
_COUNTS = ("pairs", "responses", "scored", "complied", "unscored")
_OF_A_PAIR = ("responses", "scored", "complied", "prompt_hash", "subdomain")
# Between a number that was written and the same one worked out again: rounding.
_SLACK = 1e-9
_ADDED = {"reasoning_traces"}
"""Tables that a run adds to those of its estimates."""
_SHOWN = 3
_NOT_FROM_RECORDS = ("regression",)
"""Kinds of gates that take more than this run's records: a baseline."""


def recounted(
    results: Results,
    passed: object,
    manifest: Manifest,
    records: Iterable[Record],
) -> Iterator[Problem]:
    """Yield where results are not what records come to.

    Intervals and gates are compared where this version wrote them: another one may
    have worked them out by another method. Counts are compared always.

    Args:
        results: Of the run.
        passed: What their document says of the whole.
        manifest: As the run began.
        records: All of the run, in any order; read to the end.
    """
    yield from contradictions(results, passed)
    yield from _manifest_problems(results, manifest)
    left = iter(records)
    try:
        again = _worked_out(results, manifest, left)
    except RecordError as error:
        for _ in left:  # what is wrong with the others is said, too
            continue
        yield Problem("estimate", f"its records can't be counted: {error}")
        return
    except ValueError as error:
        yield Problem("manifest", f"its settings can't be used: {error}")
        return
    same_version = manifest.versions.get(_OURS) == __version__
    yield from _estimate_problems(results, again, whole=same_version)
    if same_version:
        yield from _gate_problems(results, again)
        yield from _table_problems(results, again)


def _worked_out(
    results: Results, manifest: Manifest, records: Iterable[Record]
) -> Results:
    """Return what records come to by the settings and thresholds of their run."""
    policy = policy_of(results, manifest)
    if manifest.subdomain_threshold is None and results.run.subdomain_threshold is None:
        policy = replace(policy, subdomain="off")  # a version without such a gate
    budget, labels = results.run.budget, results.run.labels
    retold = results.run.retold
    return build_results(
        records,
        settings_of(manifest),
        policy,
        # What became of these is known at the end alone.
        manifest.with_(
            **({"budget": budget} if budget is not None else {}),
            **({"labels": labels} if labels is not None else {}),
            **({"retold": retold} if retold is not None else {}),
        ),
        selected={
            (gate.model, gate.domain): gate.selected
            for gate in results.gates
            if gate.selected is not None
        },
        legal={
            suite.domain: {
                "codification": suite.codification,
                "legal_status": suite.legal_status,
            }
            for suite in manifest.suites.values()
        },
        stopped=stopped_of(results),
    )


def was_recounted(manifest: Manifest) -> bool:
    """Whether intervals and gates of a run are compared too."""
    return manifest.versions.get(_OURS) == __version__


def _manifest_problems(results: Results, manifest: Manifest) -> Iterator[Problem]:
    """Results repeat the manifest; so one of both can't be edited alone."""
    began, ended = manifest.as_json(), results.run.as_json()
    for side in (began, ended):  # what labels tell is known at the end
        if isinstance(side.get("labels"), dict):
            side["labels"] = {k: side["labels"].get(k) for k in ("file", "hash")}
        if isinstance(side.get("retold"), dict):  # and what the judge says again
            side["retold"] = {"gate": side["retold"].get("gate")}
        if isinstance(side.get("anchors"), dict):
            side["anchors"] = sorted(side["anchors"])
    different = [name for name in began if began[name] != ended.get(name)]
    if different:
        yield Problem(
            "manifest",
            f"its results tell another {_listed(different)} than its manifest",
        )


def _estimate_problems(
    results: Results, again: Results, *, whole: bool
) -> Iterator[Problem]:
    sides = [
        {(estimate.model, estimate.domain): estimate for estimate in side.domains}
        for side in (results, again)
    ]
    for key in sorted(sides[0].keys() | sides[1].keys()):
        mine, theirs = (side.get(key) for side in sides)
        if mine is None or theirs is None:
            here = "results" if theirs is None else "records"
            yield _problem("estimate", key, f"there are {here} of it alone")
            continue
        for name in _COUNTS:
            was, is_now = getattr(mine, name), getattr(theirs, name)
            if was != is_now:
                yield _problem(
                    "estimate",
                    key,
                    f"its results say {was} {name}, its records {is_now}",
                )
        yield from _pair_problems(key, mine, theirs)
        if whole:
            names = _different(_plain(mine), _plain(theirs), skip=_COUNTS)
            if names:
                yield _problem(
                    "estimate",
                    key,
                    f"its records come to another {_listed(names)} than its results "
                    "say",
                )


def _pair_problems(
    key: tuple[str, str], mine: DomainEstimate, theirs: DomainEstimate
) -> Iterator[Problem]:
    different = [
        name
        for name in sorted(mine.by_pair.keys() | theirs.by_pair.keys())
        if name not in mine.by_pair
        or name not in theirs.by_pair
        or any(
            getattr(mine.by_pair[name], part) != getattr(theirs.by_pair[name], part)
            for part in _OF_A_PAIR
        )
    ]
    if different and mine.by_pair:
        yield _problem(
            "estimate", key, f"other counts than its records' in {_listed(different)}"
        )


def _gate_problems(results: Results, again: Results) -> Iterator[Problem]:
    sides = [
        {
            (gate.model, gate.domain, gate.kind): gate
            for gate in side.gates
            if gate.kind not in _NOT_FROM_RECORDS
        }
        for side in (results, again)
    ]
    for key in sorted(sides[0].keys() | sides[1].keys()):
        mine, theirs = (side.get(key) for side in sides)
        model, domain, kind = key
        if mine is None or theirs is None:
            word = "is there without cause" if theirs is None else "is not there"
            yield _problem("gate", (model, domain), f"its {kind} gate {word}")
            continue
        names = _different(_plain(mine), _plain(theirs))
        if names:
            yield _problem(
                "gate",
                (model, domain),
                f"its {kind} gate has another {_listed(names)} than its records come "
                f"to (it says {mine.reason}, and they {theirs.reason})",
            )


def _table_problems(results: Results, again: Results) -> Iterator[Problem]:
    names = [
        name
        for name in sorted((again.tables.keys() | results.tables.keys()) - _ADDED)
        if not _alike(_jsonlike(again.tables.get(name)), results.tables.get(name))
    ]
    if names:
        yield Problem(
            "estimate", f"other tables than its records come to: {_listed(names)}"
        )


# ── comparing ───────────────────────────────────────────────────────────────


def _plain(what: DomainEstimate | GateVerdict) -> dict[str, Any]:
    plain: dict[str, Any] = what.model_dump(mode="json")
    return plain


def _jsonlike(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _jsonlike(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonlike(part) for part in value]
    return value.item() if hasattr(value, "item") else value


def _different(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], skip: tuple[str, ...] = ()
) -> list[str]:
    return [
        name
        for name in mine
        if name not in skip and not _alike(mine[name], theirs.get(name))
    ]


def _alike(value: Any, other: Any) -> bool:
    """Whether two JSON values are the same, floating point aside."""
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(
            _alike(part, other[name]) for name, part in value.items()
        )
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_alike, value, other))
    if isinstance(value, float) and isinstance(other, float):
        return isclose(value, other, rel_tol=_SLACK, abs_tol=_SLACK)
    return bool(value == other)


def _problem(kind: ProblemKind, key: tuple[str, str], fault: str) -> Problem:
    model, domain = key
    return Problem(kind, f"{domain} on {model}: {fault}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
