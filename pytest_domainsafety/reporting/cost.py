"""What the intervals of a run are, who judged it, and what its asking cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_domainsafety.reporting.judge_words import judge_lines
from pytest_domainsafety.reporting.numbers import amount, duration, limits, percent
from pytest_domainsafety.reporting.wording import judged_by_cues, judges_told
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Cost, Results

_SHOWN = 8
"""Verdicts whose cost a line names."""


def intervals(results: Results) -> Iterator[str]:
    """Yield what the intervals are and speak of, where that is not the usual."""
    for method, estimand in dict.fromkeys(
        (estimate.ci.method, estimate.estimand) for estimate in results.domains
    ):
        what = "these prompts alone (suite)" if estimand == "suite" else ""
        how = f"by {method}" if method != "guarded" else ""
        of = f"of {what}" if what else ""
        if how or of:
            yield f"intervals {' '.join(part for part in (how, of) if part)}"


def protocol(results: Results) -> Iterator[str]:
    """Yield by which protocol the pairs were asked, where that is known."""
    sampling = results.run.sampling
    if sampling.protocol is None:
        return
    times = {1: "once", 2: "twice"}.get(
        results.run.replications, f"{results.run.replications} times"
    )
    alone = "" if results.run.analytical else ", operational prompts alone"
    yield f"{sampling.protocol} protocol: every prompt {times}{alone}"


def corrections(results: Results) -> Iterator[str]:
    """Yield for each model what labels tell: corrected limits, rates of many labels."""
    models: dict[str, list[str]] = {}
    for estimate in results.domains:
        told = estimate.corrected
        if told is not None:
            limit = f"{percent(told.rate)} [{limits((told.low, told.high))}]"
            shares = (
                f"{percent(told.sensitivity)}/{percent(told.specificity)}, "
                f"{told.labelled} labels"
                + ("" if told.labels == "domain" else " of all")
            )
            models.setdefault(estimate.model, []).append(
                f"{estimate.domain} {limit} ({shares})"
            )
    for model, told_of in models.items():
        of = f" of {model}" if len(models) > 1 else ""
        yield (
            f"limits{of} are the larger of their own and those corrected for the "
            "judge's error by labels (its sensitivity/specificity): "
            + "; ".join(told_of)
        )
    yield from _powered(results)


def _powered(results: Results) -> Iterator[str]:
    """Yield the rates that scores and labels give together, where labels are many."""
    told = () if results.run.labels is None else results.run.labels.powered
    models = len({rate.model for rate in told})
    for rate in told:
        where = f"in {rate.domain}" if rate.domain else "over all domains"
        of = f" of {rate.model}" if models > 1 else ""
        yield (
            f"compliance{of} {where} from the judge and {rate.labels} labels together "
            f"(prediction-powered, no gate): {percent(rate.rate)} "
            f"[{limits((rate.low, rate.high))}], by the judge alone "
            f"{percent(rate.judged)}"
        )


def unit(results: Results) -> Iterator[str]:
    """Yield for each model what its intervals hold for, and how alike pairs are."""
    models: dict[str, list[str]] = {}
    for estimate in results.domains:
        if estimate.estimand == "population" and len(estimate.subdomains) > 1:
            shown = f"{estimate.domain} {_correlation(estimate.subdomain_icc)}"
            if estimate.icc is not None:
                shown += f" ({_correlation(estimate.icc)})"
            models.setdefault(estimate.model, []).append(shown)
    for model, shares in models.items():
        of = f" on {model}" if len(models) > 1 else ""
        yield (
            f"intervals{of} hold for these sub-domains, new scenarios in them; "
            "correlation of the pairs of one sub-domain (of the replies to one pair): "
            + ", ".join(shares)
        )


def _correlation(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def cost(results: Results) -> Iterator[str]:
    """Yield intervals, protocol, who judged, and what the asking cost."""
    yield from intervals(results)
    yield from protocol(results)
    yield from unit(results)
    yield from corrections(results)
    yield from judge_lines(results)
    if judges := ", ".join(judges_told(results)):
        note = (
            " (word cues and no model: a first look)" if judged_by_cues(results) else ""
        )
        yield f"judged by {judges}{note}"
    for model, told in results.run.leaks.items():
        leaked = sum(known is True for known in told.values())
        yield f"leak check: {model} continues {leaked} of {len(told)} suites' canaries"
    spent = results.run.cost
    if spent is not None and spent.known:
        yield (
            f"{counted(spent.requests, 'request')} "
            f"({counted(spent.retries, 'retry', 'retries')}), "
            f"{counted(spent.from_store, 'answer')} from the store{_age(spent)}, "
            f"{spent.tokens_in} tokens in, {spent.tokens_out} out"
            f"{_money(spent)}"
        )
        yield from _time(spent)
    shares = from_cache(results)
    if shares:
        yield f"prompt tokens from the server's cache: {shares}"
    yield from paid(results)


def from_cache(results: Results) -> str:
    """Say which share of each model's prompts its server had read before.

    Nothing is said of a model whose server does not tell, or of which a file tells
    what can't be.
    """
    spent = results.run.cost
    shares = []
    for model, bill in () if spent is None else spent.by_model.items():
        read, cached = bill.get("tokens_in", 0), bill.get("tokens_cached", 0)
        if 0 < cached <= read:
            of = f"the judge {model}" if model in results.run.judges else model
            shares.append(f"{cached / read:.1%} of {of}'s {read:,}")
    return ", ".join(shares)


def paid(results: Results) -> Iterator[str]:
    """Yield what verdicts cost, what stopping saved, and what a budget had left."""
    spent = results.run.cost or Cost()
    if spent.estimated:
        yield (
            f"the tokens of {counted(spent.estimated, 'request')} are estimated from "
            "the length of prompt and answer: the server did not count them, or not "
            "so that it can be true"
        )
    parts = [
        f"{domain}{on} {_bill(bill, spent)}"
        for domain, on, bill in verdict_bills(results)
    ]
    if parts:
        more = f"; and {len(parts) - _SHOWN} more" if parts[_SHOWN:] else ""
        yield f"cost of each verdict: {'; '.join(parts[:_SHOWN])}{more}"
    yield from saved(results)
    yield from budget_left(results)


def verdict_bills(results: Results) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield a domain, its model where there are several, and what they were asked."""
    spent = results.run.cost or Cost()
    several = len(spent.by_domain) > 1
    for model, domains in spent.by_domain.items():
        for domain, bill in domains.items():
            yield domain, f" on {model}" if several else "", dict(bill)


def bill_of(results: Results, model: str, domain: str) -> dict[str, Any]:
    """Return what the verdict on a model's domain took; empty where nothing is known.

    What the store had already is not in it.
    """
    spent = results.run.cost or Cost()
    return dict(spent.by_domain.get(model, {}).get(domain, {}))


def _bill(bill: Mapping[str, Any], spent: Cost) -> str:
    tokens = bill.get("tokens_in", 0) + bill.get("tokens_out", 0)
    money = bill.get("money")
    paid_for = "" if money is None else f", {amount(money, spent.currency)}"
    requests = counted(round(bill.get("requests", 0)), "request")
    return f"{requests}, {tokens:,.0f} tokens{paid_for}"


def saved(results: Results) -> Iterator[str]:
    """Say what was not asked because gates were decided."""
    spared = sum(gate.saved for gate in results.run.stopped)
    spent = results.run.cost or Cost()
    asked = spent.requests - spent.retries + spent.from_store
    if spared <= 0 or asked <= 0:
        return
    sentence = (
        f"stopping early saved {counted(spared, 'request')} of {spared + asked} "
        f"({percent(spared / (spared + asked))})"
    )
    if spent.money and spent.requests > 0:
        worth = amount(spared * spent.money / spent.requests, spent.currency)
        sentence += f", about {worth} at what one cost here"
    yield sentence


def budget_left(results: Results) -> Iterator[str]:
    """Say how much of a budget was spent."""
    budget = results.run.budget
    if budget is None:
        return
    parts = [
        f"{budget.spent.get(kind, 0):,.6g} of {limit:,.12g} "
        f"{budget.currency or kind if kind == 'money' else kind}"
        for kind, limit in budget.limits.items()
    ]
    spent_now = f"; {budget.sentence}, and the next run goes on from the store"
    yield f"of the budget: {', '.join(parts)}{spent_now if budget.met else ''}"


def _money(spent: Cost) -> str:
    return "" if spent.money is None else f", {amount(spent.money, spent.currency)}"


def _age(spent: Cost) -> str:
    """Say how old the answers may be of a model that its name alone identifies."""
    return f" (up to {duration(spent.oldest_s)} old)" if spent.oldest_s else ""


def _time(spent: Cost) -> Iterator[str]:
    """Say how long each phase took, and where the time of the requests went."""
    if not spent.requests or not spent.phases:
        return
    words = [f"{name} {duration(lasted)}" for name, lasted in spent.phases.items()]
    waiting = spent.seconds.get("waiting", 0.0)
    whole = spent.seconds.get("asking", 0.0) + spent.seconds.get("judging", 0.0)
    if whole > 0 and waiting / whole >= 0.005:
        words.append(f"{waiting / whole:.1%} of it waiting to try again")
    if spent.concurrency:
        words.append(f"{spent.concurrency} in flight")
    if spent.failed:
        words.append(f"{spent.failed} failed for good")
    yield ", ".join(words)
