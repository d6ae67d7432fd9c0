"""The study's pairs in saved runs, taken together for its tables (method §M7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pytest_domainsafety.analysis import analyze_rows, manifest_differences
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.published import with_published
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.shards import joint_owed
from pytest_domainsafety.runs.sources import (
    Source,
    find_source,
    load_manifest,
    open_rows,
    settings_of,
    unfinished,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Manifest, Results
from pytest_domainsafety.types.rows import Row

Pair = tuple[str, str]
"""(domain, scenario)."""
_UNITED = ("models", "judges", "suites", "law", "core", "families")


class Part(NamedTuple):
    """One run, and which of its pairs are the study's.

    Attributes:
        core: None where nobody can tell, so that all are taken.
    """

    source: Source
    manifest: Manifest
    core: frozenset[Pair] | None


def study_results(named: Sequence[str], *, anyway: bool = False) -> Results:
    """Return what the core pairs of some runs come to, their models side by side.

    Args:
        named: Stores (perhaps with #RUN) or records.
        anyway: Even if judge, rubric or sampling differ.

    Raises:
        SourceError: A source is not to be had, holds no records or no core pair; one
            is named twice; or two do not go together.
        StoreError: A store can't be read.
        RecordError: A record does not hold.
    """
    parts = [_part(find_source(one, parts="else")) for one in named]
    notes = [*_doubts(parts, anyway=anyway), *_notes(parts)]
    manifest = _joint(parts)
    left: dict[str, None] = {}
    results = analyze_rows(
        lambda: _rows(parts, left),
        settings_of(parts[0].manifest),
        GatePolicy(),
        manifest,
        owed=_owed(parts),
    )
    if not results.domains:
        which = " that is under the first system prompt" if left else ""
        raise SourceError(f"{', '.join(named)}: no record{which} to be found")
    notes += (
        f"{source}: of its system prompts the first alone is taken" for source in left
    )
    warnings = (*notes, *results.warnings)
    return with_published(
        results.model_copy(update={"warnings": warnings, "gates": ()})
    )


def _part(source: Source) -> Part:
    manifest = load_manifest(source)
    if source.kind == "results":
        raise SourceError(
            f"{source}: a results file holds no records; name the store or the records "
            "behind it"
        )
    if not manifest.core:
        return Part(source, manifest, None)
    marked = {
        (domain, scenario)
        for domain, scenarios in manifest.core.items()
        for scenario in scenarios
    }
    asked = {
        (domain, scenario)
        for domains in manifest.expected.values()
        for domain, scenarios in domains.items()
        for scenario in scenarios
    }
    core = frozenset(marked & asked)
    if not core:
        raise SourceError(
            f"{source}: no core pair was asked, and the study's tables are of these: "
            "run pytest with --safety-protocol study, or name a run that has them"
        )
    return Part(source, manifest, core)


def _doubts(parts: Sequence[Part], *, anyway: bool) -> Iterator[str]:
    """Yield in what runs differ; refuse those that do not go together."""
    first, *later = parts
    for part in later:
        if str(part.source) in {str(one.source) for one in parts if one is not part}:
            raise SourceError(f"{part.source}: is named twice; name each run once")
        if not (first.manifest.known and part.manifest.known):
            yield f"{part.source}: whether it was asked and judged alike is not known"
            continue
        differences = _differences(first.manifest, part.manifest)
        if differences and not anyway:
            raise SourceError(
                f"{part.source} does not go with {first.source}: "
                f"{'; '.join(differences)}; with --anyway the tables are made all the "
                "same, and say so"
            )
        yield from (f"{part.source}: {difference}" for difference in differences)


def _differences(first: Manifest, other: Manifest) -> list[str]:
    """Return why models of two runs can't stand side by side."""
    differences = [*manifest_differences(first, other)]
    if first.sampling.system_prompt != other.sampling.system_prompt:
        differences.append("its models were told another system prompt")
    return differences


def _notes(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.core is None:
            yield (
                f"{part.source}: which of its pairs are core is not known, so all of "
                "them are taken"
            )
        if (cut := unfinished(part.source)) is not None:
            yield cut
        if part.manifest.selection.part:
            chosen = ", ".join(part.manifest.selection.part)
            yield f"{part.source}: a part of the suites ({chosen}), and of its pairs"
        protocol = part.manifest.sampling.protocol
        if protocol not in (None, "study"):
            yield (
                f"{part.source}: of the {protocol} protocol "
                f"({counted(part.manifest.replications, 'reply', 'replies')} to each "
                "prompt), of which the core pairs are taken"
            )


def _rows(parts: Sequence[Part], left: dict[str, None]) -> Iterator[Row]:
    """Yield the study's rows; `left` gets the sources of which a condition is left."""
    for part in parts:
        for row in open_rows([part.source]):
            if row.condition:  # a model under a second system prompt is no second model
                left[str(part.source)] = None
            elif part.core is None or (row.domain, row.scenario) in part.core:
                yield row


def _joint(parts: Sequence[Part]) -> Manifest:
    """Return the first run's manifest, with the models and suites of all."""
    manifests = [part.manifest for part in parts]
    if not all(manifest.known for manifest in manifests):
        return Manifest()
    first = manifests[0].as_json()
    kept = ("run", "started", "sampling", "interval", "conditions", "versions")
    joint: dict[str, Any] = {name: first[name] for name in kept if name in first}
    for name in _UNITED:
        united: dict[str, Any] = {}
        for manifest in manifests:
            united |= manifest.as_json().get(name) or {}
        if united:
            joint[name] = united
    if len(manifests) > 1:
        joint["shards"] = [manifest.run for manifest in manifests]
    return Manifest.model_validate(joint)


def _owed(parts: Sequence[Part]) -> Manifest:
    """Return what was to be asked of the core pairs, under the first system prompt."""
    owed = joint_owed([part.source for part in parts])
    subjects = [named for part in parts for named in part.manifest.subjects.items()]
    others = {name for name, (_, under) in subjects if under}
    first = {m: asked for m, asked in owed.expected.items() if m not in others}
    owed = owed.with_(expected=first)
    if any(part.core is None for part in parts):
        return owed
    core = frozenset[Pair]().union(*(part.core or frozenset() for part in parts))
    return owed.with_(
        expected={
            model: {
                domain: {
                    scenario: names
                    for scenario, names in scenarios.items()
                    if (domain, scenario) in core
                }
                for domain, scenarios in domains.items()
            }
            for model, domains in owed.expected.items()
        }
    )
