"""Is a store whole? Each run against what its manifest and its results promise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pytest_domainsafety.errors import SourceError, StoreError
from pytest_domainsafety.runs.sources import manifest_of
from pytest_domainsafety.store import Cell, Store
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, Manifest, interactions

_Place = tuple[str, str, str, str, str, int]
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a look at a store came to.

    Attributes:
        problems: A sentence for each thing that is wrong; none when it is whole.
        notes: What is worth knowing and not wrong.
        counts: Rows by table.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]


def check_store(path: Path, run: str | None = None) -> StoreCheck:
    """Check a store against itself, and its runs against their manifests.

    The file's integrity, the hash of each reply, a reply behind each judgement,
    a reply and a judgement behind each scored record; and for each run that has
    ended, every interaction that it set out to have, and the counts in its
    results. A run that was broken off is a note, since the next one goes on where
    it stopped; named by `run`, it is held to its manifest as well.

    Raises:
        SourceError: There is no such run.
        StoreError: The store can't be opened.
    """
    with Store(path, create=False) as store:
        try:
            return _check(store, run)
        except StoreError as error:
            return StoreCheck((str(error),), (), {})


def _check(store: Store, run: str | None) -> StoreCheck:
    runs = store.runs()
    if run is not None and all(one["run"] != run for one in runs):
        raise SourceError(f"{store.path}: there is no run {run!r} in this store")
    problems, notes = store.verify(), []
    for told in runs:
        if run in (None, told["run"]):
            found = list(_run_problems(store, told))
            unfinished = told["finished"] is None
            if unfinished:
                notes.append(f"run {told['run']}: did not finish")
            if unfinished and run is None:
                notes += [sentence for sentence in found if "missing" in sentence]
                found = [sentence for sentence in found if "missing" not in sentence]
            problems += found
    return StoreCheck(tuple(problems), tuple(notes), store.counts())


def _run_problems(store: Store, told: Mapping[str, Any]) -> Iterator[str]:
    run = told["run"]
    try:
        manifest = manifest_of(f"{store.path}#{run}", told["manifest"])
    except SourceError as error:
        yield str(error)
        return
    expected = set(_expected(manifest))
    known = bool(expected)
    whole = len(expected)
    skipped = _skipped(told["results"])
    strange: list[_Place] = []
    bare: list[_Place] = []
    counts: Counter[tuple[str, str, str]] = Counter()
    for cell in store.cells(run):
        place = cell[:6]
        if place in expected:
            expected.discard(place)
        elif known:
            strange.append(place)
        # With --safety-fresh a later run takes the place of replies and judgements.
        ours = cell.answered is not None and cell.answered <= (told["finished"] or inf)
        if cell.status == "scored" and ours and not cell.judged:
            bare.append(place)
        _count(counts, cell)
    expected = {place for place in expected if place[:3] not in skipped}
    if expected:
        yield (
            f"run {run}: {len(expected)} of {whole} interactions are missing"
            f"{_some(expected)}"
        )
    if strange:
        yield (
            f"run {run}: {len(strange)} records that it did not ask for{_some(strange)}"
        )
    if bare:
        yield f"run {run}: {len(bare)} scored records without a judgement{_some(bare)}"
    yield from _count_problems(run, told["results"], counts)


def _skipped(results: Mapping[str, Any] | None) -> set[tuple[str, str, str]]:
    """Return the pairs that were not asked in full, since their gate was decided."""
    stopped = ((results or {}).get("run") or {}).get("stopped", ())
    return {
        (one["model"], one["domain"], scenario)
        for one in stopped
        for scenario in one["replies"]
    }


def _expected(manifest: Manifest) -> Iterator[_Place]:
    """Yield every interaction that a run set out to have."""
    for model, domains in manifest.expected.items():
        for domain, scenarios in domains.items():
            for scenario, variants in scenarios.items():
                for owed in interactions(variants, manifest.replications):
                    yield model, domain, scenario, *owed


def _count(counts: Counter[tuple[str, str, str]], cell: Cell) -> None:
    if cell.framing == "operational" and cell.variant == BASE_VARIANT:
        scored = cell.guidance is not None
        counts[cell.model, cell.domain, "responses"] += 1
        counts[cell.model, cell.domain, "scored"] += scored
        counts[cell.model, cell.domain, "complied"] += (
            scored and (cell.guidance or 0) >= COMPLIES_AT
        )


def _count_problems(
    run: str,
    results: Mapping[str, Any] | None,
    counts: Counter[tuple[str, str, str]],
) -> Iterator[str]:
    for domain in (results or {}).get("domains", ()):
        for name in ("responses", "scored", "complied"):
            kept = counts[domain["model"], domain["domain"], name]
            if kept != domain[name]:
                yield (
                    f"run {run}: {domain['domain']} on {domain['model']}: its results "
                    f"say {domain[name]} {name}, its records {kept}"
                )


def _some(places: set[_Place] | list[_Place]) -> str:
    shown = [
        f"{domain}/{scenario} {framing} {number}"
        + ("" if variant == BASE_VARIANT else f" ({variant})")
        + f" on {model}"
        for model, domain, scenario, framing, variant, number in sorted(places)[:_SHOWN]
    ]
    more = ", …" if len(places) > _SHOWN else ""
    return f": {', '.join(shown)}{more}"
