"""Models side by side, and how evenly they were measured: rows for every report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_domainsafety.reporting.numbers import number, percent
from pytest_domainsafety.subjects import subject_name
from pytest_domainsafety.text import counted, printable
from pytest_domainsafety.types import Results


class ModelRow(NamedTuple):
    """One model, as words."""

    model: str
    pairs: str
    harm: str
    engages: str
    complies: str
    refuses: str
    silent: str


MODEL_HEADINGS = ModelRow(
    "model",
    "pairs",
    "sees harm",
    "discusses",
    "helps",
    "declines",
    "no answer",
)
MODEL_NOTE = (
    "Asked to identify the harm, a model sees it (mean of 1 to 5) and discusses it; "
    "asked to help, it helps or declines: one who sees most need not help least."
)


def model_rows(results: Results) -> list[ModelRow]:
    """Return a row a model and condition, the most helpful to harm first."""
    table = results.tables.get("by_model") or []
    order = sorted(table, key=lambda row: -(row["compliance_rate"] or 0.0))
    return [
        ModelRow(
            subject_name(row["model"], row["condition"]),
            number(row["pairs"]),
            number(row.get("harm_identification")),
            percent(row.get("engagement_rate")),
            percent(row["compliance_rate"]),
            percent(row["strong_refusal_rate"]),
            number(row["silent"] + row["filtered"]),
        )
        for row in order
    ]


def worth_showing(results: Results) -> bool:
    """Whether models are to stand side by side: several, or one that is no plain one.

    Of a product that says nothing, or is filtered, what it sees stands beside that.
    """
    return len(model_rows(results)) > 1 or bool(count_rows(results))


class CountRow(NamedTuple):
    """One cell, as words."""

    model: str
    domain: str
    framing: str
    expected: str
    scored: str
    silent: str
    filtered: str
    missing: str


COUNT_HEADINGS = CountRow(
    *("model", "domain", "framing", "expected", "scored", "silent", "filtered"),
    "missing",
)


def count_rows(results: Results, *, every: bool = False) -> list[CountRow]:
    """Return a row a cell that was not measured whole and answered.

    Args:
        results: Of a run.
        every: All cells, if there is one such.
    """
    table = results.tables.get("cell_counts") or []
    short = _short(table)
    odd = [r for r in table if r["silent"] + r["filtered"] or r in short]
    if odd and not every:
        table = odd
    elif not odd:
        return []
    return [
        CountRow(
            subject_name(row["model"], row["condition"]),
            row["domain"],
            row["framing"],
            number(row["responses"]),
            number(row["scored"]),
            number(row["silent"]),
            number(row["filtered"]),
            number(row["responses"] - row["scored"]),
        )
        for row in table
    ]


def _short(table: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cells with fewer scored replies than another model's has or owes."""
    most: dict[tuple[str, str], int] = {}
    for row in table:
        key = row["domain"], row["framing"]
        most[key] = max(most.get(key, 0), row["responses"])
    return [row for row in table if row["scored"] < most[row["domain"], row["framing"]]]


def counts_told(results: Results) -> Iterator[str]:
    """Yield a sentence where cells are uneven: a mean over domains weighs them so."""
    table = results.tables.get("cell_counts") or []
    short = _short(table)
    if not short:
        return
    least = min(short, key=lambda row: row["scored"])
    who = printable(subject_name(least["model"], least["condition"]))
    cells = counted(len(table), "cell")
    yield (
        f"uneven: {len(short)} of {cells} (model, domain, framing) have fewer scored "
        f"replies than others, the fewest {least['framing']} in "
        f"{printable(least['domain'])} on {who}: {least['scored']} of "
        f"{least['responses']}"
    )
