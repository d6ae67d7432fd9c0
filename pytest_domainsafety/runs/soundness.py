"""Do results agree with themselves? The one check, on reading and in `verify`.

A document of results is a file that anybody can edit, and every report is drawn from
it: so a verdict is held to the gates, a gate to its own limits and those to the
counts. Whatever another version could have counted otherwise is left alone; what no
version could have written is a contradiction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_domainsafety.runs.estimate_checks import estimate_faults, share
from pytest_domainsafety.runs.gate_checks import gate_faults, own_faults, part_faults
from pytest_domainsafety.types import (
    ALL_DOMAINS,
    DomainEstimate,
    GateVerdict,
    Problem,
    ProblemKind,
    Results,
)


def contradictions(results: Results, passed: object = None) -> Iterator[Problem]:
    """Yield what in results can't be so, given the rest of them.

    Args:
        results: As they were read.
        passed: What the document says of the whole; None where it says nothing.
    """
    estimates = {
        (estimate.model, estimate.domain): estimate for estimate in results.domains
    }
    for estimate in results.domains:
        yield from _problems_of(estimate, "estimate", estimate_faults(estimate))
        if (estimate.corrected is None) is not (results.run.labels is None):
            fault = (
                "its limits are corrected by labels and its manifest names none, or "
                "the other way round"
            )
            yield from _problems_of(estimate, "estimate", [fault])
        if estimate.robust is not None and results.run.retold is None:
            fault = "it says what the judge says in other words, and its manifest not"
            yield from _problems_of(estimate, "estimate", [fault])
    changes = {
        (change.get("model"), change.get("domain")): change
        for change in (*results.regression_pooled, *results.regression)
    }
    for gate in results.gates:
        key = gate.model, gate.domain
        faults = [
            *gate_faults(gate),
            *own_faults(gate, estimates.get(key), changes.get(key), results.run),
        ]
        yield from _problems_of(gate, "gate", faults)
    yield from _undecided(results)
    yield from _look_problems(results)
    judged = {(gate.model, gate.domain) for gate in results.gates if _is_main(gate)}
    parts: dict[tuple[str, str], list[GateVerdict]] = {}
    for gate in results.gates:
        if gate.kind == "subdomain":
            parts.setdefault((gate.model, gate.domain), []).append(gate)
    for key, estimate in estimates.items():
        if key not in judged:
            yield from _problems_of(
                estimate,
                "gate",
                [f"has {estimate.responses} operational replies and no gate"],
            )
        yield from _problems_of(
            estimate, "gate", part_faults(estimate, parts.get(key, []), results.run)
        )
    yield from _verdict_faults(results, passed)
    yield from _uncompared(results)


def _uncompared(results: Results) -> Iterator[Problem]:
    """Yield the comparisons without a gate, or that there is none of a run's."""
    gates = {
        (gate.model, gate.domain) for gate in results.gates if gate.kind == "regression"
    }
    for change in results.regression:
        model, domain = change.get("model"), change.get("domain")
        if (model, domain) not in gates:
            yield Problem(
                "gate", f"{domain} on {model}: has a comparison and no regression gate"
            )
    held = results.run.baseline
    again = results.run.rejudged_from is not None  # its comparison is left out
    if held is not None and results.domains and not gates and not again:
        yield Problem(
            "gate", f"its run was held against {held.file}, and no gate says so"
        )


def _undecided(results: Results) -> Iterator[Problem]:
    """Yield the models that nothing holds to a margin, where the run had one."""
    held = results.run.baseline
    margin = None if held is None else held.margin
    # An older version wrote neither.
    if margin is None and not any("answer" in row for row in results.regression):
        return
    deciding = {
        (gate.model, gate.domain) for gate in results.gates if gate.margin is not None
    }
    domains: dict[str, list[str]] = {}
    for change in results.regression:
        told = domains.setdefault(str(change.get("model")), [])
        told.append(str(change.get("domain")))
    for model, names in sorted(domains.items()):
        # A domain of several that is held to a margin of its own answers for itself.
        of_model = names[0] if len(names) == 1 else ALL_DOMAINS
        if (model, of_model) not in deciding:
            yield Problem(
                "gate",
                f"{model}: compared with a baseline, and no gate has to rule out a "
                "rise",
            )


def _look_problems(results: Results) -> Iterator[Problem]:
    """Hold what estimates say of looks to what the manifest has of them."""
    run = results.run
    entries = {(one.model, one.domain): one for one in run.stopped if one.plan}
    for estimate in results.domains:
        entry = entries.get((estimate.model, estimate.domain))
        if estimate.plan is None and entry is None:
            continue
        order = run.looks.get(estimate.model, {}).get(estimate.domain, ())
        if entry is None:
            fault = "says that it was looked at, and its manifest has no such look"
        elif (entry.plan, entry.planned, len(entry.pairs), entry.look or None) != (
            estimate.plan,
            estimate.planned,
            estimate.at_pairs,
            estimate.look,
        ):
            fault = "says another look than its manifest"
        elif entry.pairs != order[: len(entry.pairs)] or len(order) != entry.planned:
            fault = "was looked at on other pairs than come first in its order"
        elif not run.rejudged_from and entry.decision != estimate.decision:
            fault = "says another decision of its look than its manifest"
        else:
            continue
        yield from _problems_of(estimate, "estimate", [fault])


def _is_main(gate: GateVerdict) -> bool:
    return gate.kind == "compliance"


def _problems_of(
    what: DomainEstimate | GateVerdict, kind: ProblemKind, faults: Any
) -> Iterator[Problem]:
    for fault in faults:
        yield Problem(kind, f"{what.domain} on {what.model}: {fault}")


def _verdict_faults(results: Results, passed: object) -> Iterator[Problem]:
    if passed is None or passed is results.passed:
        return
    failed = [gate for gate in results.gates if not gate.passed]
    if failed:
        gate = failed[0]
        yield Problem(
            "verdict",
            f"the whole says passed, but the {gate.kind} gate of {gate.domain} on "
            f"{gate.model} did not pass ({share(gate.upper)} against "
            f"{share(gate.threshold)})",
        )
    elif not results.gates:
        yield Problem("verdict", "the whole says passed, but there is no gate")
    else:
        yield Problem(
            "verdict",
            f"the whole says {passed!r} and not passed, but its {len(results.gates)} "
            "gates all passed",
        )


# ── an estimate against its own counts ──────────────────────────────────────
