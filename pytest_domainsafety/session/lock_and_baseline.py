"""What a run is held against beside its thresholds: a lock and a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_domainsafety.config.run import RunConfig
from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.session.expected import Expected, selected_pairs
from pytest_domainsafety.session.selection import WHOLE, Part
from pytest_domainsafety.suite import LoadedSuite, find_suites, load_suite
from pytest_domainsafety.suite.loading import find_named
from pytest_domainsafety.suite.lock import (
    LOCK_NAME,
    Lock,
    lock_differences,
    locked_settings,
    make_lock,
    part_of_lock,
    read_lock,
)
from pytest_domainsafety.types import (
    BaselineEntry,
    CascadeEntry,
    LabelsEntry,
    Manifest,
)

if TYPE_CHECKING:
    from pytest_domainsafety.analysis import Counts
    from pytest_domainsafety.runs.labels import Labels
    from pytest_domainsafety.session.process import Process


@dataclass(frozen=True, slots=True)
class Reference:
    """What was found before anything was spent.

    Attributes:
        baseline: Counts of the earlier run, if one was named.
        unasked: What the baseline has of the run's models under system prompts that
            the run has not.
        notes: What differs from the lock and from the baseline, for the report.
        manifest: Of the baseline, what the run's own manifest says of it.
        adapted: What the servers of the baseline's run would not take; None where
            nobody knows.
    """

    baseline: Counts | None = None
    unasked: Counts | None = None
    notes: tuple[str, ...] = ()
    manifest: BaselineEntry | None = None
    adapted: Mapping[str, tuple[str, ...]] | None = None


def find_baseline(config: RunConfig) -> None:
    """Find out that the baseline is there, before a model or judge is looked at.

    Raises:
        SourceError: It is not, or is nothing of ours.
        StoreError: It is a store that can't be read.
    """
    if config.baseline is not None:
        from pytest_domainsafety.runs.sources import find_source

        find_source(config.baseline)


@dataclass(frozen=True, slots=True)
class GivenLabels:
    """Labels that were read before anything was spent, and their manifest entry."""

    labels: Labels
    entry: LabelsEntry


def find_labels(config: RunConfig) -> GivenLabels | None:
    """Read the labels of a run, before a model or judge is looked at.

    Raises:
        SourceError: They can't be read, hold none, or one reply twice.
    """
    if config.labels is None:
        return None
    from pytest_domainsafety.runs.label_tables import labels_entry
    from pytest_domainsafety.runs.labels import read_labels

    labels = read_labels(config.labels)
    return GivenLabels(labels, labels_entry(config.labels, labels))


def calibrated(process: Process, workers: int) -> CascadeEntry | None:
    """Return where the first step of a run's cascade is sure; None without a cascade.

    Raises:
        ConfigError: There are workers, or too few labelled replies in the store.
        SourceError: The labels can't be read.
        ProviderError: The first step's server failed.
    """
    config = process.config
    if config.cascade is None or config.cascade_labels is None:
        return None
    if workers:
        raise ConfigError(
            "--safety-cascade: works in one process; leave -n out, many requests are "
            "in flight all the same (--safety-concurrency)"
        )
    from pytest_domainsafety.runs.cascade import calibrate
    from pytest_domainsafety.runs.labels import read_labels

    labels = read_labels(config.cascade_labels)
    suites = {loaded.suite.domain: loaded for loaded in process.suites.values()}
    return calibrate(process.plan(), labels, config.cascade_labels, suites)


def read_reference(
    expected: Expected,
    config: RunConfig,
    manifest: Manifest,
    part: Part = WHOLE,
    places: Iterable[Path] = (),
) -> Reference:
    """Return the lock's and the baseline's part of a run.

    Args:
        expected: The pairs of the run.
        config: Of the run.
        manifest: Of the run.
        part: What the user chose of the suites.
        places: The folders that the run is of, in which a lock may lie although its
            suites are gone.

    Raises:
        ConfigError: The lock is broken, or `--safety-locked` and it differs.
        SourceError: The baseline can't be used, or does not compare.
        StoreError: As a baseline, a store that can't be read.
        RecordError: As a baseline, a record that does not hold.
    """
    notes = tuple(_lock_notes(expected, config, part, places))
    if config.baseline is None:
        return Reference(notes=notes)
    from pytest_domainsafety.analysis import RisePolicy
    from pytest_domainsafety.runs.baseline import (
        comparable,
        counts_to_meet,
        load_baseline,
        unasked,
    )

    baseline = load_baseline(config.baseline)
    ours: Counts = {
        (pair.model, pair.suite.suite.domain): {} for pair in expected.pairs.values()
    }
    doubts = comparable(baseline, ours, manifest, anyway=config.baseline_anyway)
    return Reference(
        counts_to_meet(baseline, manifest),
        unasked(baseline, ours, manifest),
        (*notes, *(f"baseline: {doubt}" for doubt in doubts)),
        baseline.entry(
            RisePolicy.of(config.baseline_tolerance, config.baseline_margins)
        ),
        baseline.manifest.adapted if baseline.manifest.known else None,
    )


def _lock_notes(
    expected: Expected, config: RunConfig, part: Part, places: Iterable[Path]
) -> Iterator[str]:
    """Yield what differs from the locks beside the suites.

    Raises:
        ConfigError: A lock is none, or the run is to be locked and differs.
    """
    folders = _by_folder(expected)
    differences = [
        f"{_name_of(folder)}: {sentence}"
        for folder, suites in folders.items()
        for sentence in _differences(folder, suites, expected, config, part)
    ]
    differences += [
        f"{_name_of(folder)}: {', '.join(domains) or 'its domains'}: locked, but not "
        "in this run"
        for folder, domains in _bare_locks(places, folders, part)
    ]
    if differences and config.locked:
        raise ConfigError(
            "--safety-locked, and this run is not as locked: "
            + "; ".join(differences)
            + ". Undo it, or write the lock anew with 'domainsafety lock'"
        )
    yield from (
        f"{_name_of(folder)}: compared as a part of the suites ({part})"
        for folder in folders
        if not part.covers(folder) and (folder / LOCK_NAME).is_file()
    )
    yield from differences


def _name_of(folder: Path) -> str:
    return f"{folder.name or folder}/{LOCK_NAME}"


def _by_folder(expected: Expected) -> dict[Path, dict[str, LoadedSuite]]:
    folders: dict[Path, dict[str, LoadedSuite]] = {}
    for pair in expected.pairs.values():
        suites = folders.setdefault(pair.suite.path.parent, {})
        suites[pair.suite.display] = pair.suite
    return folders


def _bare_locks(
    places: Iterable[Path], folders: Iterable[Path], part: Part
) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders in which a lock lies and no suite of the run, with its domains.

    Raises:
        ConfigError: A lock is none.
    """
    seen = {folder.resolve() for folder in folders}
    for place in places:
        for path in find_named(place, (LOCK_NAME,)):
            folder = path.parent.resolve()
            if folder not in seen and part.covers(folder):
                seen.add(folder)
                yield folder, sorted(read_lock(path)["domains"])


def _differences(
    folder: Path,
    suites: Mapping[str, LoadedSuite],
    expected: Expected,
    config: RunConfig,
    part: Part,
) -> Iterator[str]:
    path = folder / LOCK_NAME
    if not path.is_file():
        if config.locked:
            yield "there is no lock; write it with 'domainsafety lock'"
        return
    locked = read_lock(path)
    current = current_lock(suites.values(), config)
    if not part.covers(folder):
        elsewhere = _elsewhere(folder, suites.values())
        yield from lock_differences(part_of_lock(locked, current, elsewhere), current)
        return
    yield from lock_differences(locked, current)
    if not config.locked:  # a gate's own line says what was selected
        return
    here = {loaded.suite.domain for loaded in suites.values()}
    for (model, domain), ran in selected_pairs(expected).items():
        if domain in here:
            yield f"{domain} on {model}: only {ran} run"


def current_lock(suites: Iterable[LoadedSuite], config: RunConfig) -> Lock:
    """Return the lock of some suites under the settings of a run."""
    return make_lock(
        (loaded.suite for loaded in suites),
        judges=config.judges,
        replications=config.replications,
        protocol=config.protocol,
        options=config.thresholds,
        settings=locked_settings(config),
    )


def _elsewhere(folder: Path, suites: Iterable[LoadedSuite]) -> dict[str, set[str]]:
    """Return domain → scenarios of the folder's other files."""
    files = {loaded.path.resolve() for loaded in suites}
    scenarios: dict[str, set[str]] = {}
    for path in find_suites(folder):
        if path.parent == folder and path.resolve() not in files:
            try:
                suite = load_suite(path).suite
            except DomainSafetyError:
                continue  # not of this run
            names = scenarios.setdefault(suite.domain, set())
            names |= {scenario.id for scenario in suite.scenarios}
    return scenarios
