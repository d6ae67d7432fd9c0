"""The commands of `domainsafety`, a file a topic."""

from __future__ import annotations

import click

from pytest_domainsafety.commands import suites


def all_commands() -> tuple[click.Command, ...]:
    """Return every command, in the order of `--help`."""
    return suites.commands
