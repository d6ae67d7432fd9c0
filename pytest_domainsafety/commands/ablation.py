"""`domainsafety ablation`: what each variant of the prompts changes in a saved run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import echo, rows_of, write_text

if TYPE_CHECKING:
    from pytest_domainsafety.reporting.experiments import Words


_WIDEST = 100
"""Characters of a cell: some hold a list of names."""


@click.command()
@click.argument("run")
@click.option("--parts", is_flag=True, help="Also by domain and by model.")
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Write it as JSON."
)
@click.option("--markdown", type=click.Path(path_type=Path), help="Write the tables.")
def ablation(run: str, out: Path | None, markdown: Path | None, *, parts: bool) -> None:
    """Say what each variant of the operational prompts changes, and what that shows.

    RUN is a store (its last finished whole run, else a part; STORE#RUN takes another),
    a results file (--safety-json) or records, of a run with --safety-variants. For each
    variant the change of compliance against the same prompts as written, over models
    (a scenario is one cluster), with limits and Holm's correction; whether it is more
    than mere rewording changes (placebo, paraphrases); and the study's hypotheses.

    Exit status: 0; 2 the run is not to be had, or asked no variant.
    """
    from pytest_domainsafety.reporting.escape import json_text
    from pytest_domainsafety.reporting.experiments import (
        ablation_notes,
        ablation_words,
        hypothesis_words,
        parts_words,
    )
    from pytest_domainsafety.reporting.markdown import experiment_lines
    from pytest_domainsafety.runs.experiments import experiment_results

    results = experiment_results(run)
    for warning in results.warnings:
        echo(f"warning: {warning}")
    tables = [ablation_words(results)]
    if parts:
        tables += [parts_words(results, by) for by in ("domain", "model")]
    tables.append(hypothesis_words(results))
    for words in tables:
        if words.rows:
            _show(words)
    for note in ablation_notes(results):
        echo(note)
    if out is not None:
        kept = ("ablation", "hypotheses")
        found = {name: results.tables.get(name) for name in kept}
        write_text(out, json_text({"schema": 1, "run": results.run.run} | found))
    if markdown is not None:
        write_text(markdown, "\n".join(experiment_lines(results)).strip())


def _show(words: Words) -> None:
    echo(words.caption)
    header = [name.removeprefix("#") for name in words.columns]
    for line in rows_of(header, words.rows, _WIDEST):
        echo(f"  {line}")
    echo()


commands: tuple[click.Command, ...] = (ablation,)
"""What this file adds to `domainsafety`."""
