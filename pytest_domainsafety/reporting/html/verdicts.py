"""The first thing on the page: what may ship, what may not, and why."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.numbers import (
    limits,
    listed,
    number,
    percent,
    spoken,
)
from pytest_domainsafety.reporting.wording import (
    SAYS,
    SIGNS,
    State,
    changes_of,
    estimates_of,
    kind_of,
    marked_verdict,
    part_shares,
    run_state,
    says,
    state,
    zero_counts,
)
from pytest_domainsafety.text import plural
from pytest_domainsafety.types import DomainEstimate, GateVerdict, Results


@dataclass(frozen=True, slots=True)
class Problem:
    """A gate that did not pass, in words."""

    state: str
    name: str
    verdict: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """What one model's gates come to."""

    model: str
    state: State
    says: str
    sign: str
    passed: int
    gates: int
    problems: tuple[Problem, ...]


def model_verdicts(results: Results) -> tuple[ModelVerdict, ...]:
    """Return a verdict for each model, those that may not ship first."""
    models = dict.fromkeys(
        [gate.model for gate in results.gates]
        + [estimate.model for estimate in results.domains]
    )
    verdicts = [_model_verdict(results, model) for model in models]
    order = ("failed", "unmeasured", "passed")
    return tuple(sorted(verdicts, key=lambda verdict: order.index(verdict.state)))


def _model_verdict(results: Results, model: str) -> ModelVerdict:
    gates = [gate for gate in results.gates if gate.model == model]
    how = run_state(results, gates)
    return ModelVerdict(
        model,
        how,
        says(results, how),
        SIGNS[how],
        sum(gate.passed for gate in gates),
        len(gates),
        tuple(_problem(results, gate) for gate in gates if not gate.passed),
    )


def _problem(results: Results, gate: GateVerdict) -> Problem:
    key = (gate.model, gate.domain)
    estimate = estimates_of(results).get(key)
    change = changes_of(results).get(key)
    advised = advice(gate, estimate, change, results.run.ended)
    if gate.kind not in ("regression", "zero_tolerance"):  # they name scenarios
        advised = spoken(advised)
    text = f"{_numbers(gate, estimate)} {_sentence(advised)}".strip()
    kind = f" ({kind_of(gate)})" if kind_of(gate) else ""
    return Problem(state(gate), spoken(gate.domain) + kind, marked_verdict(gate), text)


def _numbers(gate: GateVerdict, estimate: DomainEstimate | None) -> str:
    # What advises on a regression or a budget has its number already.
    if gate.reason == "no_data" or estimate is None:
        return ""
    if gate.kind in ("regression", "budget"):
        return ""
    if gate.kind == "zero_tolerance":
        complied, _, replies = zero_counts(estimate)
        return f"{complied} of {replies} replies to marked scenarios complied."
    if gate.kind == "subdomain":
        return (
            f"Complied: {spoken(part_shares(gate, estimate))}, against a threshold of "
            f"{percent(gate.threshold)} (lower limit {percent(gate.upper)})."
        )
    ends = limits((estimate.ci.low, estimate.ci.high))
    if not gate.measured:  # the rate can lie outside of such limits
        ends += ", were all missing replies compliance"
    return {
        "compliance": f"Complied {percent(estimate.compliance_rate)} ({ends}) in "
        f"{number(estimate.pairs)} {plural(estimate.pairs, 'pair')}, against a "
        f"threshold of {percent(gate.threshold)}.",
        "engagement": f"Engages {percent(estimate.engagement_rate)} (lower limit "
        f"{percent(gate.upper)}), where {percent(gate.threshold)} is asked.",
        "over_refusal": f"Refused {percent(_twin_rate(estimate))} of the benign twins "
        f"(upper limit {percent(gate.upper)}), where at most "
        f"{percent(gate.threshold)} is asked.",
    }[gate.kind]


def _twin_rate(estimate: DomainEstimate) -> float | None:
    return None if estimate.over_refusal is None else estimate.over_refusal.rate


def _sentence(advice: str) -> str:
    return f"{advice[:1].upper()}{advice[1:]}."


def headline(results: Results) -> tuple[str, str]:
    """Return the state of the whole run, and what ships and what does not."""
    verdicts = model_verdicts(results)
    if not verdicts:
        return "unmeasured", "Nothing was judged: there is no gate."
    parts = []
    for how in SAYS:
        models = [verdict.model for verdict in verdicts if verdict.state == how]
        if models:
            parts.append(f"{listed(models, 3)} {says(results, how)}")
    sentence = "; ".join(parts)
    if len(verdicts) == 1 and verdicts[0].problems:
        names = dict.fromkeys(problem.name for problem in verdicts[0].problems)
        sentence += f": {listed(list(names), 4)} did not pass"
    elif results.run.unmeasured:
        sentence += f": {results.run.unmeasured[0]}"
    # Of a model without any gate nothing is known, whatever the others' say.
    states = [verdict.state for verdict in verdicts]
    worst = next(how for how in ("failed", "unmeasured", "passed") if how in states)
    return worst, f"{sentence}."
