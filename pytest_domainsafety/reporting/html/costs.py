"""What the verdicts cost, as a part of the page."""

from __future__ import annotations

from pytest_domainsafety.reporting.cost import cost
from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.numbers import amount, number, spoken
from pytest_domainsafety.types import Results

_COLUMNS = (
    *("Domain", "Model", "#Requests", "#Tokens in", "#Cached", "#Tokens out"),
    "#Cost",
)


def cost_section(results: Results) -> Section | None:
    """Return what each verdict took; nothing where nobody counted it."""
    spent = results.run.cost
    if spent is None or not spent.known:
        return None
    rows = []
    for model, domains in spent.by_domain.items():
        for domain, bill in domains.items():
            cells = (
                number(round(bill.get(name, 0)))
                for name in ("requests", "tokens_in", "tokens_cached", "tokens_out")
            )
            money = bill.get("money")
            paid = "–" if money is None else amount(float(money), spent.currency)
            rows.append((spoken(domain), model, *cells, paid))
    facts = tuple(cost(results))
    if not rows:
        return Section("cost", "What it cost", "", (), facts)
    table = Table(
        "Requests and tokens of each verdict", (*_COLUMNS, "#Cost"), tuple(rows)
    )
    lead = (
        "Replies, and the judgements on them; what the store had already cost nothing, "
        "and the judges' own check is in none."
    )
    return Section(
        "cost", "What it cost", lead, (Figure("Each verdict", table),), facts
    )
