"""`domainsafety lock`: what a gate's verdict rests on, fixed in a file.

Written by pytest (`--safety-write-lock`), which alone knows where its settings stand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pytest_domainsafety.commands._tables import echo
from pytest_domainsafety.errors import ConfigError, SourceError

DIFFERS_STATUS = 1

_TEXTS = (
    "judge",
    "protocol",
    "replications",
    "framings",
    "threshold",
    "subdomain-threshold",
    "min-engagement",
    "max-over-refusal",
    "ci",
    "estimand",
    "confidence",
    "temperature",
    "max-tokens",
    "filter-words",
    "system-prompt",
    "judge-mode",
    "labels",
)
_FLAGS = ("holm", "allow-silence", "judge-robust")
"""Options of a run that a lock holds, by pytest's names without `--safety-`."""


def _pytests_options(command: Any) -> Any:
    told = "As of pytest."
    for name in reversed(_TEXTS):
        command = click.option(f"--{name}", multiple=True, help=told)(command)
    for name in reversed(_FLAGS):
        command = click.option(f"--{name}", is_flag=True, help=told)(command)
    return command


@click.command()
@click.argument("folder", default="suites", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; say what differs.")
@click.option("-c", "ini", metavar="FILE", help="The ini file, as of pytest.")
@_pytests_options
@click.pass_context
def lock(
    context: click.Context,
    /,
    folder: Path,
    *,
    check: bool,
    ini: str | None,
    **options: Any,
) -> None:
    """Write FOLDER/safety.lock (default: suites/safety.lock), or check it.

    It holds hashes of all scenarios and rubrics, the thresholds, the judge and the
    settings by which a verdict could be turned unseen. What is not said here comes
    from where pytest takes it (`pytest --safety-write-lock`, which this calls): its ini
    file, addopts, the environment; else it is the default of a run. Commit the file:
    then every run says what differs from it, and with --safety-locked refuses to run.

    Exit status: 0 written, or nothing differs; 1 with --check, something differs;
    2 a suite, an option or the lock can't be used.
    """
    task = "--safety-check-lock" if check else "--safety-write-lock"
    told = [] if ini is None else ["-c", ini]
    words = [task, *told, *_typed(options), "--", *map(str, _files(folder))]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    for line in done.stdout.splitlines():
        echo(line)
    if done.returncode not in (0, DIFFERS_STATUS):
        raise ConfigError(_sentence(done.stderr))
    context.exit(done.returncode)


def _files(folder: Path) -> list[Path]:
    from pytest_domainsafety.suite import find_suites

    if not folder.is_dir():
        what = "is a file" if folder.exists() else "there is no such folder"
        raise SourceError(f"{folder}: {what}; name the folder with the suites")
    files = [path for path in find_suites(folder) if path.parent == folder]
    if not files:
        raise SourceError(f"{folder}: there is no *.safety.yaml file in this folder")
    return files


def _typed(options: dict[str, Any]) -> Iterator[str]:
    for name in _TEXTS:
        for text in options[name.replace("-", "_")]:
            yield f"--safety-{name}={text}"
    for name in _FLAGS:
        if options[name.replace("-", "_")]:
            yield f"--safety-{name}"


def _sentence(said: str) -> str:
    """Return what pytest said of a mistake, without its `ERROR:`."""
    lines = [line.removeprefix("ERROR: ") for line in said.splitlines() if line.strip()]
    return lines[-1] if len(lines) == 1 else "\n".join(lines) or "pytest ended early"


commands: tuple[click.Command, ...] = (lock,)
"""What this file adds to `domainsafety`."""
