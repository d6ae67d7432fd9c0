"""A comparison that a run made is not lost where its records are analysed anew."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_domainsafety.types import GateVerdict, Manifest, Results

Ran = tuple[Manifest, Results | None]
"""The manifest of a run, and its own results where it finished."""


def hold_to_baseline(results: Results, runs: Iterable[Ran]) -> Results:
    """Return results in which each comparison that a run had has a gate.

    What a run held against a baseline can't be passed by an analysis that does
    not: where no such gate is there, one that is not measured takes its place.

    Args:
        results: Of the analysis.
        runs: Whose records it is of.
    """
    there = {
        (gate.model, gate.domain) for gate in results.gates if gate.kind == "regression"
    }
    wanted: dict[tuple[str, str], str] = {}
    for manifest, own in runs:
        held = manifest.baseline
        name = (held and held.file) or "a baseline"
        keys = [
            (gate.model, gate.domain)
            for gate in (own.gates if own is not None else ())
            if gate.kind == "regression"
        ]
        if held is not None and own is None:  # it never came to its comparison
            keys = [(estimate.model, estimate.domain) for estimate in results.domains]
        for key in keys:
            wanted.setdefault(key, name)
    lost = [
        GateVerdict(
            model=model,
            domain=domain,
            kind="regression",
            threshold=0.0,
            upper=None,
            passed=False,
            measured=False,
            reason="no_data",
            message=f"{domain} on {model}: its run was held against {name}, and this "
            "analysis against nothing: name that baseline with --baseline",
        )
        for (model, domain), name in wanted.items()
        if (model, domain) not in there
    ]
    if not lost:
        return results
    return results.model_copy(update={"gates": (*results.gates, *lost)})


def tolerance_of(manifests: Iterable[Manifest]) -> float:
    """Return the rise that the runs let pass: the smallest of theirs, else none."""
    held = (manifest.baseline for manifest in manifests)
    return min((entry.tolerance for entry in held if entry is not None), default=0.0)
