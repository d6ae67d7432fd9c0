"""`domainsafety plan`: what a run will take, before anything is asked.

Worked out by pytest (`--collect-only`), which alone knows where its settings stand and
which pairs they select.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from pytest_domainsafety.commands._tables import echo, write_text
from pytest_domainsafety.errors import UserError


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="PYTEST-ARGS…")
@click.option(
    "--json", "out", type=click.Path(path_type=Path), help="Write it as JSON, too."
)
@click.pass_context
def plan(context: click.Context, arguments: tuple[str, ...], out: Path | None) -> None:
    """Say what a run will take: requests, tokens, time and money. Nothing is asked.

    What is said here goes to pytest: domainsafety plan suites/ --model llama3.3
    --judge gemma3:27b --safety-prices prices.yaml

    Tokens and time come from what the store knows of earlier runs of this model and
    this judge, else from the prompts; which of the two is said.

    Exit status: 0; 2 no scenario pair on a model was found; else the status with which
    pytest ended.
    """
    from pytest_domainsafety.reporting.escape import json_text
    from pytest_domainsafety.runs.kinds import PLAN_VARIABLE

    with TemporaryDirectory() as folder:
        path = Path(folder) / "plan.json"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--collect-only", "-qq", *arguments],
            check=False,
            env={**os.environ, PLAN_VARIABLE: str(path)},
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode or not path.is_file():
            echo((done.stdout + done.stderr).strip())
            if done.returncode:
                context.exit(done.returncode)
            raise UserError(
                "no scenario pair on a model was found: name suites and --model"
            )
        document = json.loads(path.read_text(encoding="utf-8"))
    for line in document.pop("lines"):
        echo(line)
    if out is not None:
        write_text(out, json_text(document))


commands: tuple[click.Command, ...] = (plan,)
"""What this file adds to `domainsafety`."""
