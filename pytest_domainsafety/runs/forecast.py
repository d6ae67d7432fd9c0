"""What a run will take (`domainsafety plan`, `pytest --collect-only`).

Nothing is asked for it.

Counts follow from the suites and the settings. Tokens and time come from what earlier
runs in the store took for the same model and judge; where there is none, tokens come
from the prompts and a usual answer, and of the time nothing is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple

from pydantic import ValidationError

from pytest_domainsafety.engine.early_stop import StopRule, key_of
from pytest_domainsafety.engine.plan import PairWork, Plan
from pytest_domainsafety.engine.questions import (
    Question,
    questions_of_pairs,
    questions_on_leaks,
    questions_to_judges,
    questions_to_second,
)
from pytest_domainsafety.errors import StoreError
from pytest_domainsafety.judging.registry import modelless_judge
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Cost
from pytest_domainsafety.types.forecast import Ask, Forecast

USUAL_ANSWER = {"reply": 400, "judgement": 150, "canary": 150, "leak": 60}
"""Tokens; of a model that no run in the store has asked."""
RUNS_LOOKED_AT = 20
"""The newest ones; one of them has what the next one takes."""


class History(NamedTuple):
    """Tokens a request of one model or judge, in and out."""

    tokens_in: float
    tokens_out: float


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier runs took.

    Attributes:
        by_model: Model or judge → its newest history.
        pace: Seconds a request, of the newest run of the same models and judges.
        concurrency: Of that run.
    """

    by_model: Mapping[str, History]
    pace: float | None = None
    concurrency: int | None = None


def forecast(
    works: Sequence[PairWork], plan: Plan, rule: StopRule | None = None, stop: str = ""
) -> Forecast:
    """Return what a run will take.

    Args:
        works: Every pair of it.
        plan: Of the run; its store is read where there is one.
        rule: Of the gates, where the run may stop early.
        stop: The name of that rule.

    Raises:
        ConfigError: A model has no price.
    """
    judges = [name for name in plan.judges if modelless_judge(name) is None]
    second = [plan.second_judge] if plan.second_judge else []
    checked = [*judges, *(name for name in second if modelless_judge(name) is None)]
    pairs = list(questions_of_pairs(works, plan, judges))
    every = [*pairs, *questions_to_second(works, plan, checked[len(judges) :])]
    checks = [*questions_to_judges(plan, checked), *questions_on_leaks(plan)]
    names = [*plan.models, *checked]
    if plan.prices is not None:
        plan.prices.check(names)
    past = _past(plan, names)
    asked = {name: _ask(name, [*every, *checks], plan, past.by_model) for name in names}
    kinds = Counter(question.kind for question in every)
    requests = len(every) + len(checks)
    expected = None
    if rule is not None:
        fixed = requests - len(pairs)
        ends = (
            _ended(works, plan, judges, rule, stop, complies=c) for c in (False, True)
        )
        low, high = (fixed + count for count in ends)
        expected = low, high
    prices = plan.prices
    return Forecast(
        pairs=len(works),
        replies=kinds["reply"],
        judgements=kinds["judgement"],
        canaries=len(checks),
        requests=requests,
        tokens_in=sum(ask.tokens_in for ask in asked.values()),
        tokens_out=sum(ask.tokens_out for ask in asked.values()),
        most_out=sum(ask.most_out for ask in asked.values()),
        by_model=asked,
        seconds=None if past.pace is None else round(past.pace * requests, 1),
        concurrency=past.concurrency,
        money=sum(ask.money or 0.0 for ask in asked.values()) if prices else None,
        currency=prices.currency if prices else "",
        stop=stop or None,
        expected=expected,
    )


def _ask(
    name: str, questions: Iterable[Question], plan: Plan, past: Mapping[str, History]
) -> Ask:
    own = [question for question in questions if question.model == name]
    known = past.get(name)
    basis: Literal["history", "prompts"] = "history" if known else "prompts"
    if known is not None:
        tokens_in = len(own) * known.tokens_in
        tokens_out = len(own) * known.tokens_out
    else:
        tokens_in = sum(_prompt(question, past) for question in own)
        tokens_out = sum(_answer(question) for question in own)
    prices = plan.prices
    return Ask(
        requests=len(own),
        tokens_in=round(tokens_in),
        tokens_out=round(tokens_out),
        most_out=sum(question.most_out for question in own),
        basis=basis,
        money=prices.cost(name, tokens_in, tokens_out) if prices else None,
    )


def _prompt(question: Question, past: Mapping[str, History]) -> float:
    target = past.get(question.target)
    one = target.tokens_out if target else USUAL_ANSWER["reply"]
    return question.tokens_in + question.answers * one


def _answer(question: Question) -> int:
    return min(USUAL_ANSWER[question.kind], question.most_out)


# ── what earlier runs took ──────────────────────────────────────────────────


def _past(plan: Plan, names: Iterable[str]) -> Past:
    """Return what the store says of earlier runs; nothing where it can't be read."""
    if not plan.store.is_file():
        return Past({})
    wanted = set(names)
    by_model: dict[str, History] = {}
    pace: tuple[float, int] | None = None
    try:
        with Store(plan.store, read_only=True) as store:
            for cost in _costs(store):
                for name in wanted - by_model.keys():
                    if known := _history(cost, name):
                        by_model[name] = known
                if pace is None and cost.by_model.keys() == wanted:
                    pace = _pace(cost, plan)
    except StoreError:
        return Past({})
    return Past(by_model, *(pace or (None, None)))


def _costs(store: Store) -> Iterator[Cost]:
    """Yield what the newest runs cost, newest first; odd ones are passed over."""
    for name in store.run_names()[: -RUNS_LOOKED_AT - 1 : -1]:
        results = store.run(name)["results"] or {}
        run = results.get("run")
        try:
            yield Cost.model_validate(run.get("cost") if isinstance(run, dict) else {})
        except ValidationError:
            continue


def _history(cost: Cost, name: str) -> History | None:
    bill = cost.by_model.get(name, {})
    requests, went, came = (
        bill.get(what, 0) for what in ("requests", "tokens_in", "tokens_out")
    )
    if requests < 1 or not (0 < went < 2**60 and 0 <= came < 2**60):
        return None
    return History(went / requests, came / requests)


def _pace(cost: Cost, plan: Plan) -> tuple[float, int] | None:
    """Return seconds a request and requests in flight, if that is how this one runs."""
    if plan.concurrency not in (None, "auto", cost.concurrency):
        return None
    if cost.requests < 1 or not (0 < cost.wall_s < 1e9 and isfinite(cost.wall_s)):
        return None
    return cost.wall_s / cost.requests, cost.concurrency


# ── early ends ──────────────────────────────────────────────────────────────


def _ended(
    works: Iterable[PairWork],
    plan: Plan,
    judges: Sequence[str],
    rule: StopRule,
    stop: str,
    *,
    complies: bool,
) -> int:
    """Return the requests of pairs where each gate ends as soon as it may."""
    gates: dict[tuple[str, str], list[PairWork]] = {}
    for work in works:
        gates.setdefault(key_of(work), []).append(work)
    total = 0.0
    for (model, domain), own in gates.items():
        asked = len(list(questions_of_pairs(own, plan, judges)))
        pairs = len(own)
        if rule.looks_at((model, domain)):
            threshold = rule.thresholds[domain]
            pairs = _pairs_to_end(
                len(own), plan, threshold, rule, stop, complies=complies
            )
        total += asked * pairs / len(own)
    return round(total)


def _pairs_to_end(
    pairs: int,
    plan: Plan,
    threshold: float,
    rule: StopRule,
    stop: str,
    *,
    complies: bool,
) -> int:
    """Return after how many pairs a gate ends if none of them complies, or all do."""
    from pytest_domainsafety.stats import decided
    from pytest_domainsafety.stats.anytime import anytime
    from pytest_domainsafety.stats.looks import look_plan

    times, confidence = plan.replications, rule.confidence
    if stop == "anytime":
        shares = [float(complies)] * pairs
        return anytime(shares, threshold, confidence=confidence).pairs
    if stop == "sequential":
        looks = look_plan(pairs, confidence=confidence)
        for number, size in enumerate(looks.sizes, 1):
            found = [complies * times] * size
            if looks.look(number, found, times, threshold) is not None:
                return size
        return pairs

    def is_over(size: int) -> bool:
        done = [times] * size + [0] * (pairs - size)
        found = [complies * count for count in done]
        end = decided(
            found,
            done,
            times,
            threshold,
            resamples=rule.resamples,
            confidence=confidence,
            seed=rule.seed,
        )
        return end is not None

    low, high = 1, pairs
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_over(middle) else (middle + 1, high)
    return low
