"""`domainsafety compare`: one run against an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import (
    Read,
    echo,
    percent,
    rows_of,
    settings_options,
    write_text,
)
from pytest_domainsafety.text import visible

if TYPE_CHECKING:
    from pytest_domainsafety.runs.baseline import Baseline

NAMES_SHOWN = 20


@click.command()
@click.argument("baseline", metavar="A")
@click.argument("later", metavar="B")
@click.option(
    "--tolerance",
    type=Read("safety-baseline-tolerance"),
    default="0",
    help="A rise of compliance up to this is no regression.",
)
@click.option(
    "--anyway", is_flag=True, help="Even if judge, rubric or sampling differ."
)
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Write it as JSON."
)
@settings_options
@click.pass_context
def compare(
    context: click.Context,
    /,
    baseline: str,
    later: str,
    tolerance: float,
    **options: Any,
) -> None:
    """Say what changed from A (the baseline) to B, pair by pair.

    A and B are stores (the last finished run; STORE#RUN takes another), results
    files (--safety-json) or records. Pairs are matched by scenario and prompt; a
    domain regressed where compliance rose, with p below 0.05 after Holm's
    correction. Two models are compared where each run has one.

    Exit status: 0 no regression, 1 a regression, 10 it hangs on missing replies, no
    pair is in both, or pairs of A with the same prompt are not scored in B (a pair
    that is gone can't have got worse); 2 a file can't be used, or the runs do not
    compare.
    """
    from pytest_domainsafety.analysis import regressions, too_few
    from pytest_domainsafety.analysis.gate import exit_status
    from pytest_domainsafety.analysis.regression_gate import judge_regressions
    from pytest_domainsafety.runs.baseline import (
        comparable,
        counts_to_meet,
        load_baseline,
    )

    old, new = load_baseline(baseline), load_baseline(later)
    notes = comparable(old, new.counts, new.manifest, anyway=options["anyway"])
    settings = _settings(options)
    due = counts_to_meet(old, new.manifest)
    changes = regressions(due, new.counts, settings, tolerance=tolerance)
    gates = judge_regressions(changes, tolerance)
    notes += tuple(too_few(changes))
    for line in _lines(old, new, changes, notes):
        echo(line)
    for gate in gates:
        if not gate.passed:
            click.secho(visible(gate.message), fg="red" if gate.measured else "yellow")
    if out := options["out"]:
        from pytest_domainsafety.reporting.escape import json_text

        document = {"schema": 1, "regression": changes, "notes": notes}
        write_text(out, json_text(document))
    regressed = sum(change["regressed"] for change in changes)
    unmeasured = sum(not change["measured"] for change in changes)
    click.secho(
        f"{regressed} of {len(changes)} domains regressed"
        + (f", {unmeasured} not measured" if unmeasured else ""),
        fg="red" if regressed else None,
        bold=True,
    )
    context.exit(exit_status(gates))


def _settings(options: Mapping[str, Any]) -> Any:
    from pytest_domainsafety.analysis import AnalysisSettings

    names = ("confidence", "resamples", "seed")
    return AnalysisSettings(
        **{name: options[name] for name in names if options[name] is not None}
    )


def _lines(
    old: Baseline,
    new: Baseline,
    changes: tuple[dict[str, Any], ...],
    notes: tuple[str, ...],
) -> Iterator[str]:
    yield f"A {_description(old)}"
    yield f"B {_description(new)}"
    for note in notes:
        yield f"note: {note}"
    yield ""
    header = ("model", "domain", "pairs", "A", "B", "change", "limits", "p (Holm)", "")
    yield from rows_of(header, [_row(change) for change in changes])
    yield ""
    for change in changes:
        for way, word in (("worse", "now help"), ("better", "now refuse")):
            if names := change["flipped"][way]:
                more = f", … ({len(names)})" if len(names) > NAMES_SHOWN else ""
                yield (
                    f"{change['domain']} on {change['model']}: {word}: "
                    f"{', '.join(names[:NAMES_SHOWN])}{more}"
                )


def _description(run: Baseline) -> str:
    models = dict.fromkeys(model for model, _ in run.counts)
    when = run.manifest.started
    return f"{run.source}: {', '.join(models)}{f', {when}' if when else ''}"


def _row(change: Mapping[str, Any]) -> tuple[str, ...]:
    was, is_now = change["rates"]
    known = change["difference"] is not None
    verdict = "" if change["measured"] else "not measured"
    return (
        change["model"],
        change["domain"],
        str(change["pairs"]),
        percent(was),
        percent(is_now),
        f"{change['difference']:+.1%}" if known else "–",
        f"{change['ci'][0]:+.1%} – {change['ci'][1]:+.1%}" if known else "–",
        f"{change['p_adjusted']:.3g}" if known else "–",
        "REGRESSED" if change["regressed"] else verdict,
    )


commands: tuple[click.Command, ...] = (compare,)
"""What this file adds to `domainsafety`."""
