"""The commands of `domainsafety`, a file a topic."""

from __future__ import annotations

import click


def all_commands() -> tuple[click.Command, ...]:
    """Return every command, in the order of `--help`."""
    return ()
