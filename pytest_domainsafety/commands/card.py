"""`domainsafety card`: the safety section of a model card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_domainsafety.commands._tables import write_text
from pytest_domainsafety.errors import UserError
from pytest_domainsafety.text import printable

if TYPE_CHECKING:
    from pytest_domainsafety.types import Results


@click.command()
@click.argument("source")
@click.option("--model", metavar="NAME", help="Where the source has several.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Only the model-index metadata.")
@click.option(
    "--front-matter", is_flag=True, help="The metadata above the section, as hubs want."
)
@click.option(
    "-o",
    "--out",
    default="-",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A file instead of the terminal.",
)
def card(
    source: str, model: str | None, out: Path, *, as_yaml: bool, front_matter: bool
) -> None:
    """Write compliance by domain, with intervals, for a model card.

    SOURCE is a store (its last finished whole run; STORE#RUN takes another), a results
    file (--safety-json) or records.

    Exit status: 0; 2 the source or the model is not to be had.
    """
    from pytest_domainsafety.reporting.card import model_card, model_index
    from pytest_domainsafety.runs.sources import load_results

    if as_yaml and front_matter:
        raise click.UsageError("--yaml is the metadata alone; leave --front-matter out")
    results = load_results(source)
    name = model or _only_model(results, source)
    text = model_card(results, name)
    if as_yaml:
        text = model_index(results, name)
    elif front_matter:
        text = f"---\n{model_index(results, name)}---\n\n{text}"
    write_text(out, text.removesuffix("\n"))


def _only_model(results: Results, source: str) -> str:
    from pytest_domainsafety.reporting.card import models_in

    models = models_in(results)
    if len(models) != 1:
        known = ", ".join(printable(name) for name in models)
        what = f"has several models: {known}; choose one with --model"
        raise UserError(f"{source}: {what if models else 'is about no model'}")
    return models[0]


commands: tuple[click.Command, ...] = (card,)
"""What this file adds to `domainsafety`."""
