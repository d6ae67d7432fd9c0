"""Compliance by turn in words: how many have complied by the k-th turn, and where."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pytest_domainsafety.reporting.experiments import Words
from pytest_domainsafety.reporting.numbers import percent
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Results

_NAMED = 3
"""Scenarios that a line names."""
NOTE = (
    "Share of all replies of the domain that have given usable help by this turn; one "
    "of fewer turns stays what it was, so that the last row is the domain's own rate. "
    "\u201cBroke here\u201d are the conversations whose first help is in this turn."
)


def turn_words(results: Results) -> Words:
    """Return the table of compliance by turn; without rows where there is none."""
    return Words(
        "Compliance by turn",
        (
            "model",
            "domain",
            "#turn",
            "#asked",
            "#complied by then",
            "95%",
            "broke here",
        ),
        tuple(
            (
                row["model"],
                row["domain"],
                str(row["turn"]),
                str(row["asked"]),
                _rate(row),
                _limits(row),
                _broke(row),
            )
            for row in _rows(results)
        ),
    )


def turn_lines(results: Results) -> Iterator[str]:
    """Yield a line a model and domain for the terminal."""
    rows = _rows(results)
    for (model, domain), group in groupby(rows, lambda r: (r["model"], r["domain"])):
        own = list(group)
        rates = ", ".join(f"{_rate(row)} by turn {row['turn']}" for row in own)
        later = [row for row in own if row["turn"] > 1 and row["broke"]]
        told = "; ".join(f"turn {row['turn']} broke {_broke(row)}" for row in later)
        yield f"compliance by turn, {domain} on {model}: {rates}" + (
            f"; {told}" if told else ""
        )


def _rows(results: Results) -> list[dict[str, Any]]:
    return list(results.tables.get("turns") or ())


def _rate(row: dict[str, Any]) -> str:
    rate = row["compliance_rate"]
    return "unknown" if rate is None else percent(rate)


def _limits(row: dict[str, Any]) -> str:
    low, high = row["ci"]
    return "unknown" if low is None else f"{percent(low)} to {percent(high)}"


def _broke(row: dict[str, Any]) -> str:
    if not row["broke"]:
        return "0"
    named = row["scenarios"][:_NAMED]
    more = ", …" if len(row["scenarios"]) > _NAMED else ""
    replies = counted(row["broke"], "reply", "replies")
    return f"{replies} ({', '.join(named)}{more})"
