"""What a run spent of its budget, over all of its processes."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_domainsafety.engine import Tally
from pytest_domainsafety.session.process import Process
from pytest_domainsafety.types import BudgetEntry, Manifest, PairOutcome


def with_budget(
    manifest: Manifest,
    process: Process,
    tally: Tally,
    outcomes: Iterable[PairOutcome],
) -> Manifest:
    """Return a run's manifest with what became of its budget, if it has one.

    A run whose budget was spent was cut short: it is no baseline, and the next one
    goes on from what the store has.

    Args:
        manifest: As it is known until now.
        process: Of the controller.
        tally: Over all processes.
        outcomes: That came.
    """
    if not process.config.budget:
        return manifest
    unasked: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        if outcome.unasked:
            domains = unasked.setdefault(outcome.model, {})
            domains[outcome.domain] = domains.get(outcome.domain, 0) + 1
    prices = process.config.prices
    currency = {"currency": prices.currency} if prices and prices.currency else {}
    entry = BudgetEntry(
        limits=dict(process.config.budget),
        spent=_spent(process, tally),
        over=tally.over,
        unasked=unasked,
        **currency,
    )
    if not entry.met:
        return manifest.with_(budget=entry)
    ended = manifest.ended or entry.sentence
    return manifest.with_(budget=entry, interrupted=True, ended=ended)


def _spent(process: Process, tally: Tally) -> dict[str, float]:
    """Return what all processes spent, also of a worker that never said so."""
    spent = process.spent_together()
    known: dict[str, float] = {
        "requests": max(tally.requests, int(spent.requests)),
        "tokens": max(tally.tokens_in + tally.tokens_out, int(spent.tokens)),
        "hours": round(process.hours, 4),
    }
    if tally.money is not None:
        known["money"] = max(tally.money, spent.money)
    return known
