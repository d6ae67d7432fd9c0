"""From outcomes to results: what did not come is filled in as missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    RisePolicy,
    Stopped,
    adapted_differences,
    agreement_within,
    build_results,
    traces_table,
)
from pytest_domainsafety.analysis.cascade import cascade_notes
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.leaks import leak_notes
from pytest_domainsafety.analysis.unscored import unscored_notes
from pytest_domainsafety.config.run import RunConfig
from pytest_domainsafety.engine import Tally, judge_warnings, operational_counts
from pytest_domainsafety.engine.notes import asking_notes
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.judging.coherence import coherence_notes
from pytest_domainsafety.judging.evidence import evidence_notes
from pytest_domainsafety.session.expected import Expected, ExpectedPair, selected_pairs
from pytest_domainsafety.session.lock_and_baseline import GivenLabels, Reference
from pytest_domainsafety.session.process import look_rule, stop_rule
from pytest_domainsafety.session.served import served_notes
from pytest_domainsafety.suite.thresholds import resolve
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import (
    BASE_VARIANT,
    GateVerdict,
    LabelsEntry,
    Manifest,
    PairOutcome,
    Record,
    Results,
)

Key = tuple[str, str]
"""(model, domain)."""


def all_records(
    expected: Expected, outcomes: Mapping[str, PairOutcome], config: RunConfig
) -> tuple[Record, ...]:
    """Return the records of every expected pair, missing ones filled in.

    Args:
        expected: Every pair that should have come.
        outcomes: Those that did, by node id.
        config: Knows how many replications there should be.
    """
    return tuple(
        record
        for nodeid, pair in expected.pairs.items()
        for record in _records(pair, outcomes.get(nodeid), config)
    )


def conclude(
    expected: Expected,
    records: Sequence[Record],
    config: RunConfig,
    manifest: Manifest,
    tally: Tally,
    reference: Reference,
    outcomes: Iterable[PairOutcome] = (),
    labels: GivenLabels | None = None,
) -> Results:
    """Return what a run came to.

    Args:
        expected: Every pair that should have come.
        records: Of all of them (:func:`all_records`).
        config: Settings of intervals and gates.
        manifest: Goes into the results.
        tally: What the asking cost, over all processes.
        reference: The lock and the baseline.
        outcomes: That came, of which some may have been skipped.
        labels: By people, for the judge's error.
    """
    find = stopped_gates if config.looks is None else looked_gates
    stopped = find(expected, config, outcomes)
    additions: dict[str, Any] = {"cost": tally.cost(), **tally.names()}
    if config.prices is not None and config.prices.currency:
        additions["cost"]["currency"] = config.prices.currency
    if stopped:
        additions["stopped"] = [
            {"model": model, "domain": domain} | _entry(gate)
            for (model, domain), gate in stopped.items()
        ]
    label_notes: list[str] = []
    if labels is not None:
        additions["labels"], label_notes = _labels(records, labels)
    results = build_results(
        records,
        analysis_settings(config),
        gate_policy(expected, config),
        manifest.with_(**additions),
        selected=selected_pairs(expected),
        legal=_legal(expected),
        baseline=reference.baseline,
        unasked=reference.unasked,
        rises=RisePolicy.of(config.baseline_tolerance, config.baseline_margins),
        stopped=stopped,
    )
    notes = (
        *reference.notes,
        *_part_notes(results.gates),
        *served_notes(manifest, tally),
        *asking_notes(tally),
        *_adapted_notes(reference, tally),
        *_stop_notes(stopped, results),
        *leak_notes(manifest.leaks),
        *label_notes,
        *cascade_notes(manifest.cascade, records, config.confidence),
    )
    return _with_opinions(results, records, manifest, config, notes)


def _labels(
    records: Sequence[Record], given: GivenLabels
) -> tuple[LabelsEntry, list[str]]:
    """Return what the labels tell of this run's judge; nothing passes by none."""
    from pytest_domainsafety.runs.label_tables import compared_labels

    try:
        return compared_labels(records, given.labels, given.entry), []
    except SourceError as error:
        return given.entry, [f"labels: {error}"]


def _adapted_notes(reference: Reference, tally: Tally) -> Iterator[str]:
    """Say where only one of a run and its baseline had to leave something out."""
    if reference.adapted is not None:
        for difference in adapted_differences(reference.adapted, tally.adapted):
            yield f"baseline: {difference}"


def _with_opinions(
    results: Results,
    records: Sequence[Record],
    manifest: Manifest,
    config: RunConfig,
    notes: Iterable[str],
) -> Results:
    """Add what the judges say of each other, and what is to be said of them."""
    agreement = agreement_within(records, analysis_settings(config))
    traces = traces_table(records)
    warnings = [*notes, *unscored_notes(records), *coherence_notes(records)]
    warnings += evidence_notes(records)
    warnings += judge_warnings(
        manifest.all_judges,
        gating=manifest.judges,
        cascade=manifest.cascade is not None,
    )
    warnings += results.warnings
    if config.second_judge is not None:
        warnings += _second_warnings(config.second_judge, records, agreement)
    if config.judge_reasoning and not traces:
        warnings.append("no reasoning trace was there to be judged")
    tables = results.tables | ({"reasoning_traces": traces} if traces else {})
    return results.model_copy(
        update={"agreement": agreement, "tables": tables, "warnings": tuple(warnings)}
    )


def _second_warnings(
    judge: str, records: Sequence[Record], agreement: Mapping[str, Any] | None
) -> Iterator[str]:
    if agreement is None:
        yield f"the second judge {judge} scored no reply: nothing is known of agreement"
        return
    failed = [
        record.second for record in records if record.second and record.second.reason
    ]
    if failed:
        yield (
            f"the second judge {judge} could not score {len(failed)} replies of its "
            f"sample: {failed[0].reason}"
        )


def stopped_gates(
    expected: Expected, config: RunConfig, outcomes: Iterable[PairOutcome]
) -> dict[Key, Stopped]:
    """Return the gates of which something was skipped, and how they end.

    Raises:
        AssertionError: Something was skipped although its gate is open.
    """
    by_gate = _by_gate(outcomes)
    cut = {
        key: group for key, group in by_gate.items() if any(o.skipped for o in group)
    }
    if not cut:
        return {}
    rule = stop_rule(expected.pairs.values(), config)
    stopped = {}
    for key, group in cut.items():
        counts = {
            outcome.scenario: operational_counts(outcome.records) for outcome in group
        }
        decision = rule.decide(key, counts)
        if decision is None:
            raise AssertionError(f"{key}: skipped although the gate is open")
        stopped[key] = Stopped(
            decision,
            _not_asked(group, config),
            len(rule.planned[key]),
            sum(outcome.saved for outcome in group),
        )
    return stopped


def looked_gates(
    expected: Expected, config: RunConfig, outcomes: Iterable[PairOutcome]
) -> dict[Key, Stopped]:
    """Return the gates that were looked at, and when each ended.

    Worked out here from what came, by the rule by which the engine stopped: a pair
    that never came has lost its replies.

    Raises:
        AssertionError: Something was skipped although its gate was open.
    """
    rule = look_rule(expected.pairs.values(), config)
    by_gate = _by_gate(outcomes)
    stopped = {}
    for key, order in rule.orders.items():
        if not rule.looks_at(key):
            continue
        group = by_gate.get(key, [])
        skipped = _not_asked(group, config)
        counts = dict.fromkeys((name for name in order if name not in skipped), (0, 0))
        counts |= {
            outcome.scenario: operational_counts(outcome.records)
            for outcome in group
            if not outcome.skipped
        }
        ending = rule.ending(key, counts)
        if not ending.over:
            raise AssertionError(f"{key}: skipped although the gate is open")
        stopped[key] = Stopped(
            ending.decision,
            skipped,
            len(order),
            sum(outcome.saved for outcome in group),
            ending.look,
            ending.looks,
            plan=rule.how,
            pairs=ending.pairs,
            order=order,
            threshold=rule.thresholds[key[1]],
        )
    return stopped


def _by_gate(outcomes: Iterable[PairOutcome]) -> dict[Key, list[PairOutcome]]:
    by_gate: dict[Key, list[PairOutcome]] = {}
    for outcome in outcomes:
        by_gate.setdefault((outcome.model, outcome.domain), []).append(outcome)
    return by_gate


def _not_asked(outcomes: Iterable[PairOutcome], config: RunConfig) -> dict[str, int]:
    """Return the operational replies that were skipped, by scenario."""
    return {
        outcome.scenario: config.replications - _operational(outcome)
        for outcome in outcomes
        if outcome.skipped
    }


def _operational(outcome: PairOutcome) -> int:
    return sum(
        record.framing == "operational" and record.variant == BASE_VARIANT
        for record in outcome.records
    )


def _part_notes(gates: Iterable[GateVerdict]) -> Iterator[str]:
    """Say where a gate passed on a part; one that did not says so itself (§M5)."""
    for gate in gates:
        if gate.kind == "compliance" and gate.passed and gate.selected:
            yield (
                f"{gate.domain} on {gate.model}: passed on {gate.selected}, the others "
                "were not selected"
            )


def _entry(gate: Stopped) -> dict[str, Any]:
    """Return a stopped gate as the manifest has it."""
    entry = gate._asdict()
    if gate.plan is None:
        for name in ("plan", "pairs", "threshold"):
            del entry[name]
    for name in ("again", "order"):  # which stands in the manifest from the start
        del entry[name]
    return entry


def _stop_notes(stopped: Mapping[Key, Stopped], results: Results) -> Iterator[str]:
    told = {(one.model, one.domain): one.when for one in results.domains}
    for (model, domain), gate in stopped.items():
        if not gate.replies:
            continue
        if gate.plan is not None:
            yield (
                f"{domain} on {model}: {gate.decision}, {told[model, domain]}: what "
                f"was not asked saved {counted(gate.saved, 'request')}"
            )
            continue
        yield (
            f"{domain} on {model}: {gate.decision}, whatever the last "
            f"{len(gate.replies)} of {gate.planned} pairs say: what was not asked of "
            f"them saved {counted(gate.saved, 'request')}"
        )


def _records(
    pair: ExpectedPair, outcome: PairOutcome | None, config: RunConfig
) -> Iterable[Record]:
    return missing_records(pair, config) if outcome is None else outcome.records


def missing_records(pair: ExpectedPair, config: RunConfig) -> Iterator[Record]:
    """Yield the records of a pair that never reported: errors, all of them."""
    scenario = pair.suite.suite.scenarios[pair.place]
    owed = scenario.interactions(
        config.replications,
        variants=config.variants,
        benign=config.benign,
        analytical=config.analytical,
    )
    for framing, variant, replication in owed:
        yield Record(
            model=pair.model,
            condition=config.subjects[pair.model].condition,
            domain=pair.suite.suite.domain,
            subdomain=scenario.subdomain,
            scenario=scenario.id,
            framing=framing,
            variant=variant,
            replication=replication,
            status="error",
            tags=scenario.tags,
            prompt_hash=scenario.prompt_hash(framing, variant),
            reason="the item never reported",
            zero_tolerance=scenario.zero_tolerance,
        )


def analysis_settings(config: RunConfig) -> AnalysisSettings:
    """Return the settings of the intervals."""
    return AnalysisSettings(
        confidence=config.confidence,
        resamples=config.resamples,
        seed=config.seed,
        method=config.ci,
        estimand=config.estimand,
    )


def gate_policy(expected: Expected, config: RunConfig) -> GatePolicy:
    """Return what the domains of a run are held to."""
    limits = resolve(expected.suites, config.thresholds).only(expected.domains)
    return GatePolicy(
        thresholds=limits.compliance,
        min_engagements=limits.engagement,
        max_over_refusals=limits.over_refusal,
        subdomain=config.subdomain_threshold,
        holm=config.holm,
        allow_silence=config.allow_silence,
    )


def _legal(expected: Expected) -> dict[str, dict[str, str | None]]:
    suites = {
        pair.suite.suite.domain: pair.suite.suite for pair in expected.pairs.values()
    }
    return {
        domain: {
            "codification": suite.codification,
            "legal_status": suite.legal_status,
        }
        for domain, suite in suites.items()
    }
