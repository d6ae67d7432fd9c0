"""What the plugin costs a pytest run that has nothing to do with it.

    python benchmarks/startup.py [RUNS]

``pytest --help`` and a session of one empty test, with the plugin and without
it, in alternation; the difference of the medians.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import measure, median, require, row, workplace

RUNS = 15


def difference_ms(folder: Path, runs: int, *arguments: str) -> float:
    """Return the median wall time that the plugin adds, in milliseconds."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    spent: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(runs):
        for present in spent:
            more = ["-p", "domainsafety"] if present else []
            spent[present].append(require(measure([*command, *more], folder)).wall_s)
    return 1000 * (median(spent[True]) - median(spent[False]))


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with workplace() as folder:
        (folder / "test_empty.py").write_text("def test_it():\n    pass\n")
        empty = difference_ms(folder, runs, "-q", "test_empty.py")
        told = difference_ms(folder, runs, "--help")
    row(
        "start-up that the plugin adds to another test session, ms",
        "–",
        f"{empty:.0f}",
        f"`pytest --help`: {told:.0f} ms",
        "`python benchmarks/startup.py`",
    )


if __name__ == "__main__":
    main()
