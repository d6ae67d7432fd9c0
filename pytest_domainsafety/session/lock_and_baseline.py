"""What a run is held against beside its thresholds: a lock and a baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_domainsafety.config.run import RunConfig
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.session.expected import Expected, selected_pairs
from pytest_domainsafety.suite import LoadedSuite
from pytest_domainsafety.suite.lock import (
    LOCK_NAME,
    lock_differences,
    locked_settings,
    make_lock,
    read_lock,
)

if TYPE_CHECKING:
    from pytest_domainsafety.analysis import Counts


@dataclass(frozen=True, slots=True)
class Reference:
    """What was found before anything was spent.

    Attributes:
        baseline: Counts of the earlier run, if one was named.
        notes: What differs from the lock and from the baseline, for the report.
        manifest: Of the baseline, what the run's own manifest says of it.
    """

    baseline: Counts | None = None
    notes: tuple[str, ...] = ()
    manifest: Mapping[str, Any] | None = None


def find_baseline(config: RunConfig) -> None:
    """Find out that the baseline is there, before a model or judge is looked at.

    Raises:
        SourceError: It is not, or is nothing of ours.
        StoreError: It is a store that can't be read.
    """
    if config.baseline is not None:
        from pytest_domainsafety.runs.sources import find_source

        find_source(config.baseline)


def read_reference(
    expected: Expected, config: RunConfig, manifest: Mapping[str, Any]
) -> Reference:
    """Return the lock's and the baseline's part of a run.

    Raises:
        ConfigError: The lock is broken, or `--safety-locked` and it differs.
        SourceError: The baseline can't be used, or does not compare.
        StoreError: As a baseline, a store that can't be read.
        RecordError: As a baseline, a record that does not hold.
    """
    notes = tuple(_lock_notes(expected, config))
    if config.baseline is None:
        return Reference(notes=notes)
    from pytest_domainsafety.runs.baseline import comparable, load_baseline

    baseline = load_baseline(config.baseline)
    ours: Counts = {
        (pair.model, pair.suite.suite.domain): {} for pair in expected.pairs.values()
    }
    told = comparable(baseline, ours, manifest, anyway=config.baseline_anyway)
    return Reference(
        baseline.counts,
        (*notes, *(f"baseline: {note}" for note in told)),
        {
            "file": baseline.source.path.name,
            "run": baseline.manifest.get("run"),
            "started": baseline.manifest.get("started"),
            "tolerance": config.baseline_tolerance,
        },
    )


def _lock_notes(expected: Expected, config: RunConfig) -> Iterator[str]:
    """Yield what differs from the locks beside the suites.

    Raises:
        ConfigError: A lock is none, or the run is to be locked and differs.
    """
    found = [
        f"{folder.name or folder}/{LOCK_NAME}: {sentence}"
        for folder, suites in _by_folder(expected).items()
        for sentence in _differences(folder, suites, expected, config)
    ]
    if found and config.locked:
        raise ConfigError(
            "--safety-locked, and this run is not as locked: "
            + "; ".join(found)
            + ". Undo it, or write the lock anew with 'domainsafety lock'"
        )
    yield from found


def _by_folder(expected: Expected) -> dict[Path, dict[str, LoadedSuite]]:
    folders: dict[Path, dict[str, LoadedSuite]] = {}
    for pair in expected.pairs.values():
        suites = folders.setdefault(pair.suite.path.parent, {})
        suites[pair.suite.display] = pair.suite
    return folders


def _differences(
    folder: Path,
    suites: Mapping[str, LoadedSuite],
    expected: Expected,
    config: RunConfig,
) -> Iterator[str]:
    path = folder / LOCK_NAME
    if not path.is_file():
        if config.locked:
            yield "there is no lock; write it with 'domainsafety lock'"
        return
    current = make_lock(
        (loaded.suite for loaded in suites.values()),
        judges=config.judges,
        replications=config.replications,
        options=config.thresholds,
        settings=locked_settings(config),
    )
    yield from lock_differences(read_lock(path), current)
    if not config.locked:  # a gate's own line says what was selected
        return
    here = {loaded.suite.domain for loaded in suites.values()}
    for (model, domain), ran in selected_pairs(expected).items():
        if domain in here:
            yield f"{domain} on {model}: only {ran} run"
