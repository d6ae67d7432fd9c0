"""`domainsafety selftest`: the same suite twice on the same model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import (
    Read,
    echo,
    percent,
    rows_of,
    write_text,
)
from pytest_domainsafety.errors import UserError
from pytest_domainsafety.text import counted

if TYPE_CHECKING:
    from pytest_domainsafety.types import Results

INCONSISTENT_STATUS = 1
_JUDGED = (0, 1)
_NOT_MEASURED = 10
_STATUSES = {
    "reproduced": 0,
    "differs": INCONSISTENT_STATUS,
    "gates flipped": INCONSISTENT_STATUS,
    "not measured": _NOT_MEASURED,
}


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="PYTEST-ARGS…")
@click.option(
    "--seed", type=Read("safety-seed"), default="42", help="Of the first run."
)
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Write it as JSON."
)
@click.option(
    "--results",
    nargs=2,
    metavar="A B",
    help="Run nothing: results, or runs in stores, that are there already.",
)
@click.pass_context
def selftest(
    context: click.Context,
    /,
    arguments: tuple[str, ...],
    seed: int,
    out: Path | None,
    results: tuple[str, str] | None,
) -> None:
    """Run a suite twice on one model, with two seeds: what flips is noise.

    What is said here goes to pytest: domainsafety selftest --model llama3.3 suites/

    Prints how many scenarios and gates flipped, and whether the runs differ by more
    than the intervals promise.

    Exit status: 0 they do not and each gate came out as before; 1 they do, or a gate
    flipped; 10 something could not be measured; 2 an argument can't be used; else the
    status with which pytest ended.
    """
    from pytest_domainsafety.analysis import AnalysisSettings, self_test
    from pytest_domainsafety.runs.sources import load_results

    status = 0
    if results:
        first, second = (load_results(path) for path in results)
    else:
        status, (first, second) = _run_twice(context, arguments, seed)
    comparison = self_test(first, second, AnalysisSettings())
    for line in _lines(comparison):
        echo(line)
    if out is not None:
        from pytest_domainsafety.reporting.escape import json_text

        write_text(out, json_text({"schema": 1} | comparison))
    if not comparison["compared"]:
        raise UserError("the two runs have no scored scenario pair in common")
    context.exit(_STATUSES[comparison["verdict"]] or status)


def _run_twice(
    context: click.Context, arguments: tuple[str, ...], seed: int
) -> tuple[int, list[Results]]:
    """Run pytest with two seeds; end with its status where it judged nothing."""
    from pytest_domainsafety.runs.kinds import SELFTEST_VARIABLE
    from pytest_domainsafety.runs.sources import load_results

    names = ("--model", "--safety-model")
    if not any(argument.startswith(names) for argument in arguments):
        raise click.UsageError("selftest needs --model NAME, as pytest does")
    worst, results = 0, []
    with TemporaryDirectory() as folder:
        for number in (0, 1):
            path = Path(folder) / f"{number}.json"
            seeded = [f"--safety-seed={seed + number}", f"--safety-json={path}"]
            click.secho(f"run {number + 1} of 2, seed {seed + number}", bold=True)
            status = subprocess.run(
                [sys.executable, "-m", "pytest", *arguments, *seeded],
                check=False,
                env={**os.environ, SELFTEST_VARIABLE: "1"},
            ).returncode
            if status not in (*_JUDGED, _NOT_MEASURED) or not path.is_file():
                echo(f"pytest ended with status {status}: nothing to compare")
                context.exit(status or INCONSISTENT_STATUS)
            worst = max(worst, _NOT_MEASURED if status == _NOT_MEASURED else 0)
            results.append(load_results(path))
    return worst, results


def _lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    header = ("model", "domain", "pairs", "first", "second", "flipped", "limits", "p")
    yield from rows_of(header, [_row(change) for change in comparison["domains"]])
    yield ""
    yield (
        f"scenarios flipped: {comparison['scenario_flips']} of {comparison['pairs']} "
        f"({percent(comparison['scenario_flip_rate'])}); gates flipped: "
        f"{comparison['gate_flips']} of {comparison['gates']} "
        f"({percent(comparison['gate_flip_rate'])})"
    )
    yield (
        f"{comparison['inside']} of {comparison['compared']} intervals of the "
        "difference hold 0: " + _WORDS[comparison["verdict"]]
    )
    for gate in comparison["flipped_gates"]:
        yield f"flipped: the {gate['kind']} gate of {gate['domain']} on {gate['model']}"
    if comparison["unmeasured"]:
        yield (
            f"{counted(comparison['unmeasured'], 'gate')} could not be compared: one "
            "of the runs did not measure it"
        )


_WORDS = {
    "reproduced": "the runs differ by no more than the intervals promise, and every "
    "gate came out as before",
    "differs": "the runs differ by more than the intervals promise",
    "gates flipped": "the rates differ by no more than the intervals promise, but the "
    "verdict does not hold: so near its threshold the seed decides, and more pairs or "
    "another threshold would",
    "not measured": "what was measured differs by no more than the intervals promise, "
    "but not everything was",
}


def _row(change: Mapping[str, Any]) -> tuple[str, ...]:
    was, is_now = change["rates"]
    flips = change["flipped"]
    known = change["difference"] is not None
    return (
        change["model"],
        change["domain"],
        str(change["pairs"]),
        percent(was),
        percent(is_now),
        str(len(flips["worse"]) + len(flips["better"])),
        f"{change['ci'][0]:+.1%} – {change['ci'][1]:+.1%}" if known else "–",
        f"{change['p_adjusted']:.3g}" if known else "–",
    )


commands: tuple[click.Command, ...] = (selftest,)
"""What this file adds to `domainsafety`."""
