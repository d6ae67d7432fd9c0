"""A run to compare with: what it holds, and whether it compares at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_domainsafety.analysis import (
    Counts,
    RisePolicy,
    adapted_differences,
    by_judge,
    counts_in,
    counts_of_sums,
    manifest_differences,
    model_differences,
    part_of,
    partners_of,
    prompt_differences,
    suite_differences,
)
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.kinds import kind_of_run
from pytest_domainsafety.runs.sources import (
    Source,
    find_source,
    load_manifest,
    load_results,
    open_rows,
)
from pytest_domainsafety.subjects import model_of
from pytest_domainsafety.types import BaselineEntry, Manifest


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a later run is compared with.

    Attributes:
        source: Where it comes from.
        counts: Operational replies by model, domain and scenario.
        manifest: Of its run; records have none.
        judge: Whose scores these are, a panel's with `+` between its judges; empty
            where neither records nor manifest say.
        conditions: Name of a model in `counts` → the condition that it ends with.
    """

    source: Source
    counts: Counts
    manifest: Manifest
    judge: str = ""
    conditions: Mapping[str, str] = field(default_factory=dict)

    def model_of(self, subject: str) -> str:
        """Return a model's name as it was typed."""
        return model_of(subject, self.conditions.get(subject, ""))

    def entry(self, rises: RisePolicy) -> BaselineEntry:
        """Return what the later run's own manifest says of it."""
        return BaselineEntry(
            file=self.source.path.name,
            run=self.manifest.run or None,
            started=self.manifest.started or None,
            tolerance=rises.tolerance,
            margin=rises.margin,
            margins=dict(rises.margins),
        )


def load_baseline(named: Source | str | Path) -> Baseline:
    """Return what a store, a results file or records hold for a comparison.

    Raises:
        SourceError: It is not to be had, holds no counts by pair, a reply twice with
            other scores, or records of several judges.
        StoreError: The store can't be read.
        RecordError: A record does not hold.
    """
    source = named if isinstance(named, Source) else find_source(named)
    if source.kind == "results":
        results = load_results(source)
        _refuse_doubled(
            source, (one.domain for one in results.domains if one.conflicts)
        )
        counts = counts_in(results)
        if not any(counts.values()):
            raise SourceError(
                f"{source}: these results hold no counts by scenario pair (an older "
                "version wrote them); name the store or the records behind them"
            )
        conditions = {one.model: one.condition for one in results.domains}
        judge = _judge_of(results.run)
        return Baseline(source, counts, results.run, judge, conditions)
    judged, _ = by_judge(open_rows([source]))
    first, *others = judged.names()
    if others:
        raise SourceError(
            f"{source}: records of {len(others) + 1} judges ({first}, "
            f"{', '.join(others)}), of which one run's can be compared; split them by "
            "judge"
        )
    sums = judged.sums_of(first)
    _refuse_doubled(
        source, (key[1] for key, group in sums.groups.items() if group.conflicts())
    )
    counts = counts_of_sums(sums)
    if not any(counts.values()):
        raise SourceError(f"{source}: there is no operational reply to compare")
    return Baseline(source, counts, load_manifest(source), first, sums.conditions)


def _refuse_doubled(source: Source, domains: Iterable[str]) -> None:
    """Refuse replies that came twice with other scores.

    A gate takes the worst of them, and as a baseline the worst is the best excuse.
    """
    if names := sorted(set(domains)):
        raise SourceError(
            f"{source}: has replies of {', '.join(names)} twice, with other scores "
            "each time, so it is not known what to compare with; name the run, or the "
            "file, that is meant"
        )


def _judge_of(manifest: Manifest) -> str:
    """Return whose scores a run's results are."""
    analysis = manifest.analysis
    return (analysis and analysis.judge) or manifest.judge_name


def counts_to_meet(old: Baseline, later: Manifest) -> Counts:
    """Return what a later run must have of a baseline: of a part, its part.

    Args:
        old: The baseline.
        later: The later run's manifest; none, or one that does not say, is of a whole
            run, so that what it lacks is lost.
    """
    if not later.selection.part:
        return old.counts
    expected: dict[str, set[str]] = {}
    for domains in later.expected.values():
        for domain, scenarios in domains.items():
            expected.setdefault(domain, set()).update(scenarios)
    return part_of(old.counts, expected)


def unasked(old: Baseline, new: Counts, later: Manifest) -> Counts:
    """Return, without a pair, what a later run leaves out of its models' conditions.

    A model that it does not ask was not chosen; one that it asks is held to all that
    the baseline has of it (method §M5), unless the user chose a part.

    Args:
        old: The baseline.
        new: Counts of the later run; only which models and domains there are.
        later: The later run's manifest.
    """
    if later.selection.part:
        return {}
    here = {subject for subject, _ in new}
    models = {old.model_of(subject) for subject in here}
    return {
        (subject, domain): {}
        for subject, domain in old.counts
        if subject not in here and old.model_of(subject) in models
    }


def comparable(
    old: Baseline,
    new: Counts,
    manifest: Manifest,
    *,
    judge: str = "",
    anyway: bool = False,
) -> tuple[str, ...]:
    """Return what is worth knowing before a run is compared with a baseline.

    Args:
        old: The baseline.
        new: Counts of the later run; only which models and domains there are.
        manifest: Of the later run.
        judge: Whose scores the later run's are, where its manifest does not say.
        anyway: A difference that forbids to compare is a note.

    Returns:
        Sentences: another suite version, another order in time.

    Raises:
        SourceError: Judge, rubric or sampling differ, one of the two was stopped
            early, or they have no model and domain in common.
    """
    _refuse_stopped(old, manifest, anyway=anyway)
    judge = judge or _judge_of(manifest)
    differ = _differences(old, manifest, judge)
    if differ and not anyway:
        raise SourceError(
            f"{old.source}: does not compare with this run: {'; '.join(differ)}. "
            "Compare all the same with --anyway (of pytest: --safety-baseline-anyway)"
        )
    _refuse_strangers(old, new)
    partners = partners_of(old.counts, new)
    ended = manifest.cost is not None and old.manifest.known
    return (
        *_parts(old.manifest, manifest),
        *_other_models(old, new, unasked(old, new, manifest)),
        *model_differences(old.manifest, manifest, partners),
        *prompt_differences(old.manifest, manifest, partners),
        *suite_differences(old.manifest, manifest),
        # A run that has not begun does not know yet.
        *(adapted_differences(old.manifest.adapted, manifest.adapted) if ended else ()),
        *differ,
        *_doubts(old, manifest, judge),
    )


def _differences(old: Baseline, manifest: Manifest, judge: str) -> tuple[str, ...]:
    """Return what forbids to compare, as far as either side says it."""
    if old.manifest.known and manifest.known:
        return manifest_differences(old.manifest, manifest)
    sides = old.judge, judge
    if not all(sides) or len({frozenset(side.split("+")) for side in sides}) == 1:
        return ()
    return (f"judge: {old.judge} then, {judge} now",)


def _refuse_stopped(old: Baseline, manifest: Manifest, *, anyway: bool) -> None:
    for who, run in ((str(old.source), old.manifest), ("the later run", manifest)):
        # What a stopped run left out was left out because of what it had seen.
        early = sorted({gate.domain for gate in run.cut_gates})
        if early and not anyway:
            raise SourceError(
                f"{who}: asked no more about {', '.join(early)} once the gate was "
                "decided (--safety-stop), so what is left of it compares with "
                "nothing; run it without --safety-stop, or compare all the same with "
                "--anyway (of pytest: --safety-baseline-anyway)"
            )


def _refuse_strangers(old: Baseline, new: Counts) -> None:
    models = {model for model, _ in old.counts}, {model for model, _ in new}
    domains = {domain for _, domain in old.counts} & {domain for _, domain in new}
    if not domains or (not models[0] & models[1] and max(map(len, models)) > 1):
        lists = (f"{sorted(names)}" for names in models)
        raise SourceError(
            f"{old.source}: nothing to compare: models {' and '.join(lists)}, "
            f"{len(domains)} domain(s) in common"
        )


def _parts(old: Manifest, later: Manifest) -> Iterator[str]:
    """Yield what is no whole run: a baseline that was named, and the later run."""
    kind = kind_of_run(old.run, old)
    if kind != "full":
        yield f"the earlier run is none of the whole suites, but of the kind {kind}"
    if later.selection.part:
        chosen = ", ".join(later.selection.part)
        yield f"compared as a part of the suites ({chosen})"


def _other_models(old: Baseline, new: Counts, lost: Counts) -> Iterator[str]:
    models = [{model for model, _ in counts} for counts in (old.counts, new, lost)]
    # One model each is compared whatever the names.
    if max(map(len, models)) > 1 and (absent := models[0] - models[1] - models[2]):
        yield f"of the baseline alone: {', '.join(sorted(absent))}"
    if models[2]:
        yield (
            f"not asked here: {', '.join(sorted(models[2]))}, under a system prompt of "
            "the baseline, so their change is not measured; a run that leaves one out "
            "on purpose says so with --safety-part"
        )


def _doubts(baseline: Baseline, new: Manifest, judge: str) -> Iterator[str]:
    old = baseline.manifest
    if not (old.known and new.known):
        named = " (its name apart)" if baseline.judge and judge else ""
        yield (
            f"records say nothing of judge{named}, rubric and sampling; see to it that "
            "both runs had the same"
        )
    if old.run and old.run == new.run:
        yield "both are the same run"
    if new.started and old.started > new.started:
        yield "the baseline is the later of the two; is the order right?"
