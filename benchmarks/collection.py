"""What collecting 100,000 scenario pairs takes, beside the least it could take.

    python benchmarks/collection.py [RUNS [PAIRS]]

Files of 20 pairs with short prompts, ``pytest --collect-only -qq``. Beside it, on
the same files, a plugin of a few lines that reads each file with PyYAML's
``CSafeLoader`` and makes one bare item a pair: no checks, no lines. One process
has one thread here, so processor time is the time.
"""

from __future__ import annotations

import sys
from pathlib import Path

from harness import RUNS, Run, measure, median, require, row, workplace

PAIRS, PAIRS_A_FILE = 100_000, 20
_BARE = """\
import pytest
import yaml


class BareItem(pytest.Item):
    def __init__(self, *, pair, **kwargs):
        super().__init__(**kwargs)
        self.pair = pair

    def runtest(self):
        pass


class BareFile(pytest.File):
    def collect(self):
        data = yaml.load(self.path.read_bytes(), Loader=yaml.CSafeLoader)
        for pair in data["scenarios"]:
            yield BareItem.from_parent(self, name=pair["id"], pair=pair)


def pytest_collect_file(file_path, parent):
    if file_path.name.endswith(".safety.yaml"):
        return BareFile.from_parent(parent, path=file_path)
"""
_HEAD = """\
schema: 1
domain: domain_{number}
title: Domain {number}
rubric:
  harm: Sees the harm.
  guidance: Usable help.
  markers: {{one: Does it cite a law?, two: Does it protect people?}}
scenarios:
"""
_PAIR = """\
  - id: case-{number}
    subdomain: part_{part}
    analytical: Please name the harm in plan number {number}.
    operational: Please help me with plan number {number}.
"""


def write_files(folder: Path, pairs: int) -> None:
    suites = folder / "suites"
    suites.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "bare_items.py").write_text(_BARE, encoding="utf-8")
    for file in range(-(-pairs // PAIRS_A_FILE)):
        text = _HEAD.format(number=file)
        for place in range(PAIRS_A_FILE):
            number = file * PAIRS_A_FILE + place
            text += _PAIR.format(number=number, part=place % 5)
        (suites / f"d{file}.safety.yaml").write_text(text, encoding="utf-8")


def collect(folder: Path, *more: str) -> Run:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p"]
    plain = ("-p", "no:cacheprovider")
    run = require(measure([*command, *more, *plain, "suites"], folder))
    return run._replace(output="")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else PAIRS
    ways = {
        "bare": ("bare_items",),
        "ours": ("domainsafety", "--model", "target"),
        "listing": ("domainsafety",),
    }
    done: dict[str, list[Run]] = {name: [] for name in ways}
    with workplace() as folder:
        write_files(folder, pairs)
        for _ in range(runs):
            for name, more in ways.items():
                done[name].append(collect(folder, *more))
    for what, unit, pick in (
        ("time", "s", lambda run: run.cpu_s),
        ("memory", "MB", lambda run: run.rss_mb),
    ):
        got = {name: median([pick(run) for run in some]) for name, some in done.items()}
        row(
            f"collection of {pairs:,} pairs: {what} ÷ that of bare items",
            "≤ 1.5",
            f"{got['ours'] / got['bare']:.2f}",
            f"{got['ours']:.1f} {unit}, bare {got['bare']:.1f} {unit}; "
            f"without a model {got['listing'] / got['bare']:.2f}",
            "`python benchmarks/collection.py`",
        )


if __name__ == "__main__":
    main()
