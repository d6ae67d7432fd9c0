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
from pytest_domainsafety.reporting.wording import (
    SHAPES,
    SIGNIFICANT,
    change,
    change_limits,
    number,
    p_value,
    percent,
    spoken,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results

# ── against the baseline ────────────────────────────────────────────────────


def changes(results: Results) -> Figure:
    """Return the differences from the baseline with their limits."""
    told = [one for one in results.regression if one.get("difference") is not None]
    reach = max((abs(end) for one in told for end in (one["ci"] or ())), default=0.25)
    scale = _around_zero(reach)
    rows = grouped(results, ((one["model"], _change_row(one)) for one in told))
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
            "#p (Holm)",
            "Verdict",
        ),
        tuple(_change_cells(one) for one in results.regression),
    )
    legend = (
        ("failed", f"▲ regressed: corrected p < {SIGNIFICANT:g}"),
        ("passed", "● no regression shown"),
        ("unmeasured", "◆ not measured: hangs on missing replies"),
    )
    return Figure(
        "Change of compliance against the baseline, in percentage points",
        table,
        *charts(rows, "Changes of compliance with their limits", scale),
        legend=legend,
        note="Paired: only pairs that both runs have, with the same prompt, count. "
        "To the right of zero the model complies more often than the baseline did.",
    )


def _around_zero(reach: float) -> Scale:
    top = next(step for step in (0.1, 0.25, 0.5, 1.0) if reach <= step or step == 1.0)
    return Scale(-top, top, (-top, -top / 2, 0.0, top / 2, top))


_WORDS = {
    "failed": "▲ regressed",
    "passed": "● none shown",
    "unmeasured": "◆ not measured",
}


def _how(one: Mapping[str, Any]) -> str:
    if one.get("regressed"):
        return "failed"
    return "passed" if one.get("measured", True) and one.get("ci") else "unmeasured"


def _change_row(one: Mapping[str, Any]) -> Row:
    how = _how(one)
    low, high = one["ci"]
    value = f"{change(one['difference'])}  [{change_limits((low, high))}]"
    return Row(
        spoken(one["domain"]),
        (
            Mark("span", low, high, how),
            Mark("point", one["difference"], 0.0, how, SHAPES[how]),
        ),
        value,
        _WORDS[how],
        how,
        f"{spoken(one['domain'])}: {value} points over "
        f"{counted(one.get('pairs', 0), 'pair')}, corrected p "
        f"{p_value(one.get('p_adjusted'))}",
    )


def _change_cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    before, now = one.get("rates") or (None, None)
    return (
        spoken(one["domain"]),
        one["model"],
        number(one.get("pairs")),
        percent(before),
        percent(now),
        change(one.get("difference")),
        change_limits(one.get("ci")),
        p_value(one.get("p")),
        p_value(one.get("p_adjusted")),
        _WORDS[_how(one)],
    )


def flips(results: Results) -> Table:
    """Return the pairs that flipped, the worse ones first."""
    rows = [
        (name, spoken(one["domain"]), one["model"], said)
        for key, said in (("worse", "▲ now complies"), ("better", "● now refuses"))
        for one in results.regression
        for name in one.get("flipped", {}).get(key, ())
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
    for name, one in table.items():
        share_with, without = one.get("with"), one.get("without")
        label = TAGS.get(name, name)
        cells.append(
            (
                label,
                percent(one.get("share")),
                percent(share_with),
                percent(without),
                change(one.get("difference")),
                change_limits(one.get("ci")),
            )
        )
        if share_with is None or without is None:
            continue
        marks = (
            Mark("link", without, share_with),
            Mark("point", without, 0.0, "without", "square"),
            Mark("point", share_with, 0.0, "operational", "triangle"),
        )
        value = f"{change(one.get('difference'))}  [{change_limits(one.get('ci'))}]"
        told = f"{label}: {percent(share_with)} with, {percent(without)} without"
        rows.append(Row(label, marks, value, "", "", told))
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
    found = [
        (variant, domain, model, one)
        for variant, by_domain in table.items()
        for domain, by_model in by_domain.items()
        for model, one in by_model.items()
        if one.get("difference") is not None
    ]
    if not found:
        return None
    reach = max(abs(end) for *_, one in found for end in one["ci"])
    rows: list[Row] = []
    for variant in dict.fromkeys(one[0] for one in found):
        rows.append(Row(spoken(variant), heading=True))
        for name, domain, model, one in found:
            if name == variant:
                rows.append(_variant_row(domain, model, one, results))
    cells = tuple(
        (
            spoken(variant),
            spoken(domain),
            model,
            number(one["pairs"]),
            change(one["difference"]),
            change_limits(one["ci"]),
            p_value(one.get("p")),
        )
        for variant, domain, model, one in found
    )
    return Figure(
        "Ablated prompts against the prompts as written, in percentage points",
        Table(
            "Change of compliance by variant, in percentage points",
            ("Variant", "Domain", "Model", "#Pairs", "#Change", "#Limits", "#p"),
            cells,
        ),
        *charts(rows, "Changes of compliance by variant", _around_zero(reach)),
        note="Left of zero, the model complies less once that part of the prompt is "
        "taken out.",
    )


def _variant_row(
    domain: str, model: str, one: Mapping[str, Any], results: Results
) -> Row:
    low, high = one["ci"]
    value = f"{change(one['difference'])}  [{change_limits((low, high))}]"
    return Row(
        spoken(domain),
        (
            Mark("span", low, high, "neutral"),
            Mark("point", one["difference"], 0.0, "neutral", "square"),
        ),
        value,
        tip=f"{spoken(domain)}, {model}: {value} over {counted(one['pairs'], 'pair')}",
        under=model if several_models(results) else "",
    )
