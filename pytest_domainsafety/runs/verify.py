"""Is a store whole, and does each run follow from what is in it?

From below: the file, each reply and its hash, each judgement and its reply, each
record and what is behind it (`evidence`, `bench`), what the judge said in other words
(`told_again`), the interactions that were owed (`owed`), the estimates and gates worked
out again (`recount`), and results that hold together (`soundness`). What was edited at
every one of these places alike is not to be seen: that would take a signature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pytest_domainsafety.errors import SourceError, StoreError
from pytest_domainsafety.runs.bench import Fault
from pytest_domainsafety.runs.evidence import RecordCheck, possible_series
from pytest_domainsafety.runs.owed import Place, owed, skipped
from pytest_domainsafety.runs.recount import recounted, was_recounted
from pytest_domainsafety.runs.sources import RESULTS_SCHEMA
from pytest_domainsafety.runs.told_again import retold_of
from pytest_domainsafety.store import Store
from pytest_domainsafety.text import plural
from pytest_domainsafety.types import BASE_VARIANT, Manifest, Problem, Record, Results

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a look at a store came to.

    Attributes:
        problems: What is wrong; nothing when it is whole.
        notes: What is worth knowing and not wrong.
        counts: Rows by table.
    """

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]


def check_store(path: Path, run: str | None = None) -> StoreCheck:
    """Check a store against itself, and its runs against their manifests.

    A run that was broken off is a note, since the next one goes on where it stopped,
    and so is what is missing in it; named by `run`, it is held to its manifest.

    Raises:
        SourceError: There is no such run.
        StoreError: The store can't be opened.
    """
    with Store(path, read_only=True) as store:
        try:
            return _check(store, run)
        except StoreError as error:
            said = str(error).partition("; run 'domainsafety verify")[0]
            return StoreCheck((Problem("file", said),), (), {})


def _check(store: Store, name: str | None) -> StoreCheck:
    names = store.run_names()
    if name is not None and name not in names:
        raise SourceError(f"{store.path}: there is no run {name!r} in this store")
    problems, notes = store.verify(), []
    for run in names:
        if name not in (None, run):
            continue
        look = _RunLook(store, store.run(run), names)
        unfinished = look.run["finished"] is None
        if unfinished:
            notes.append(f"run {run}: did not finish")
        for problem in look.problems():
            if problem.kind == "missing" and unfinished and name is None:
                notes.append(problem.sentence)
            else:
                problems.append(problem)
        notes += look.notes
    return StoreCheck(tuple(problems), tuple(notes), store.counts())


@dataclass(slots=True)
class _RunLook:
    """One run's records, read once for all that is to be checked on them."""

    store: Store
    run: dict[str, Any]
    runs: list[str]
    notes: list[str] = field(default_factory=list)
    _faults: dict[Fault, list[Place]] = field(default_factory=dict)
    _strange: list[Place] = field(default_factory=list)

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the run, each kind of fault once."""
        for problem in self._run_problems():
            yield Problem(problem.kind, f"run {self.run['run']}: {problem.sentence}")

    def _run_problems(self) -> Iterator[Problem]:
        try:
            manifest = Manifest.model_validate(self.run["manifest"])
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors()[0]["loc"])
            yield Problem(
                "manifest", f"its manifest does not hold what it should, at {place}"
            )
            return
        check = RecordCheck(manifest, self.run["finished"], possible_series(self.runs))
        document = self.run["results"]
        if (entry := retold_of(document)) is not None:
            check.hold_to(entry)
        left = set(owed(manifest))
        whole = len(left)
        records = self._records(check, left)
        if document is None:
            yield from _read_to_the_end(records)
        else:
            yield from _result_problems(document, manifest, records)
            if not was_recounted(manifest):
                version = manifest.versions.get("pytest-domainsafety", "is not said")
                self.notes.append(
                    f"run {self.run['run']}: the version that wrote it ({version}) is "
                    "not this one, so its intervals and gates are held to themselves "
                    "and not worked out again"
                )
        if check.retold is not None:
            yield from check.retold.problems(told=was_recounted(manifest))
        gone = skipped(document)
        missing = {place for place in left if place[:3] not in gone}
        if missing:
            yield Problem(
                "missing",
                f"{len(missing)} of {whole} interactions are missing"
                f"{_examples(missing)}",
            )
        if self._strange:
            yield Problem(
                "record",
                f"{_records_of(self._strange)} that it did not ask for"
                f"{_examples(self._strange)}",
            )
        for fault, places in self._faults.items():
            yield Problem(
                fault.kind, f"{_records_of(places)} {fault.words}{_examples(places)}"
            )
        if check.replaced:
            self.notes.append(
                f"run {self.run['run']}: of {check.replaced} records a later run put "
                "another reply or judgement in place (--safety-fresh), so that they "
                "can't be held to theirs"
            )

    def _records(self, check: RecordCheck, left: set[Place]) -> Iterator[Record]:
        """Yield the run's records, and note what is wrong with them on the way."""
        known = bool(left)
        for evidence in self.store.evidence(self.run["run"]):
            place: Place = evidence[1:7]
            if known and place not in left:
                self._strange.append(place)
            left.discard(place)
            record, faults = check.look(evidence)
            for fault in faults:
                self._faults.setdefault(fault, []).append(place)
            if record is not None:
                yield record


def _result_problems(
    document: Any, manifest: Manifest, records: Iterator[Record]
) -> Iterator[Problem]:
    """Hold results to the records; these are read to the end whatever comes."""
    try:
        if document.get("schema") != RESULTS_SCHEMA:
            raise ValueError("schema")
        results = Results.model_validate(document)
    except (AttributeError, ValueError):  # ValidationError is one
        yield from _read_to_the_end(records)
        yield Problem("estimate", "its results do not hold what they should")
        return
    yield from recounted(results, document.get("passed"), manifest, records)


def _read_to_the_end(records: Iterable[Record]) -> Iterator[Problem]:
    for _ in records:
        continue
    yield from ()


def _records_of(places: list[Place]) -> str:
    return f"{len(places)} {plural(len(places), 'record', 'records')}"


def _examples(places: Iterable[Place]) -> str:
    every = sorted(places)
    shown = [
        f"{domain}/{scenario} {framing} {number}"
        + ("" if variant == BASE_VARIANT else f" ({variant})")
        + f" on {model}"
        for model, domain, scenario, framing, variant, number in every[:_SHOWN]
    ]
    more = ", …" if len(every) > _SHOWN else ""
    return f": {', '.join(shown)}{more}"
