"""`domainsafety`: commands on suites, stores and records; no logic of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytest_domainsafety import __version__
from pytest_domainsafety.commands import all_commands
from pytest_domainsafety.config.table import DEFAULT_STORE
from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.text import visible

# click's own for a command line that it can't read.
USAGE_STATUS = 2
# pytest's for an error of its own: no verdict, so neither 0 nor 1.
CRASH_STATUS = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="domainsafety")
def group() -> None:
    """Work on safety suites, stores and records.

    The tests themselves are run by pytest: pytest --model NAME suites/
    """


for command in all_commands():
    group.add_command(command)


def main() -> None:
    """Run a command; a user's mistake is one sentence and exit status 2."""
    try:
        group()
    except DomainSafetyError as error:
        click.echo(visible(f"domainsafety: {error}"), err=True)
        sys.exit(USAGE_STATUS)
    except Exception as error:  # noqa: BLE001 - frames may hold what was asked
        from pytest_domainsafety.files import trouble_with

        trouble = trouble_with(error)
        if trouble is not None:
            click.echo(f"domainsafety: {trouble}", err=True)
            sys.exit(USAGE_STATUS)
        from pytest_domainsafety.providers.crash_report import report_crash

        told = report_crash(error, Path(DEFAULT_STORE).parent)
        click.echo(f"domainsafety: the command came to no end: {told}.", err=True)
        sys.exit(CRASH_STATUS)
