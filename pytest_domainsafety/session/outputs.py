"""The controller's last act: files, the terminal's summary, what a build shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.files import check_paths, unwritable
from pytest_domainsafety.reporting.ci import (
    append_summary,
    github_annotations,
    repository_folder,
)
from pytest_domainsafety.reporting.files import FORMATS, Material, write_files
from pytest_domainsafety.reporting.markdown import markdown_summary
from pytest_domainsafety.session.internals import terminal_encoding, terminal_writer

if TYPE_CHECKING:
    import pytest

    from pytest_domainsafety.config.run import RunConfig
    from pytest_domainsafety.types import Record, Results

_SUMMARY = "GITHUB_STEP_SUMMARY"
_ON_GITHUB = "GITHUB_ACTIONS"


def _paths(config: RunConfig) -> dict[str, Path]:
    """Return the files that the run shall write, by option without dashes."""
    paths = {form.option: getattr(config, form.field) for form in FORMATS}
    return {option: path for option, path in paths.items() if path is not None}


def check_outputs(config: RunConfig) -> None:
    """Find out before a long run what could not be written after it.

    Raises:
        ConfigError: A path can't be used.
    """
    every = {"safety-store": config.store} | _paths(config)
    check_paths((f"--{option}", path) for option, path in every.items())
    if config.store.exists() and not config.store.is_file():
        raise ConfigError(f"--safety-store {config.store}: is no file; name another")


def write_outputs(
    config: RunConfig, root: Path, results: Results, records: Sequence[Record]
) -> list[str]:
    """Write every file that was asked for, and the page of a GitHub job.

    Args:
        config: Names the files.
        root: What the suite files' paths are relative to.
        results: What the run came to.
        records: The rows behind them.

    Returns:
        A sentence for each that could not be written.
    """
    folder = repository_folder(root, os.environ)
    material = Material(
        results,
        records,
        config.store,
        show_text=config.show_text,
        folder=folder,
        **(_over_time(config.store) if config.html else {}),
    )
    trouble = write_files(_paths(config), material)
    page = os.environ.get(_SUMMARY)
    if page:
        try:
            append_summary(Path(page), markdown_summary(results))
        except OSError as error:
            trouble.append(unwritable(f"{_SUMMARY} {page}", error))
    return trouble


def _over_time(store: Path) -> dict[str, Any]:
    """Return how compliance and judges went over a store's runs, where it can tell.

    A page without its pictures over time is still the page of this run.
    """
    from pytest_domainsafety.runs.trend import anchor_trend, trend

    try:
        if store.is_file():
            return {"trend": trend([store]), "anchors": anchor_trend([store])}
    except DomainSafetyError:
        pass
    return {}


def show(
    terminal: pytest.TerminalReporter,
    root: Path,
    results: Results,
    trouble: Sequence[str],
    verbosity: int,
) -> None:
    """Print the table, the gates, what it cost, and annotations on GitHub.

    Args:
        terminal: pytest's.
        root: What the suite files' paths are relative to.
        results: What the run came to.
        trouble: What could not be kept or written.
        verbosity: pytest's.
    """
    from pytest_domainsafety.reporting.terminal import summary_lines

    lines = summary_lines(
        results,
        terminal_writer(terminal).fullwidth,
        encoding=terminal_encoding(terminal),
        verbosity=verbosity,
    )
    if verbosity > -2:
        terminal.section("domain safety", sep="=")
    for line, markup in lines:
        terminal.write_line(line, **markup)
    for sentence in trouble:
        terminal.write_line(sentence, red=True)
    if os.environ.get(_ON_GITHUB) == "true":
        folder = repository_folder(root, os.environ)
        for command in github_annotations(results, folder):
            terminal.write_line(command)
