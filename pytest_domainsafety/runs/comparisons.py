"""A comparison that a run made is not lost where its records are analysed anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_domainsafety.analysis import RisePolicy
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


def rises_of(
    manifests: Iterable[Manifest],
    tolerance: float | None,
    margins: Mapping[str | None, float],
) -> RisePolicy:
    """Return which rises matter: as told, else as the strictest of the runs had it.

    Args:
        manifests: Of the runs.
        tolerance: As told; None where nothing was.
        margins: As told, by domain; under None that of all together.
    """
    held = [entry for one in manifests if (entry := one.baseline) is not None]
    told = tolerance
    if tolerance is None:
        tolerance = min((entry.tolerance for entry in held), default=0.0)
    theirs: dict[str | None, float] = {}
    for entry in held:
        of_all = [] if entry.margin is None else [(None, entry.margin)]
        for domain, margin in (*of_all, *entry.margins.items()):
            theirs[domain] = min(margin, theirs.get(domain, margin))
    if told is not None:  # what is tolerated now need not be ruled out
        theirs = {domain: max(margin, told) for domain, margin in theirs.items()}
    return RisePolicy.of(tolerance, {**theirs, **margins})
