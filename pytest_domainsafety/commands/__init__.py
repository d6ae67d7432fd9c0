"""The commands of `domainsafety`, a file a command, named as it is typed.

What was typed comes in, lines and an exit status go out; `cli` calls them, and they
call `runs`. A file here adds what its tuple `commands` holds; nothing else has to be
told. Nothing here is for use from outside but by typing it.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import click

# `list.py` is a module here: in this file `list` is no longer the built-in.


def all_commands() -> tuple[click.Command, ...]:
    """Return every command of every file here."""
    modules = (
        import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)
    )
    return tuple(
        command for module in modules for command in getattr(module, "commands", ())
    )
