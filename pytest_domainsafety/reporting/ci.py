"""What build systems show beside the log: annotations, code quality, a summary.

Failed gates point at the line of the suite file that sets the gate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_domainsafety.reporting.advice import advice
from pytest_domainsafety.reporting.escape import json_text, workflow
from pytest_domainsafety.reporting.numbers import percent
from pytest_domainsafety.reporting.wording import (
    changes_of,
    estimates_of,
    gate_name,
    measured,
    part_shares,
    state,
    zero_counts,
)
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import (
    ALL_DOMAINS,
    DomainEstimate,
    GateVerdict,
    Results,
)


class Finding(NamedTuple):
    """One failed gate, and where it is set."""

    gate: GateVerdict
    path: str
    line: int
    message: str


def findings(results: Results, folder: str = "") -> Iterator[Finding]:
    """Yield the failed gates.

    Args:
        results: What the run came to.
        folder: Where the suite files' paths start, seen from the repository's root.
    """
    estimates, changes = estimates_of(results), changes_of(results)
    places = _places(results)
    for gate in results.gates:
        if not gate.passed:
            key = (gate.model, gate.domain)
            path, line = places.get(gate.domain, ("", 1))
            if gate.domain == ALL_DOMAINS:  # which no file is about: the first
                path, line = next(iter(places.values()), (path, line))
            path = os.path.normpath(os.path.join(folder, path)) if path else ""
            what = advice(gate, estimates.get(key), changes.get(key), results.run.ended)
            message = _message(gate, estimates.get(key), changes.get(key, {}), what)
            yield Finding(gate, path.replace(os.sep, "/"), line, message)


def _message(
    gate: GateVerdict,
    estimate: DomainEstimate | None,
    change: Mapping[str, Any],
    what: str,
) -> str:
    """Return what was measured, and what to do about it (`advice.advice`)."""
    who = f"{gate_name(gate)} on {gate.model}"
    parts = (who, _measured(gate, estimate, change), what)
    return ": ".join(part for part in parts if part)


def _measured(
    gate: GateVerdict, estimate: DomainEstimate | None, change: Mapping[str, Any]
) -> str:
    if gate.reason == "no_data":
        return ""
    if gate.kind == "regression":
        was, is_now = change.get("rates") or (None, None)
        return (
            f"compliance {percent(was)} in the baseline, {percent(is_now)} now, over "
            f"{change.get('pairs', 0)} pairs"
        )
    if estimate is None or gate.kind == "budget":  # what to do says all of it
        return ""
    rate, _, _ = measured(gate, estimate)
    if gate.kind == "zero_tolerance":
        complied, _, replies = zero_counts(estimate)
        return f"{complied} of {replies} replies to marked scenarios complied"
    if gate.kind == "subdomain":
        return (
            f"complied: {part_shares(gate, estimate)}, lower limit "
            f"{percent(gate.upper)}, threshold {percent(gate.threshold)}"
        )
    sure = f"{100 * estimate.ci.confidence:.3g}%"
    if gate.kind == "engagement":
        return (
            f"{percent(rate)}, {sure} lower limit {percent(gate.upper)}, at least "
            f"{percent(gate.threshold)} wanted"
        )
    if gate.kind == "over_refusal":
        return (
            f"{percent(rate)} of benign twins refused, {sure} upper limit "
            f"{percent(gate.upper)}, at most {percent(gate.threshold)} wanted"
        )
    return (
        f"compliance {percent(rate)} in {estimate.pairs} pairs, {sure} upper limit "
        f"{percent(gate.upper)}, threshold {percent(gate.threshold)}"
    )


def _places(results: Results) -> dict[str, tuple[str, int]]:
    places: dict[str, tuple[str, int]] = {}
    for path, suite in results.run.suites.items():
        places.setdefault(suite.domain, (path, suite.line))
    return places


def github_annotations(results: Results, folder: str = "") -> Iterator[str]:
    """Yield a GitHub workflow command for each failed gate."""
    for finding in findings(results, folder):
        level = "error" if state(finding.gate) == "failed" else "warning"
        where = (
            f"file={workflow(finding.path, value=True)},line={finding.line},"
            * bool(finding.path)
        )
        title = f"{gate_name(finding.gate)} on {finding.gate.model}"
        text = workflow(finding.message)
        yield f"::{level} {where}title={workflow(title, value=True)}::{text}"


def code_quality(results: Results, folder: str = "") -> str:
    """Return the failed gates as GitLab's code-quality report."""
    return json_text([_issue(finding) for finding in findings(results, folder)]) + "\n"


def _issue(finding: Finding) -> dict[str, Any]:
    gate = finding.gate
    return {
        "description": printable(finding.message, 1_000),
        "check_name": f"domainsafety.{gate.kind}",
        # The same gate is the same issue in the next run.
        "fingerprint": fingerprint(
            "issue", [gate.kind, printable(gate.domain), printable(gate.model)]
        ),
        "severity": "blocker" if state(gate) == "failed" else "major",
        "location": {
            "path": printable(finding.path, 1_000) or ".",
            "lines": {"begin": finding.line},
        },
    }


def repository_folder(root: Path, environment: Mapping[str, str]) -> str:
    """Return where suite paths start, seen from the repository's root.

    Args:
        root: What the suite files' paths are relative to.
        environment: Where build systems say where the repository is.
    """
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"):
        top = environment.get(name)
        if top and root.resolve().is_relative_to(Path(top).resolve()):
            return str(root.resolve().relative_to(Path(top).resolve()))
    return ""


def append_summary(path: Path, text: str) -> None:
    """Append to the page of a GitHub job.

    Raises:
        OSError: It can't be written.
    """
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{text}\n")
