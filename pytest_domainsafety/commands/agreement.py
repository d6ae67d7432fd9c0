"""`domainsafety agreement`: how far to trust a judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pytest_domainsafety.commands._tables import (
    Read,
    echo,
    limits,
    percent,
    rows_of,
    write_text,
)

if TYPE_CHECKING:
    from pytest_domainsafety.analysis import AnalysisSettings
    from pytest_domainsafety.runs.fixed import Tried

_PATH = click.Path(path_type=Path)
UNDER_THE_BAR = 1
"""Exit status of `--fixed` where fewer scores are near than `--bar` asks for."""


@click.command()
@click.argument("first", required=False, metavar="[A]")
@click.argument("second", required=False, metavar="[B]")
@click.option(
    "--labels",
    type=_PATH,
    help="Human labels: the file of `export --for-labelling`, filled in.",
)
@click.option(
    "--fixed",
    type=Read("safety-judge"),
    metavar="JUDGE",
    help="Try this judge on 70 replies at known levels, without A and B.",
)
@click.option(
    "--suites",
    multiple=True,
    type=_PATH,
    help="With --fixed: whose rubrics it reads them by (default: suites).",
)
@click.option(
    "--bar",
    type=Read("safety-min-engagement"),
    help="With --fixed: share of scores within one level, under which to end with 1.",
)
@click.option(
    "--judge-mode",
    type=Read("safety-judge-mode"),
    help="With --fixed: as --safety-judge-mode.",
)
@click.option("--endpoint", multiple=True, type=Read("safety-endpoint"))
@click.option("--concurrency", type=Read("safety-concurrency"))
@click.option("--timeout", type=Read("safety-timeout"), default=600.0)
@click.option("--json", "out", type=_PATH, help="Write all figures.")
@click.option("--seed", type=Read("safety-seed"), default=42)
@click.option("--resamples", type=Read("safety-resamples"), default=10_000)
@click.option("--confidence", type=Read("safety-confidence"), default=0.95)
@click.pass_context
def agreement(
    context: click.Context,
    /,
    first: str | None,
    second: str | None,
    labels: Path | None,
    out: Path | None,
    seed: int,
    resamples: int,
    confidence: float,
    fixed: str | None,
    **options: Any,
) -> None:
    """Say how far two judges agree, a judge and people, or a judge and what is known.

    A and B are stores (STORE#RUN names a run) or records of the same replies by
    two judges. A alone is compared with the second judge or the panel in it, or
    with --labels: then rates are also corrected for the judge's error.

    --fixed takes no A: a judge reads our fixed replies by the rubrics of --suites,
    and each of its scores is held to the level at which the reply was written.

    Exit status: 0; 1 with --bar, fewer scores are near; 2 something can't be read,
    has no reply in common, or the judge is not to be had.
    """
    if fixed is not None:
        if first is not None or labels is not None:
            raise click.UsageError("--fixed goes without A, B and --labels")
        context.exit(_fixed(fixed, out, options | {"seed": seed}))
    alone = ("suites", "bar", "judge_mode")
    given = [f"--{name.replace('_', '-')}" for name in alone if options[name]]
    if given:
        raise click.UsageError(f"{given[0]} goes with --fixed alone")
    if first is None:
        raise click.UsageError("name a store or records, or a judge with --fixed")
    from pytest_domainsafety.analysis import AnalysisSettings
    from pytest_domainsafety.runs import agreement
    from pytest_domainsafety.runs.labels import read_labels
    from pytest_domainsafety.runs.sources import open_records

    if second is not None and labels is not None:
        raise click.UsageError("name B or --labels, not both")
    settings = AnalysisSettings(confidence=confidence, resamples=resamples, seed=seed)
    human_labels = None if labels is None else read_labels(labels)
    records = list(open_records([first]))
    if human_labels is not None:
        figures = agreement.agreement_with_labels(records, human_labels, settings)
    elif second is not None:
        others = list(open_records([second]))
        figures = agreement.agreement_between(records, others, settings)
    else:
        figures = agreement.agreement_inside(records, settings)
    for line in _lines(figures, settings):
        echo(line)
    if out is not None:
        from pytest_domainsafety.reporting.escape import json_text

        write_text(out, json_text(figures))


def _fixed(judge: str, out: Path | None, options: Mapping[str, Any]) -> int:
    """Try a judge on the fixed replies; return the exit status."""
    from pytest_domainsafety.reporting.escape import json_text
    from pytest_domainsafety.runs.fixed import try_judge
    from pytest_domainsafety.suite import load_suites

    suites = load_suites(options["suites"] or (Path("suites"),))
    tried = try_judge(judge, suites, options)
    for line in _fixed_lines(tried):
        echo(line)
    if out is not None:
        write_text(out, json_text(tried.as_json()))
    bar = options["bar"]
    if bar is None or tried.share >= bar:
        return 0
    echo(f"under the bar of {percent(bar)}")
    return UNDER_THE_BAR


def _fixed_lines(tried: Tried) -> Iterator[str]:
    from pytest_domainsafety.judging.fixed import SCALES, compare

    def cells(domain: str | None) -> list[str]:
        tallies = [compare(tried.judged, scale, domain) for scale in (*SCALES, None)]
        return [
            f"{percent(tally.share)} ({percent(tally.exact / tally.replies)})"
            if tally.replies
            else "–"
            for tally in tallies
        ]

    unscored = sum(said.status != "scored" for _, said in tried.judged)
    yield (
        f"{tried.judge}: {percent(tried.share)} of its scores of {len(tried.judged)} "
        "fixed replies are within one level of what was written"
    )
    yield ""
    header = ("within one level (exact)", *(s.replace("_", " ") for s in SCALES), "all")
    rows = [(domain, *cells(domain)) for domain in tried.domains]
    yield from rows_of(header, [*rows, ("all", *cells(None))])
    if unscored:
        yield f"{unscored} replies it could not score: they are near to nothing"
    if tried.left_out:
        yield f"no suite, so not judged: {', '.join(tried.left_out)}"


def _lines(figures: Mapping[str, Any], settings: AnalysisSettings) -> Iterator[str]:
    from pytest_domainsafety.reporting.agreement import (
        agreement_headline,
        agreement_rows,
    )

    yield agreement_headline(figures)
    yield ""
    title, *rows = agreement_rows(figures)
    yield from rows_of(title, rows)
    yield ""
    first, second = figures["judges"]
    both = figures["overall"]["confusion"]
    yield from rows_of(
        ("replies", f"{second}: complies", "does not"),
        [
            (f"{first}: complies", str(both["both"]), str(both["first_only"])),
            ("does not", str(both["second_only"]), str(both["neither"])),
        ],
    )
    if "corrected" in figures:
        yield from _corrected_lines(figures, settings)


def _corrected_lines(
    figures: Mapping[str, Any], settings: AnalysisSettings
) -> Iterator[str]:
    from pytest_domainsafety.analysis.labelled import FEW_LABELS

    rows = figures["corrected"]
    yield ""
    if figures["unknown"]:
        yield f"{figures['unknown']} labels are of other replies and left out"
    count = figures["labelled_operational"]
    if count < FEW_LABELS:
        yield f"only {count} operational replies are labelled: label more"
    if rows:
        yield "compliance corrected for the judge's error, as labelled replies show it:"
        sure = f"{100 * settings.confidence:.3g}% CI"
        header = ("model", "domain", "judged", "corrected", sure)
        yield from rows_of(
            (*header, "sensitivity", "specificity", "labels"),
            [
                (
                    row["model"],
                    row["domain"],
                    percent(row["apparent"]),
                    percent(row["rate"]),
                    limits((row["low"], row["high"])),
                    percent(row["sensitivity"]),
                    percent(row["specificity"]),
                    f"{row['labelled']} "
                    + ("its own" if row["labels"] == "domain" else "of all domains"),
                )
                for row in rows
            ],
        )
        if any(row["labels"] == "all" for row in rows):
            yield (
                "of all domains: its own are too few to tell, so that the judge is "
                "taken to err there as it does everywhere"
            )


commands: tuple[click.Command, ...] = (agreement,)
"""What this file adds to `domainsafety`."""
