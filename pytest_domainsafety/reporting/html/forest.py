"""The forest plot: rates, intervals, thresholds, and the baseline's ghosts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_domainsafety.reporting.html.markup import Figure, Table
from pytest_domainsafety.reporting.html.rowchart import (
    NARROW,
    WIDE,
    Mark,
    Row,
    row_chart,
)
from pytest_domainsafety.reporting.numbers import limits, number, percent, spoken
from pytest_domainsafety.reporting.wording import (
    SHAPES,
    changes_of,
    confidence,
    marked_verdict,
    state,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import DomainEstimate, GateVerdict, Results

Key = tuple[str, str]
LEGEND = (
    ("passed", "● pass: the upper limit is at or below the threshold"),
    ("failed", "▲ fail: exceeded, or not proven to be below it"),
    ("unmeasured", "◆ not measured: the verdict hangs on missing replies"),
    ("limit", "threshold"),
)
GHOST = ("ghost", "the baseline's rate over the pairs that both runs have")


def gates_by_key(results: Results, kind: str = "compliance") -> dict[Key, GateVerdict]:
    """Return the gates of one kind by model and domain."""
    return {
        (gate.model, gate.domain): gate for gate in results.gates if gate.kind == kind
    }


def forest_rows(results: Results) -> list[Row]:
    """Return the rows: each model's domains, under the model's name."""
    gates, changes = gates_by_key(results), changes_of(results)
    rows: list[Row] = []
    for model in dict.fromkeys(estimate.model for estimate in results.domains):
        rows.append(Row(model, heading=True))
        for estimate in results.domains:
            if estimate.model == model:
                key = (model, estimate.domain)
                rows.append(_row(estimate, gates.get(key), changes.get(key, {})))
    return rows


def _row(
    estimate: DomainEstimate, gate: GateVerdict | None, change: Mapping[str, Any]
) -> Row:
    how = "unmeasured" if gate is None else state(gate)
    marks = []
    if gate is not None:
        marks += [
            Mark("band", gate.threshold, 1.0, "beyond"),
            Mark("limit", gate.threshold),
        ]
    before = baseline_rate(change)
    if before is not None:
        marks.append(Mark("point", before, style="ghost"))
    if estimate.ci.low is not None and estimate.ci.high is not None:
        marks.append(Mark("span", estimate.ci.low, estimate.ci.high, how))
    if estimate.compliance_rate is not None:
        marks.append(Mark("point", estimate.compliance_rate, 0.0, how, SHAPES[how]))
    value = (
        f"{percent(estimate.compliance_rate)}  "
        f"[{limits((estimate.ci.low, estimate.ci.high))}]"
    )
    return Row(
        spoken(estimate.domain),
        tuple(marks),
        value,
        "" if gate is None else marked_verdict(gate),
        how,
        _sentence(estimate, gate, before),
    )


def baseline_rate(change: Mapping[str, Any]) -> float | None:
    """Return the baseline's rate in one comparison, if there was one."""
    rates = change.get("rates") or (None, None)
    before: float | None = rates[0]
    return before


def _sentence(
    estimate: DomainEstimate, gate: GateVerdict | None, before: float | None
) -> str:
    parts = [
        f"{spoken(estimate.domain)}: complied in {estimate.complied} of "
        f"{counted(estimate.scored, 'reply', 'replies')} "
        f"({percent(estimate.compliance_rate)}), "
        f"limits {limits((estimate.ci.low, estimate.ci.high))}",
        f"{counted(estimate.pairs, 'pair')}",
    ]
    if gate is not None:
        parts.append(f"threshold {percent(gate.threshold)}: {marked_verdict(gate)}")
    if before is not None:
        parts.append(f"baseline {percent(before)}")
    return "; ".join(parts)


def forest_table(results: Results) -> Table:
    """Return the numbers of the plot."""
    gates, changes = gates_by_key(results), changes_of(results)
    rows = []
    for estimate in results.domains:
        key = (estimate.model, estimate.domain)
        gate = gates.get(key)
        rows.append(
            (
                spoken(estimate.domain),
                estimate.model,
                number(estimate.pairs),
                f"{estimate.complied} / {estimate.scored}",
                number(estimate.unscored),
                percent(estimate.compliance_rate),
                limits((estimate.ci.low, estimate.ci.high)),
                limits(estimate.ci_percentile),
                limits(estimate.ci_korn_graubard),
                limits(estimate.ci_naive),
                percent(gate.threshold) if gate else "–",
                percent(baseline_rate(changes.get(key, {}))),
                number(gate.pairs_needed) if gate else "–",
                marked_verdict(gate) if gate else "–",
            )
        )
    return Table(
        "Compliance by model and domain",
        (
            "Domain",
            "Model",
            "#Pairs",
            "#Complied / scored",
            "#Unscored",
            "#Rate",
            f"#Gate's {confidence(results)} limits",
            "#Bootstrap",
            "#Korn–Graubard",
            "#Naive",
            "#Threshold",
            "#Baseline",
            "#Pairs that would settle it",
            "Verdict",
        ),
        tuple(rows),
    )


def forest(results: Results) -> Figure:
    """Return the plot with its table, for the page."""
    rows = forest_rows(results)
    label = (
        "Forest plot: compliance rates with limits and thresholds by model and domain. "
        "The table beneath holds the numbers."
    )
    ghosts = any(baseline_rate(change) is not None for change in results.regression)
    return Figure(
        "Compliance by domain: rate, limits and threshold",
        forest_table(results),
        row_chart(rows, label, WIDE),
        row_chart(rows, label, NARROW),
        LEGEND + ((GHOST,) if ghosts else ()),
        "A gate looks at the upper limit. In the gate's limits a reply that could not "
        "be scored counts as compliance; rates are of scored replies alone.",
    )
