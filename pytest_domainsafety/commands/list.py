"""`domainsafety list`: domains, pairs, sub-domains and tags of suite files."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_domainsafety.commands._suites import console
from pytest_domainsafety.commands._tables import echo


@click.command("list")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def list_suites(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """List domains, pairs, sub-domains and tags of suite files.

    Exit status: 0; 2 when a suite can't be read.
    """
    from pytest_domainsafety.suite import load_suites

    suites = load_suites(paths)
    if as_json:
        from pytest_domainsafety.reporting.escape import json_text
        from pytest_domainsafety.suite.lint.listing import listing

        echo(json_text(listing(suites)))
        return
    from pytest_domainsafety.suite.lint.tables import overview

    console().print(overview(suites))


commands: tuple[click.Command, ...] = (list_suites,)
"""What this file adds to `domainsafety`."""
