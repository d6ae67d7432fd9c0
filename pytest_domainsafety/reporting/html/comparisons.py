"""Pictures of differences: against the baseline, between wordings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_domainsafety.reporting.html.figures import (
    charts,
    grouped,
    several_models,
)
from pytest_domainsafety.reporting.html.markup import Figure, Table
from pytest_domainsafety.reporting.html.rowchart import Mark, Row, Scale
from pytest_domainsafety.reporting.numbers import (
    change,
    change_limits,
    number,
    p_value,
    percent,
    points,
    spoken,
)
from pytest_domainsafety.reporting.wording import (
    SHAPES,
    SIGNIFICANT,
    SIGNS,
    change_state,
    change_word,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results

# ── against the baseline ────────────────────────────────────────────────────


def changes(results: Results) -> Figure:
    """Return the differences from the baseline with their limits."""
    comparisons = [
        comparison
        for comparison in _rows(results)
        if comparison.get("difference") is not None
    ]
    reach = max(
        (abs(end) for comparison in comparisons for end in (comparison["ci"] or ())),
        default=0.25,
    )
    scale = around_zero(reach)
    rows = grouped(
        results,
        ((comparison["model"], _change_row(comparison)) for comparison in comparisons),
    )
    table = Table(
        "Change of compliance against the baseline, in percentage points",
        (
            "Domain",
            "Model",
            "#Pairs in both",
            "#Baseline",
            "#Now",
            "#Change",
            "#Limits",
            "#p",
            "#p (corrected)",
            "#Margin",
            "Verdict",
        ),
        tuple(_change_cells(comparison) for comparison in _rows(results)),
    )
    legend = (
        ("failed", f"▲ regressed: corrected p < {SIGNIFICANT:g}"),
        ("passed", "● no rise shown; of all domains: one above the margin ruled out"),
        ("unmeasured", "◆ open: too few pairs, or it hangs on missing replies"),
    )
    return Figure(
        "Change of compliance against the baseline, in percentage points",
        table,
        *charts(rows, "Changes of compliance with their limits", scale),
        legend=legend,
        note="Paired: only pairs that both runs have, with the same prompt, count. "
        "To the right of zero the model complies more often than the baseline did.",
    )


def _rows(results: Results) -> tuple[dict[str, Any], ...]:
    """Return what changed, over all domains first."""
    return (*results.regression_pooled, *results.regression)


def _answer(comparison: Mapping[str, Any]) -> str:
    return f"{SIGNS[change_state(comparison)]} {change_word(comparison)}"


def around_zero(reach: float) -> Scale:
    """Return a scale of changes, zero in its middle."""
    top = next(step for step in (0.1, 0.25, 0.5, 1.0) if reach <= step or step == 1.0)
    return Scale(-top, top, (-top, -top / 2, 0.0, top / 2, top))


def _change_row(comparison: Mapping[str, Any]) -> Row:
    how = change_state(comparison)
    low, high = comparison["ci"]
    value = f"{change(comparison['difference'])}  [{change_limits((low, high))}]"
    return Row(
        spoken(comparison["domain"]),
        (
            Mark("span", low, high, how),
            Mark("point", comparison["difference"], 0.0, how, SHAPES[how]),
        ),
        value,
        _answer(comparison),
        how,
        f"{spoken(comparison['domain'])}: {value} points over "
        f"{counted(comparison.get('pairs', 0), 'pair')}, corrected p "
        f"{p_value(comparison.get('p_adjusted'))}",
    )


def _change_cells(comparison: Mapping[str, Any]) -> tuple[str, ...]:
    before, now = comparison.get("rates") or (None, None)
    return (
        spoken(comparison["domain"]),
        comparison["model"],
        number(comparison.get("pairs")),
        percent(before),
        percent(now),
        change(comparison.get("difference")),
        change_limits(comparison.get("ci")),
        p_value(comparison.get("p")),
        p_value(comparison.get("p_adjusted")),
        points(comparison.get("margin")) if comparison.get("decides") else "–",
        _answer(comparison),
    )


def flips(results: Results) -> Table:
    """Return the pairs that flipped, the worse ones first."""
    rows = [
        (name, spoken(comparison["domain"]), comparison["model"], outcome)
        for key, outcome in (("worse", "▲ now complies"), ("better", "● now refuses"))
        for comparison in results.regression
        for name in comparison.get("flipped", {}).get(key, ())
    ]
    return Table(
        "Pairs that flipped: most replies now go the other way",
        ("Scenario", "Domain", "Model", "What happened"),
        tuple(rows),
    )


# ── wording ─────────────────────────────────────────────────────────────────

TAGS = {
    "F1": "F1 engineering",
    "F2": "F2 optimisation",
    "F3": "F3 authority or role",
    "F4": "F4 procedural",
}


def framing_tags(results: Results) -> Figure | None:
    """Return compliance with and without each framing tag."""
    table: Mapping[str, Any] = results.tables.get("framing_tags") or {}
    rows, cells = [], []
    for name, contrast in table.items():
        share_with, without = contrast.get("with"), contrast.get("without")
        label = TAGS.get(name, name)
        cells.append(
            (
                label,
                percent(contrast.get("share")),
                percent(share_with),
                percent(without),
                change(contrast.get("difference")),
                change_limits(contrast.get("ci")),
            )
        )
        if share_with is None or without is None:
            continue
        marks = (
            Mark("link", without, share_with),
            Mark("point", without, 0.0, "without", "square"),
            Mark("point", share_with, 0.0, "operational", "triangle"),
        )
        value = (
            f"{change(contrast.get('difference'))}  "
            f"[{change_limits(contrast.get('ci'))}]"
        )
        tip = f"{label}: {percent(share_with)} with, {percent(without)} without"
        rows.append(Row(label, marks, value, "", "", tip))
    if not rows:
        return None
    return Figure(
        "Framing tags: compliance with and without",
        Table(
            "Compliance by framing tag of the operational prompt",
            ("Tag", "#Prompts", "#With", "#Without", "#Difference", "#Limits"),
            tuple(cells),
        ),
        *charts(rows, "Compliance with and without each framing tag"),
        legend=(
            ("operational", "▲ prompts with the tag"),
            ("without", "■ prompts without it"),
        ),
        note="Prompts with and without a tag differ in more than the tag: this is a "
        "description, not a cause.",
    )


def variants(results: Results) -> Figure | None:
    """Return what ablated prompts change."""
    table: Mapping[str, Any] = results.tables.get("variants") or {}
    contrasts = [
        (variant, domain, model, contrast)
        for variant, by_domain in table.items()
        for domain, by_model in by_domain.items()
        for model, contrast in by_model.items()
        if contrast.get("difference") is not None
    ]
    if not contrasts:
        return None
    reach = max(abs(end) for *_, contrast in contrasts for end in contrast["ci"])
    rows: list[Row] = []
    for variant in dict.fromkeys(entry[0] for entry in contrasts):
        rows.append(Row(spoken(variant), heading=True))
        for name, domain, model, contrast in contrasts:
            if name == variant:
                rows.append(_variant_row(domain, model, contrast, results))
    cells = tuple(
        (
            spoken(variant),
            spoken(domain),
            model,
            number(contrast["pairs"]),
            change(contrast["difference"]),
            change_limits(contrast["ci"]),
            p_value(contrast.get("p")),
        )
        for variant, domain, model, contrast in contrasts
    )
    return Figure(
        "Ablated prompts against the prompts as written, in percentage points",
        Table(
            "Change of compliance by variant, in percentage points",
            ("Variant", "Domain", "Model", "#Pairs", "#Change", "#Limits", "#p"),
            cells,
        ),
        *charts(rows, "Changes of compliance by variant", around_zero(reach)),
        note="Left of zero, the model complies less once that part of the prompt is "
        "taken out.",
    )


def _variant_row(
    domain: str, model: str, contrast: Mapping[str, Any], results: Results
) -> Row:
    low, high = contrast["ci"]
    value = f"{change(contrast['difference'])}  [{change_limits((low, high))}]"
    return Row(
        spoken(domain),
        (
            Mark("span", low, high, "neutral"),
            Mark("point", contrast["difference"], 0.0, "neutral", "square"),
        ),
        value,
        tip=f"{spoken(domain)}, {model}: {value} over "
        f"{counted(contrast['pairs'], 'pair')}",
        under=model if several_models(results) else "",
    )
