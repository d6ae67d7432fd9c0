"""What several commands need of suites: those of a run, and where tables go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from pytest_domainsafety.runs.sources import Source
    from pytest_domainsafety.suite import LoadedSuite

_PLAIN_WIDTH = 120


def suites_of(source: Source, named: tuple[Path, ...]) -> dict[str, LoadedSuite]:
    """Return the suites by domain: those named, else those of the run.

    Raises:
        SourceError: The run's own are not where it found them.
    """
    from pytest_domainsafety.errors import SourceError
    from pytest_domainsafety.runs.sources import load_manifest
    from pytest_domainsafety.suite import load_suites

    paths = named or tuple(map(Path, load_manifest(source).suites))
    missing = [path for path in paths if not path.exists()]
    if missing and not named:
        raise SourceError(
            f"{source}: its suite {missing[0]} is not here; name it with --suite, or "
            "go to the folder where pytest ran"
        )
    loaded = load_suites(paths) if paths else []
    return {suite.suite.domain: suite for suite in loaded}


def console() -> Console:
    """Return a console; where no terminal tells a width, lines are long."""
    import sys

    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
