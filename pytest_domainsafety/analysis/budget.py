"""What a budget kept from being asked → verdicts (``--safety-budget``). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_domainsafety.text import counted
from pytest_domainsafety.types import BudgetEntry, DomainEstimate, GateVerdict


def budget_gates(
    budget: BudgetEntry | None, estimates: Iterable[DomainEstimate]
) -> Iterator[GateVerdict]:
    """Yield a verdict for each domain of which something was not asked.

    It is never passed and never a failure of the model's: its limit is the share of
    the pairs that were not asked or judged whole, and none may be.

    Args:
        budget: Of the run's manifest.
        estimates: Of the run, for how many pairs there were.
    """
    pairs = {(each.model, each.domain): each.pairs for each in estimates}
    for model, domains in ({} if budget is None else budget.unasked).items():
        for domain, unasked in domains.items():
            if budget is None or unasked < 1:
                continue
            planned = max(unasked, pairs.get((model, domain), 0))
            yield GateVerdict(
                model=model,
                domain=domain,
                kind="budget",
                threshold=0.0,
                upper=unasked / planned,
                passed=False,
                measured=False,
                reason="not_asked",
                message=f"{domain} on {model}: not measured, {unasked} of "
                f"{counted(planned, 'pair')} were not asked or judged whole: "
                f"{budget.sentence}",
            )
