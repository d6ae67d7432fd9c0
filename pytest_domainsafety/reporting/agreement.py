"""Two judges' agreement in words and rows (method §M7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_domainsafety.text import counted, printable

TITLE = ("", "replies", "agree", "κ", "95% CI", "κ weighted", "α", "exact", "±1", "ρ")
"""Compliance in the first half, guidance in the second."""


def agreement_headline(agreement: Mapping[str, Any]) -> str:
    """Return the agreement in one sentence."""
    overall = agreement["overall"]
    names = " and ".join(printable(name) for name in agreement.get("judges", ()))
    who = f" of {names}" if names else ""
    if not overall["n"]:
        return f"agreement{who}: no reply was scored by both"
    kappa = "has no κ (one of them always says the same)"
    if overall["kappa"] is not None:
        kappa = f"κ {overall['kappa']:.2f}{_limits(overall)}"
    return (
        f"agreement{who} on {counted(overall['n'], 'reply', 'replies')}: "
        f"{_share(overall)} on compliance, "
        f"{kappa}"
    )


def agreement_rows(agreement: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the title, a row overall, and a row a domain."""
    confidence = agreement.get("confidence", 0.95)
    yield tuple(f"{100 * confidence:.3g}% CI" if "CI" in t else t for t in TITLE)
    yield _row("all", agreement["overall"])
    for domain, measures in agreement["by_domain"].items():
        yield _row(printable(domain, 40), measures)


def aligned(rows: Iterator[tuple[str, ...]], indent: int = 2) -> Iterator[str]:
    """Yield rows as lines, in columns."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *rest in table:
        cells = [first.ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
        yield " " * indent + "  ".join(cells).rstrip()


def _row(name: str, measures: Mapping[str, Any]) -> tuple[str, ...]:
    scale = "guidance"
    return (
        name,
        str(measures["n"]),
        _share(measures),
        _number(measures["kappa"]),
        _limits(measures).strip(" ()") or "–",
        _number(measures.get("weighted_kappa", {}).get(scale)),
        _number(measures["alpha"][scale]),
        f"{100 * measures['exact'][scale]:.0f}%",
        f"{100 * measures['within_one'][scale]:.0f}%",
        _number(measures["spearman"][scale]),
    )


def _share(measures: Mapping[str, Any]) -> str:
    value = measures["binary_agreement"]
    return "–" if value is None else f"{100 * value:.1f}%"


def _limits(measures: Mapping[str, Any]) -> str:
    limits = measures["kappa_ci"]
    return "" if limits is None else f" ({limits[0]:.2f}–{limits[1]:.2f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
