"""What the system prompts of a run change, as rows of text: one for every report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pytest_domainsafety.reporting.numbers import (
    change,
    change_limits,
    number,
    p_value,
    percent,
)
from pytest_domainsafety.reporting.wording import condition_word
from pytest_domainsafety.types import ALL_DOMAINS, Results


class ConditionRow(NamedTuple):
    """One comparison, as words."""

    model: str
    condition: str
    domain: str
    pairs: str
    first: str
    rate: str
    moved: str
    limits: str
    p: str
    says: str


HEADINGS = ConditionRow(
    "model",
    "prompt",
    "domain",
    "pairs",
    "first",
    "rate",
    "change",
    "CI",
    "p",
    "",
)
RIGHT = frozenset({"pairs", "first", "rate", "moved", "limits", "p"})
"""Columns of numbers."""


def condition_sentences(results: Results, *, short: bool) -> Iterator[str]:
    """Yield a sentence a comparison; in short, of all domains together.

    Sentences and no table: the names of models leave no room for columns.
    """
    rows = condition_rows(results)
    pooled = {(row.model, row.condition) for row in rows if row.domain == ALL_DOMAINS}
    for row in rows:
        of_all = row.domain == ALL_DOMAINS
        if short and not of_all and (row.model, row.condition) in pooled:
            continue
        where = "over all domains" if of_all else f"in {row.domain}"
        yield (
            f"prompt {row.condition} on {row.model}, {where}: {row.says}; {row.rate} "
            f"against {row.first}, {row.moved} points ({row.limits}), p {row.p}, "
            f"{row.pairs} {'pair' if row.pairs == '1' else 'pairs'}"
        )


def condition_rows(results: Results) -> list[ConditionRow]:
    """Return the rows, over all domains first; none where there is one condition."""
    return [
        ConditionRow(
            entry["model"],
            entry["condition"],
            entry["domain"],
            number(entry["pairs"]),
            percent(entry["rates"][0]),
            percent(entry["rates"][1]),
            change(entry["difference"]),
            change_limits(entry["ci"]),
            p_value(entry["p_adjusted"]),
            condition_word(entry),
        )
        for entry in results.tables.get("conditions") or []
    ]
