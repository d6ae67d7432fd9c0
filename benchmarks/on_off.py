"""What each trick for speed earns: its own row of the benchmarks with and without it.

    python benchmarks/on_off.py [RUNS [TRICK …]]

A plugin (`-p switched_off`) takes one trick out of the run that it is loaded in;
with and without take turns. A trick that earns less than 5% of its row goes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import collection
from harness import (
    HERE,
    Server,
    measure,
    median,
    our_command,
    require,
    row,
    spread,
    workplace,
    write_suites,
)
from peers import contenders

RUNS = 5
Measure = Callable[[str], float]
"""Run once with the trick named switched off ('' for none); return the figure."""


def _judged(trick: str, figure: str, **server: float) -> float:
    with Server(**server) as at, workplace() as folder:
        command = contenders()["ours"](folder, at.url)
        at.reset()
        run = require(measure([*command, *_off(trick)], folder, **_path(trick)))
        return run.wall_s if figure == "wall" else run.cpu_s


def _workers(trick: str) -> float:
    """Wall time of a run on two workers, the server's time the greater part."""
    with Server(latency=0.2, slots=16) as at, workplace() as folder:
        write_suites(folder, 60)
        more = ("-n", "2", "--safety-replications", "1", "--safety-threshold", "1.0")
        more += ("--safety-concurrency", "16")
        command = [*our_command(at.url, *more), *_off(trick)]
        return require(measure(command, folder, **_path(trick))).wall_s


def _swaps(trick: str) -> float:
    """Swaps of a server that holds one model, with four workers."""
    with Server(latency=0.05, slots=4, swap=2) as at, workplace() as folder:
        write_suites(folder, 15)
        more = ("-n", "4", "--safety-replications", "1", "--safety-threshold", "1.0")
        command = [*our_command(at.url, *more), *_off(trick)]
        require(measure(command, folder, **_path(trick)))
        return float(at.stats()["swaps"])


def _memory(trick: str) -> float:
    with workplace() as folder:
        collection.write_files(folder, 20_000)
        ours = ("domainsafety", "--model", "target", *_off(trick))
        command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p"]
        plain = ("-p", "no:cacheprovider")
        whole = [*command, *ours, *plain, "suites"]
        return require(measure(whole, folder, **_path(trick))).rss_mb


def _off(trick: str) -> tuple[str, ...]:
    return ("-p", "switched_off") if trick else ()


def _path(trick: str) -> dict[str, str]:
    if not trick:
        return {}
    root = f"{Path(HERE).parent}:{HERE}"
    return {"BENCH_OFF": trick, "PYTHONPATH": root}


TRICKS: dict[str, tuple[str, Measure]] = {
    "plain": (
        "720 requests, zero latency: processor time, s",
        lambda trick: _judged(trick, "cpu", latency=0),
    ),
    "freeze": (
        "720 requests, zero latency: wall, s",
        lambda trick: _judged(trick, "wall", latency=0),
    ),
    "switch": (
        "720 requests, zero latency: wall, s",
        lambda trick: _judged(trick, "wall", latency=0),
    ),
    "lean": ("collection of 20,000 pairs: most memory, MB", _memory),
    "parts": ("120 requests on `-n 2`, 200 ms, 16 slots: wall, s", _workers),
    "turns": ("2 s a swap, 60 requests, `-n 4`: swaps", _swaps),
}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    for trick in sys.argv[2:] or TRICKS:
        what, run = TRICKS[trick]
        found: dict[str, list[float]] = {"": [], trick: []}
        for _ in range(runs):
            for off in found:
                found[off].append(run(off))
        gain = 1 - median(found[""]) / median(found[trick])
        row(trick, what, spread(found[""]), spread(found[trick]), f"{gain:.1%}")


if __name__ == "__main__":
    main()
