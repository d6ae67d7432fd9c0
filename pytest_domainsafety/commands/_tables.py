"""What several commands need to read options and to show tables."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pytest_domainsafety.config.table import CI_METHODS, OPTIONS
from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable, visible

WIDEST_NAME = 40


class Read(click.ParamType[Any]):
    """A value that is read and checked as pytest's option of that name is."""

    def __init__(self, name: str) -> None:
        """Find the option in the plugin's own table."""
        self._option = next(option for option in OPTIONS if option.name == name)
        self.name = self._option.metavar or "text"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,  # noqa: ARG002 - click's own signature
    ) -> Any:
        """Return the value.

        Raises:
            ConfigError: It can't be used.
        """
        if not isinstance(value, str):
            return value
        return self._option.read(param.opts[0] if param else self.name, value)


def settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an analysis, named as pytest's without safety."""
    for name, text in (
        ("seed", "Of the bootstrap's generator."),
        ("resamples", "Bootstrap resamples."),
        ("confidence", "Confidence of the intervals."),
        ("estimand", "population or suite."),
        ("ci", f"Interval: {', '.join(CI_METHODS)}."),
    ):
        option = click.option(f"--{name}", type=Read(f"safety-{name}"), help=text)
        command = option(command)
    return command


def echo(line: str = "") -> None:
    """Print what may hold names out of somebody's files."""
    click.echo(visible(line))


def rows_of(
    header: Sequence[str], rows: Iterable[Sequence[str]], widest: int = WIDEST_NAME
) -> list[str]:
    """Return the lines of a table; its first column is flush left.

    Text comes from files that somebody else wrote, so it is made printable.
    """
    table = [[printable(cell, widest) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(header))]
    return [
        "  ".join(
            cell.ljust(width) if _is_name(table, place) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _is_name(table: list[list[str]], place: int) -> bool:
    """Whether a column holds words: then it is flush left."""
    return any(cell[:1].isalpha() for row in table[1:] for cell in [row[place]])


def styled(line: str, markup: Mapping[str, bool]) -> str:
    """Return a line of the summary with its colours, as pytest would show it.

    Colours are taken off again where the output is no terminal.
    """
    colours = ("red", "green", "yellow")
    colour = next((name for name in colours if markup.get(name)), None)
    # NO_COLOR asks every program to leave colours out (https://no-color.org).
    if os.environ.get("NO_COLOR"):
        return line
    return click.style(line, fg=colour, bold=markup.get("bold"))


def percent(share: float | None) -> str:
    """Return a share as a percentage, or a dash."""
    return "–" if share is None else f"{share:.1%}"


def limits(pair: Sequence[float] | None) -> str:
    """Return two limits as percentages, or a dash."""
    return "–" if pair is None else f"{pair[0]:.1%} – {pair[1]:.1%}"


def write_text(path: Path, text: str) -> None:
    """Write a file, or to the terminal for `-`.

    Raises:
        ConfigError: It can't be written.
    """
    if str(path) == "-":
        click.echo(text)
        return
    from pytest_domainsafety.files import unwritable, write_file

    try:
        write_file(path, f"{text}\n")
    except OSError as error:
        raise ConfigError(unwritable(path, error)) from None
