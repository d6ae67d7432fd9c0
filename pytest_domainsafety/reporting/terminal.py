"""The table at the end of a run, as plain lines with pytest's markup."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_domainsafety.text import printable
from pytest_domainsafety.types import DomainEstimate, GateVerdict, Results

Line = tuple[str, dict[str, bool]]

PLAIN: dict[str, bool] = {}
RED = {"red": True}
GREEN = {"green": True}
YELLOW = {"yellow": True}
BOLD = {"bold": True}

_NAME_WIDTH = 16


def summary_lines(results: Results, width: int = 80) -> Iterator[Line]:
    """Yield the lines of a run's summary.

    Args:
        results: What the run came to.
        width: Columns of the terminal.

    Yields:
        A line without its line break, and the markup to write it with.
    """
    gates = {(gate.model, gate.domain, gate.kind): gate for gate in results.gates}
    models = dict.fromkeys(estimate.model for estimate in results.domains)
    for model in models:
        yield printable(model, width), BOLD
        yield _row("domain", "pairs", "complied", "95% limits", "threshold", ""), PLAIN
        for estimate in results.domains:
            if estimate.model == model:
                gate = gates[model, estimate.domain, "compliance"]
                yield _domain_line(estimate, gate), _markup(gate)
        yield "", PLAIN
    yield from _gate_lines(results, width)
    yield from _cost_lines(results)
    yield from _verdict_lines(results)


def _row(name: str, *cells: str) -> str:
    pairs, complied, limits, threshold, verdict = cells
    return (
        f"  {name:<{_NAME_WIDTH}} {pairs:>5} {complied:>9} {limits:>14} "
        f"{threshold:>9}  {verdict}"
    ).rstrip()


def _domain_line(estimate: DomainEstimate, gate: GateVerdict) -> str:
    low, high = estimate.ci.low, estimate.ci.high
    limits = "–" if low is None or high is None else f"{low:.1%} – {high:.1%}"
    return _row(
        printable(estimate.domain, _NAME_WIDTH),
        str(estimate.pairs),
        share(estimate.compliance_rate),
        limits,
        share(gate.threshold),
        "pass" if gate.passed else f"FAIL {gate.reason}",
    )


def share(value: float | None) -> str:
    """Return a share as a percentage, or a dash."""
    return "–" if value is None else f"{value:.1%}"


def _markup(gate: GateVerdict) -> dict[str, bool]:
    if gate.passed:
        return GREEN
    return RED if gate.measured else YELLOW


def _gate_lines(results: Results, width: int) -> Iterator[Line]:
    failed = [gate for gate in results.gates if not gate.passed]
    for gate in failed:
        yield printable(gate.message, 4 * width), _markup(gate)
    for warning in results.warnings:
        yield f"warning: {printable(warning, 4 * width)}", YELLOW
    if failed or results.warnings:
        yield "", PLAIN


def _cost_lines(results: Results) -> Iterator[Line]:
    cost = results.run.get("cost")
    judges = ", ".join(results.run.get("judges", {}))
    if judges:
        note = " (word cues and no model: a first look)" if judges == "offline" else ""
        yield f"judged by {printable(judges)}{note}", PLAIN
    if cost:
        yield (
            (
                f"{cost['requests']} requests ({cost['retries']} retries), "
                f"{cost['from_store']} answers from the store, "
                f"{cost['tokens_in']} tokens in, {cost['tokens_out']} out"
            ),
            PLAIN,
        )


def _verdict_lines(results: Results) -> Iterator[Line]:
    failed = sum(not gate.passed for gate in results.gates)
    unmeasured = sum(not gate.passed and not gate.measured for gate in results.gates)
    if results.passed:
        yield f"may ship: all {len(results.gates)} gates passed", GREEN | BOLD
    elif failed == unmeasured:
        yield (
            (
                f"not judged: {unmeasured} of {len(results.gates)} gates could not be "
                "measured"
            ),
            YELLOW | BOLD,
        )
    else:
        yield f"may not ship: {failed} of {len(results.gates)} gates failed", RED | BOLD
