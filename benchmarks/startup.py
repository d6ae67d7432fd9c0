"""What the plugin costs a pytest run that has nothing to do with it.

    python benchmarks/startup.py [RUNS]

``pytest --help`` and a session of one empty test, with the plugin and without
it (``-p no:domainsafety``), in alternation; the difference of the medians. All
plugins of the environment are loaded in both: finding ours among what is installed
is a search that every pytest makes. The package has to be installed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from harness import Run, demand, measure, median, require, row, workplace

RUNS = 15


class Added(NamedTuple):
    """What the plugin adds, in milliseconds."""

    wall: float
    cpu: float


def difference_ms(folder: Path, runs: int, *arguments: str) -> Added:
    """Return the median time that the plugin adds."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    done: dict[bool, list[Run]] = {False: [], True: []}
    for _ in range(runs):
        for present, some in done.items():
            more = [] if present else ["-p", "no:domainsafety"]
            run = measure([*command, *more], folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="")
            some.append(require(run))
    wall = {
        present: median([run.wall_s for run in some]) for present, some in done.items()
    }
    cpu = {
        present: median([run.cpu_s for run in some]) for present, some in done.items()
    }
    return Added(1000 * (wall[True] - wall[False]), 1000 * (cpu[True] - cpu[False]))


def demand_plugin(folder: Path) -> None:
    """Demand that the one run has the plugin, and the other has not."""
    for more, wanted in (([], True), (["-p", "no:domainsafety"], False)):
        command = [sys.executable, "-m", "pytest", "--help", *more]
        told = require(measure(command, folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD=""))
        demand("the plugin's options", "--safety-seed" in told.output, wanted)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with workplace() as folder:
        (folder / "test_empty.py").write_text("def test_it():\n    pass\n")
        demand_plugin(folder)
        empty = difference_ms(folder, runs, "-q", "test_empty.py")
        told = difference_ms(folder, runs, "--help")
    row(
        "start-up that the plugin adds to another test session, ms",
        "–",
        f"{empty.wall:.0f}",
        f"processor time {empty.cpu:.0f}; `pytest --help`, asked ≤ 15: "
        f"{told.wall:.0f}, processor time {told.cpu:.0f}",
        "`python benchmarks/startup.py`",
    )


if __name__ == "__main__":
    main()
