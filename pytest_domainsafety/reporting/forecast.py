"""What a run will take, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_domainsafety.reporting.numbers import amount, duration
from pytest_domainsafety.text import counted, printable
from pytest_domainsafety.types.forecast import Ask, Forecast


def forecast_lines(
    told: Forecast, budget: Mapping[str, float] | None = None
) -> Iterator[str]:
    """Yield what a run will take.

    Args:
        told: The forecast.
        budget: What it may spend, by kind.
    """
    parts = [
        counted(told.replies, "reply", "replies"),
        counted(told.judgements, "judgement"),
        *([f"{counted(told.canaries, 'canary', 'canaries')}"] if told.canaries else []),
    ]
    most = "at most " if told.stop else ""
    yield (
        f"this run takes {most}{told.requests:,} requests for "
        f"{counted(told.pairs, 'pair')}: {', '.join(parts)}; what the store has "
        "already is not asked again, and tries after a fault come on top"
    )
    if told.expected is not None:
        low, high = told.expected
        yield (
            f"--safety-stop {told.stop}: about {low:,} requests are expected of a "
            f"model that never complies, {high:,} of one that always does; the full "
            "plan is the upper bound"
        )
    for name, ask in told.by_model.items():
        yield f"{printable(name)}: {_tokens(ask)}{_money(ask.money, told.currency)}"
    if told.seconds is not None:
        yield (
            f"about {duration(told.seconds)}, at the pace of the last such run in the "
            f"store, {told.concurrency} in flight"
        )
    else:
        yield "how long it takes is not known: the store has no such run"
    if told.money is not None:
        yield f"all of it costs about {amount(told.money, told.currency)}"
    yield from _held(told, budget or {})


def _tokens(ask: Ask) -> str:
    basis = {
        "history": "as earlier runs in the store took",
        "prompts": "by the length of the prompts and a usual answer, "
        f"at most {ask.most_out:,} out",
    }[ask.basis]
    return (
        f"{counted(ask.requests, 'request')}, about {ask.tokens_in:,} tokens in and "
        f"{ask.tokens_out:,} out ({basis})"
    )


def _money(money: float | None, currency: str) -> str:
    return "" if money is None else f", {amount(money, currency)}"


def _held(told: Forecast, budget: Mapping[str, float]) -> Iterator[str]:
    needed = {
        "requests": told.requests,
        "tokens": told.tokens_in + told.tokens_out,
        "hours": None if told.seconds is None else told.seconds / 3600,
        "money": told.money,
    }
    for kind, limit in budget.items():
        need = needed.get(kind)
        if need is not None and need > limit:
            yield (
                f"the budget of {limit:,.12g} {kind} does not reach to its end "
                f"({need:,.4g}): what is left then is not measured"
            )
