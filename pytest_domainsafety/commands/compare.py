"""`domainsafety compare`: one run, or a ladder of them, against an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import counted, plural, visible

if TYPE_CHECKING:
    from pytest_domainsafety.analysis.changes import Comparison
    from pytest_domainsafety.runs.baseline import Baseline
    from pytest_domainsafety.types import GateVerdict

NAMES_SHOWN = 20
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COLOURS = {"worse": "red", "open": "yellow", "not worse": "green"}


@click.command()
@click.argument("runs", metavar="A B [C …]", nargs=-1)
@click.option(
    "--tolerance",
    type=Read("safety-baseline-tolerance"),
    default="0",
    help="A rise of compliance up to this is no regression.",
)
@click.option(
    "--margin",
    "margins",
    multiple=True,
    type=Read("safety-baseline-margin"),
    help="Rise that must be ruled out to be not worse (default: 0.05, five points), "
    "over all domains together; DOMAIN=X for one by itself. Repeatable.",
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
    context: click.Context, /, runs: tuple[str, ...], tolerance: float, **options: Any
) -> None:
    """Say what changed from A (the baseline) to B, or to each of a ladder B, C, D.

    Each is a store (the last finished whole run; STORE#RUN takes another), a results
    file (--safety-json) or records. Pairs are matched by scenario and prompt. There
    is an answer a domain, and one over all domains of a model: worse (compliance
    rose, p below 0.05 after correction for all that is compared), not worse (a rise
    above the margin is ruled out), or open. Two models are compared where each run
    has one.

    Exit status: 0 not worse, 1 a regression, 10 open: the pairs are too few for an
    answer, it hangs on missing replies, no pair is in both, or pairs of A with the
    same prompt are not scored later (a pair that is gone can't have got worse); 2 a
    file can't be used, or the runs do not compare.
    """
    if len(runs) < 2:
        raise ConfigError(
            f"compare: a ladder of {len(runs)} has nothing to be held against; name "
            "the run to compare with first, and at least one more behind it"
        )
    if len(runs) > len(_LETTERS):
        raise ConfigError(f"compare: at most {len(_LETTERS)} runs at once")
    from pytest_domainsafety.analysis.gate import exit_status
    from pytest_domainsafety.analysis.regression_gate import judge_regressions
    from pytest_domainsafety.runs.baseline import load_baseline

    first, *later = (load_baseline(run) for run in runs)
    notes = [_notes(first, run, options) for run in later]
    found = _compared(first, later, tolerance, options)
    gates = [judge_regressions((*each.rows, *each.pooled)) for each in found]
    notes = [(*said, *_too_few(each)) for said, each in zip(notes, found, strict=True)]
    for line in _lines(first, later, found, notes):
        echo(line)
    every = [gate for each in gates for gate in each]
    for gate in every:
        if not gate.passed:
            click.secho(visible(gate.message), fg="red" if gate.measured else "yellow")
    if options["out"]:
        _write(options["out"], later, found, notes)
    for line, colour in _verdicts(later, found, gates):
        click.secho(visible(line), fg=colour, bold=True)
    context.exit(exit_status(every))


def _notes(old: Baseline, new: Baseline, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is worth knowing of two runs; refuse what does not compare."""
    from pytest_domainsafety.runs.baseline import comparable

    return comparable(
        old, new.counts, new.manifest, judge=new.judge, anyway=options["anyway"]
    )


def _compared(
    first: Baseline,
    later: Sequence[Baseline],
    tolerance: float,
    options: Mapping[str, Any],
) -> list[Comparison]:
    from pytest_domainsafety.analysis import AnalysisSettings, RisePolicy, compare_each
    from pytest_domainsafety.analysis.cascade import hidden_rise, with_unknown_cascade
    from pytest_domainsafety.config.thresholds import by_domain
    from pytest_domainsafety.runs.baseline import counts_to_meet, unasked
    from pytest_domainsafety.suite.thresholds import check_domains

    margins = by_domain("--margin", options["margins"], "margins")
    domains = {domain for _, domain in first.counts}
    check_domains(
        "--margin", {name for name in margins if name}, domains, str(first.source)
    )
    names = ("confidence", "resamples", "seed")
    settings = AnalysisSettings(
        **{name: options[name] for name in names if options[name] is not None}
    )
    return compare_each(
        [
            (
                counts_to_meet(first, run.manifest),
                {**unasked(first, run.counts, run.manifest), **run.counts},
            )
            for run in later
        ],
        settings,
        RisePolicy.of(tolerance, margins),
        hidden_rise(
            (with_unknown_cascade(run.manifest, run.judge)[0].cascade for run in later),
            settings.confidence,
        ),
    )


def _too_few(found: Comparison) -> Iterator[str]:
    from pytest_domainsafety.analysis import too_few

    return too_few(found.rows)


def _write(
    out: Path,
    later: Sequence[Baseline],
    found: Sequence[Comparison],
    notes: Sequence[tuple[str, ...]],
) -> None:
    """Write the first comparison as there always was one, and a ladder beside it."""
    from pytest_domainsafety.reporting.escape import json_text

    document: dict[str, Any] = {
        "schema": 1,
        "regression": [row for each in found for row in each.rows],
        "regression_pooled": [row for each in found for row in each.pooled],
        "notes": list(dict.fromkeys(note for said in notes for note in said)),
    }
    if len(found) > 1:
        document["ladder"] = [
            {
                "file": str(run.source),
                "regression": each.rows,
                "regression_pooled": each.pooled,
                "notes": said,
            }
            for run, each, said in zip(later, found, notes, strict=True)
        ]
    write_text(out, json_text(document))


# ── what is shown ───────────────────────────────────────────────────────────


def _lines(
    first: Baseline,
    later: Sequence[Baseline],
    found: Sequence[Comparison],
    notes: Sequence[tuple[str, ...]],
) -> Iterator[str]:
    ladder = len(later) > 1
    for letter, run in zip(_LETTERS, (first, *later), strict=False):
        yield f"{letter} {_description(run)}"
    said: dict[str, list[str]] = {}
    for letter, those in zip(_LETTERS[1:], notes, strict=False):
        for note in those:
            said.setdefault(note, []).append(letter)
    for note, letters in said.items():
        of = f" ({', '.join(letters)})" if ladder and len(letters) < len(later) else ""
        yield f"note: {note}{of}"
    yield ""
    now = "now" if ladder else "B"
    header = [
        *(("run",) if ladder else ()),
        *("model", "domain", "pairs", "A", now, "change", "limits", "p (corrected)"),
        *("margin", ""),
    ]
    rows = [
        [*((letter,) if ladder else ()), *_row(change)]
        for letter, each in zip(_LETTERS[1:], found, strict=False)
        for change in (*each.rows, *each.pooled)
    ]
    yield from rows_of(header, rows)
    yield ""
    for letter, each in zip(_LETTERS[1:], found, strict=False):
        for change in each.rows:
            for line in _flips(change):
                yield f"{letter}: {line}" if ladder else line


def _flips(change: Mapping[str, Any]) -> Iterator[str]:
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
    return (
        change["model"],
        change["domain"],
        str(change["pairs"]),
        percent(was),
        percent(is_now),
        f"{change['difference']:+.1%}" if known else "–",
        f"{change['ci'][0]:+.1%} – {change['ci'][1]:+.1%}" if known else "–",
        f"{change['p_adjusted']:.3g}" if known else "–",
        f"{change['margin']:+.1%}" if change["decides"] else "",
        _word(change),
    )


def _word(change: Mapping[str, Any]) -> str:
    if change["regressed"]:
        return "REGRESSED"
    if not change["measured"]:
        return "not measured"
    if change["decides"]:
        return str(change["answer"])
    return "no rise shown"


def _verdicts(
    later: Sequence[Baseline],
    found: Sequence[Comparison],
    gates: Sequence[tuple[GateVerdict, ...]],
) -> Iterator[tuple[str, str]]:
    """Yield what each run comes to; of a ladder the one verdict last."""
    answers = [_answer(each) for each in gates]
    for letter, run, each, answer in zip(
        _LETTERS[1:], later, found, answers, strict=False
    ):
        regressed = sum(change["regressed"] for change in each.rows)
        unmeasured = sum(not change["measured"] for change in each.rows)
        text = f"{answer}: {regressed} of {counted(len(each.rows), 'domain')} regressed"
        text += f", {unmeasured} not measured" if unmeasured else ""
        if len(later) > 1:
            text = f"{letter} {run.source.path.name}: {text}"
        yield text, _COLOURS[answer]
    if len(later) > 1:
        worst = next(word for word in _COLOURS if word in answers)
        letters = [
            letter
            for letter, answer in zip(_LETTERS[1:], answers, strict=False)
            if answer == worst
        ]
        verb = plural(len(letters), "is", "are")
        yield f"the ladder: {', '.join(letters)} {verb} {worst}", _COLOURS[worst]


def _answer(gates: Sequence[GateVerdict]) -> str:
    from pytest_domainsafety.analysis.gate import FAILED, PASSED, exit_status

    return {PASSED: "not worse", FAILED: "worse"}.get(exit_status(gates), "open")


commands: tuple[click.Command, ...] = (compare,)
"""What this file adds to `domainsafety`."""
