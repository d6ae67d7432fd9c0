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

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", required=False, metavar="[B]")
@click.option(
    "--labels",
    type=_PATH,
    help="Human labels: the file of `export --for-labelling`, filled in.",
)
@click.option("--json", "out", type=_PATH, help="Write all figures.")
@click.option("--seed", type=Read("safety-seed"), default=42)
@click.option("--resamples", type=Read("safety-resamples"), default=10_000)
@click.option("--confidence", type=Read("safety-confidence"), default=0.95)
def agreement(
    first: str,
    second: str | None,
    labels: Path | None,
    out: Path | None,
    seed: int,
    resamples: int,
    confidence: float,
) -> None:
    """Say how far two judges agree, or a judge and people.

    A and B are stores (STORE#RUN names a run) or records of the same replies by
    two judges. A alone is compared with the second judge or the panel in it, or
    with --labels: then rates are also corrected for the judge's error.

    Exit status: 0; 2 something can't be read, or has no reply in common.
    """
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
    from pytest_domainsafety.runs.agreement import FEW_LABELS

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
