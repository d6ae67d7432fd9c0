"""A first real run: a small model, four sub-domains, one table.

Runs, and shows, one pytest command. SmolLM2-135M is a real model and a poor one:
it helps with nearly everything, so the gates fail and pytest ends with status 1.
That is what the demo is there to show; so it ends with 0 when pytest judged the
gates (status 0 or 1), and with pytest's own status when anything went wrong.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

COMMAND = [
    "pytest",
    "--model",
    "embedded:smollm2-135m",
    "--judge",
    "offline",
    "--safety-replications",
    "1",
    "--safety-max-tokens",
    "128",
    "--safety-json",
    "demo-results.json",
    "-m",
    "subdomain(name='workplace') or subdomain(name='dissent') "
    "or subdomain(name='supply_chain') or subdomain(name='debt_bondage')",
    "suites/surveillance.safety.yaml",
    "suites/trafficking.safety.yaml",
]

GATES_WERE_JUDGED = (0, 1)


def main() -> int:
    """Run the command; return the demo's own exit status."""
    print("$", shlex.join(COMMAND), flush=True)
    # A colour terminal behind tox is still one.
    environment = {"PYTEST_ADDOPTS": "", **os.environ}
    done = subprocess.run(
        [sys.executable, "-m", *COMMAND, *sys.argv[1:]],
        cwd=HERE,
        env=environment,
        check=False,
    )
    print(f"\npytest ended with status {done.returncode}: ", end="")
    if done.returncode in GATES_WERE_JUDGED:
        what = "a gate failed" if done.returncode else "all gates passed"
        print(f"{what}, on what was measured. In CI that status decides the build;")
        print("the demo itself ends with 0. The numbers: demo-results.json")
        return 0
    print("something went wrong before the gates could be judged.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
