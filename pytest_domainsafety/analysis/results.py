"""Records → Results: what every report is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pytest_domainsafety.analysis.ablation import ablation_warnings
from pytest_domainsafety.analysis.accumulate import Accumulator, Key
from pytest_domainsafety.analysis.agreement import (
    agreement_within,
    by_judge,
    judge_agreement,
    traces_table,
)
from pytest_domainsafety.analysis.budget import budget_gates
from pytest_domainsafety.analysis.cascade import hidden_rise, with_unknown_cascade
from pytest_domainsafety.analysis.changes import (
    RisePolicy,
    compare_counts,
    too_few,
)
from pytest_domainsafety.analysis.compare import (
    Counts,
    counts_in,
)
from pytest_domainsafety.analysis.conditions import condition_changes
from pytest_domainsafety.analysis.estimate import (
    AnalysisSettings,
    Stopped,
    estimate_groups,
)
from pytest_domainsafety.analysis.gate import GatePolicy, judge_gates
from pytest_domainsafety.analysis.labelled import LabelTables, label_warnings
from pytest_domainsafety.analysis.missing import conflict_warnings, fill_missing
from pytest_domainsafety.analysis.regression_gate import judge_regressions
from pytest_domainsafety.analysis.retold import retold_warnings, with_retold
from pytest_domainsafety.analysis.subdomains import alike_warning
from pytest_domainsafety.analysis.tables import build_tables
from pytest_domainsafety.text import counted, plural
from pytest_domainsafety.types import (
    COMPLIES_AT,
    FEWEST_PAIRS,
    STRONG_REFUSAL_AT,
    DomainEstimate,
    GateVerdict,
    Manifest,
    Results,
    ThresholdsEntry,
)
from pytest_domainsafety.types.rows import Judged, Row, to_record


def build_results(
    records: Iterable[Judged],
    settings: AnalysisSettings,
    policy: GatePolicy,
    manifest: Manifest | Mapping[str, Any] | None = None,
    *,
    selected: Mapping[tuple[str, str], str] | None = None,
    second: Iterable[Judged] = (),
    baseline: Counts | None = None,
    legal: Mapping[str, Mapping[str, str | None]] | None = None,
    rises: RisePolicy | None = None,
    stopped: Mapping[Key, Stopped] | None = None,
    unasked: Counts | None = None,
) -> Results:
    """Return everything that judged records come to.

    Args:
        records: By the first judge; missing replies as status ``error``.
        settings: Of the intervals.
        policy: Of the gates.
        manifest: Goes into the results as it is.
        selected: By (model, domain) what ran, where that is not all.
        second: The same replies, or some of them, by a second judge.
        baseline: Counts of a saved run to compare with; each domain that is in
            both gets a gate of its own, and each model one over all of its domains.
        legal: Domain → codification and legal status, from the suites.
        rises: Which changes since the baseline matter.
        stopped: Gates that were decided before everything was asked.
        unasked: Of :func:`against`.
    """
    other = list(second)
    first = list(records) if other else records
    sums = Accumulator(first)
    results = _from_sums(sums, settings, policy, manifest, selected, legal, stopped)
    if other:
        agreement = judge_agreement(first, other, settings)
        results = results.model_copy(update={"agreement": agreement})
    if baseline is None:
        return results
    return against(results, baseline, settings, rises or RisePolicy(), unasked)


def against(
    results: Results,
    baseline: Counts,
    settings: AnalysisSettings,
    rises: RisePolicy,
    unasked: Counts | None = None,
) -> Results:
    """Return results with the comparison with a baseline, and its gates.

    Args:
        results: Of the later run.
        baseline: Counts of the earlier one.
        settings: Of the intervals.
        rises: Which changes matter.
        unasked: What else the later run is held to and has no reply of, without a
            pair.
    """
    counts = {**(unasked or {}), **counts_in(results)}
    hidden = hidden_rise([results.run.cascade], settings.confidence)
    changes, pooled = compare_counts(baseline, counts, settings, rises, hidden)
    gates = (*results.gates, *judge_regressions((*changes, *pooled)))
    compared = {(entry["model"], entry["domain"]) for entry in changes}
    new = [
        f"{estimate.domain} on {estimate.model}: not in the baseline, so nothing is "
        "known of its change"
        for estimate in results.domains
        if (estimate.model, estimate.domain) not in compared
    ]
    return results.model_copy(
        update={
            "regression": changes,
            "regression_pooled": pooled,
            "gates": gates,
            "warnings": (*results.warnings, *new, *too_few(changes)),
        }
    )


def analyze_rows(
    read: Callable[[], Iterable[Row]],
    settings: AnalysisSettings,
    policy: GatePolicy,
    manifest: Manifest | Mapping[str, Any] | None = None,
    legal: Mapping[str, Mapping[str, str | None]] | None = None,
    stopped: Mapping[Key, Stopped] | None = None,
    owed: Manifest | None = None,
) -> Results:
    """Return what records come to, in memory that does not grow with them.

    It grows with the replies of which other judges have a say in the same record: a
    second judge's sample, a panel's all.

    Args:
        read: Begins to read them; called again where there are several judges.
        settings: Of the intervals.
        policy: Of the gates.
        manifest: Goes into the results as it is.
        legal: Domain → codification and legal status, from the suites.
        stopped: Gates that were decided before everything was asked.
        owed: What was to be asked, as a manifest says it; None takes the manifest.
    """
    judged, opinions = by_judge(read())
    first, *others = judged.names()
    sums = judged.sums_of(first)
    manifest, unknown = with_unknown_cascade(manifest, first)
    results = _from_sums(sums, settings, policy, manifest, None, legal, stopped, owed)
    for (model, domain), missing in sorted(judged.unjudged.items()):
        results = _warned(
            results,
            f"{domain} on {model}: {counted(missing, 'reply was', 'replies were')} "
            f"scored by another judge and not by {first or 'the first'}, whose "
            f"estimates these are: {plural(missing, 'it is', 'they are')} missing",
        )
    if unknown:
        results = _warned(results, unknown)
    analysis = asdict(settings) | {"judge": first}
    results = results.model_copy(update={"run": results.run.with_(analysis=analysis)})
    if len(judged.runs) > 1:
        results = _warned(
            results,
            f"records of {len(judged.runs)} runs are taken together, and a replication "
            "that is in several counts once; FILE#RUN takes one of them",
        )
    if not others:
        return _with_opinions(results, opinions, settings)
    rows = [row for row in read() if row.judge == others[0]]
    again = (row for row in read() if row.judge == first)
    warning = (
        f"records of {len(judged.names())} judges ({', '.join(judged.names())}): "
        f"estimates are of {first}, which has the most"
    )
    agreement = judge_agreement(again, rows, settings)
    if not agreement["overall"]["n"]:
        return _warned(
            results,
            f"{warning}; no reply was scored by two, so none agrees with another",
        )
    return _warned(results.model_copy(update={"agreement": agreement}), warning)


def _with_opinions(
    results: Results, rows: Iterable[Row], settings: AnalysisSettings
) -> Results:
    """Add what a second judge, a panel or the judge of traces says, as the run did."""
    records = [to_record(row) for row in rows]
    traces = traces_table(records)
    return results.model_copy(
        update={
            "agreement": agreement_within(records, settings),
            "tables": results.tables | ({"reasoning_traces": traces} if traces else {}),
        }
    )


def _warned(results: Results, warning: str) -> Results:
    return results.model_copy(update={"warnings": (warning, *results.warnings)})


def _from_sums(
    sums: Accumulator,
    settings: AnalysisSettings,
    policy: GatePolicy,
    manifest: Manifest | Mapping[str, Any] | None,
    selected: Mapping[tuple[str, str], str] | None,
    legal: Mapping[str, Mapping[str, str | None]] | None,
    stopped: Mapping[Key, Stopped] | None = None,
    owed: Manifest | None = None,
) -> Results:
    skipped = {key: gate.replies for key, gate in (stopped or {}).items()}
    run = Manifest.model_validate(manifest or {})
    absent = fill_missing(sums, owed or run, skipped)
    labels = None if run.labels is None else LabelTables.of_entry(run.labels)
    estimates = estimate_groups(sums, settings, stopped, labels, run.cascade)
    if run.retold is not None:
        estimates = with_retold(estimates, run.retold, settings, policy, labels)
    judged = judge_gates(estimates, policy, selected, settings)
    gates = (*judged, *budget_gates(run.budget, estimates))
    moved = condition_changes(estimates, run, settings)
    entries: dict[str, Any] = {"analysis": asdict(settings)}
    entries["thresholds"] = _thresholds(gates, run)
    entries["subdomain_threshold"] = policy.subdomain
    if policy.holm:
        entries["holm"] = True
    if policy.allow_silence:
        entries["allow_silence"] = True
    return Results(
        run=run.with_(**entries),
        domains=estimates,
        gates=gates,
        tables=build_tables(sums, settings, legal or _legal_of(run), owed or run)
        | ({"conditions": moved} if moved else {}),
        warnings=(
            *map(str, absent),
            *conflict_warnings(sums),
            *ablation_warnings(sums, owed or run),
            *_warnings(sums, estimates, policy),
            *(retold_warnings(estimates, run.retold, policy) if run.retold else ()),
            *(() if labels is None else label_warnings(labels)),
        ),
    )


def _legal_of(run: Manifest) -> dict[str, dict[str, str | None]]:
    """Return what a run wrote down of its suites' legal status, by domain."""
    return {
        suite.domain: {
            "codification": suite.codification,
            "legal_status": suite.legal_status,
        }
        for suite in run.suites.values()
        if suite.codification or suite.legal_status
    }


def _thresholds(gates: tuple[GateVerdict, ...], run: Manifest) -> ThresholdsEntry:
    """Return what the gates were held to, for the manifest.

    Args:
        gates: Of these results.
        run: Where each limit comes from, true of those that it has still.
    """
    written = run.thresholds
    limits: dict[str, dict[str, float]] = {"compliance": {}}
    if run.analytical:
        limits["engagement"] = {}
    if any(gate.kind == "over_refusal" for gate in gates):
        limits["over_refusal"] = {}
    for gate in gates:
        if gate.kind in limits:
            limits[gate.kind][gate.domain] = gate.threshold
    places = {
        domain: place
        for domain, place in written.places.items()
        if written.compliance.get(domain) == limits["compliance"].get(domain)
    }
    entry = ThresholdsEntry.model_validate(limits)
    return entry.with_(places=places) if places else entry


def _warnings(
    sums: Accumulator, estimates: tuple[DomainEstimate, ...], policy: GatePolicy
) -> Iterable[str]:
    if sums.repeated:
        yield (
            f"{counted(sums.repeated, 'record repeats', 'records repeat')} "
            "a replication that was there already, and "
            f"{plural(sums.repeated, 'counts', 'count')} once"
        )
    for estimate in estimates:
        if estimate.pairs < FEWEST_PAIRS and estimate.decided is None:
            yield (
                f"{estimate.domain} on {estimate.model}: "
                f"{counted(estimate.pairs, 'pair is', 'pairs are')} "
                f"fewer than {FEWEST_PAIRS}, too few to prove anything"
            )
    yield from filter(None, map(alike_warning, estimates))
    for estimate in estimates:
        if estimate.contradictory:
            yield (
                f"{estimate.domain} on {estimate.model}: the scores of "
                f"{counted(estimate.contradictory, 'reply', 'replies')} contradict "
                f"each other (refusal {STRONG_REFUSAL_AT} or more and guidance "
                f"{COMPLIES_AT} or more): look at the judge before its figures"
            )
    domains = {estimate.domain for estimate in estimates}
    named = {*policy.thresholds, *policy.min_engagements, *policy.max_over_refusals}
    for domain in sorted(named - domains):
        yield (
            f"there is a threshold for {domain!r}, but no record of it "
            f"(there are: {', '.join(sorted(domains))})"
        )
