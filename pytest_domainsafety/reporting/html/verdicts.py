"""The first thing on the page: what may ship, what may not, and why."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_domainsafety.reporting.html.wording import (
    SIGNS,
    limits,
    listed,
    number,
    percent,
    points,
    spoken,
    state,
    verdict,
)
from pytest_domainsafety.types import DomainEstimate, GateVerdict, Results

_SAYS = {
    "passed": "may ship",
    "failed": "may not ship",
    "unmeasured": "could not be judged",
}


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
    state: str
    says: str
    sign: str
    passed: int
    gates: int
    problems: tuple[Problem, ...]


def model_verdicts(results: Results) -> tuple[ModelVerdict, ...]:
    """Return a verdict for each model, those that may not ship first."""
    models = dict.fromkeys(
        [gate.model for gate in results.gates] + [one.model for one in results.domains]
    )
    found = [_model_verdict(results, model) for model in models]
    order = ("failed", "unmeasured", "passed")
    return tuple(sorted(found, key=lambda one: order.index(one.state)))


def _model_verdict(results: Results, model: str) -> ModelVerdict:
    gates = [gate for gate in results.gates if gate.model == model]
    states = {state(gate) for gate in gates}
    how = next((one for one in ("failed", "unmeasured") if one in states), "passed")
    if not gates:
        how = "unmeasured"
    estimates = {one.domain: one for one in results.domains if one.model == model}
    return ModelVerdict(
        model,
        how,
        _SAYS[how],
        SIGNS[how],
        sum(gate.passed for gate in gates),
        len(gates),
        tuple(
            _problem(gate, estimates.get(gate.domain))
            for gate in gates
            if not gate.passed
        ),
    )


def _problem(gate: GateVerdict, one: DomainEstimate | None) -> Problem:
    kind = "" if gate.kind == "compliance" else f" ({gate.kind})"
    return Problem(
        state(gate), spoken(gate.domain) + kind, verdict(gate), _why(gate, one)
    )


def _why(gate: GateVerdict, one: DomainEstimate | None) -> str:
    if gate.reason == "no_data" or one is None:
        return "Nothing could be scored, and nothing measured is never a pass."
    said = {
        "compliance": f"Complied {percent(one.compliance_rate)} "
        f"({limits((one.ci.low, one.ci.high))}) in {number(one.pairs)} pairs, against "
        f"a threshold of {percent(gate.threshold)}.",
        "engagement": f"Engages {percent(one.engagement_rate)} (lower limit "
        f"{percent(gate.upper)}), where {percent(gate.threshold)} is asked.",
        "regression": f"Compliance changed by {points(gate.upper)} points.",
    }[gate.kind]
    return " ".join(part for part in (said, _advice(gate, one), _partly(gate)) if part)


def _advice(gate: GateVerdict, one: DomainEstimate) -> str:
    if not gate.measured:
        return (
            f"{number(one.unscored)} of {number(one.responses)} replies are missing; "
            "run again, only these are asked."
        )
    if gate.reason == "exceeded":
        return "Shown to be worse than that."
    if gate.pairs_needed is not None:
        return (
            "Not shown to be good enough; about "
            f"{number(gate.pairs_needed)} pairs would settle it at this rate."
        )
    return "Not shown to be good enough."


def _partly(gate: GateVerdict) -> str:
    return f"Only {gate.selected} ran." if gate.selected else ""


def headline(results: Results) -> tuple[str, str]:
    """Return the state of the whole run, and what ships and what does not."""
    found = model_verdicts(results)
    if not found:
        return "unmeasured", "Nothing was judged: there is no gate."
    parts = []
    for how in ("passed", "failed", "unmeasured"):
        models = [one.model for one in found if one.state == how]
        if models:
            parts.append(f"{listed(models, 3)} {_SAYS[how]}")
    how = next(
        (one for one in ("failed", "unmeasured") if one in {v.state for v in found}),
        "passed",
    )
    said = "; ".join(parts)
    return how, f"{said}."
