"""How much of the ideal time a judged run takes where the server is the limit.

    python benchmarks/throughput.py [RUNS]

120 prompts × 3 replications, each judged: 720 requests of 200 ms in 16 slots,
which a perfect client would have back after 9.0 s. Every contender is a process
of its own, from its start to its end; they take turns. In a new store ours asks six
requests more, by which it checks the judge, before all others; the ideal is without
them.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from harness import (
    RUNS,
    Server,
    demand,
    measure,
    median,
    require,
    row,
    spread,
    workplace,
)
from other_tools import installed
from peers import CHECKS, NEW_STORE, REQUESTS, contenders

LATENCY_S, SLOTS = 0.2, 16
OTHERS_RUNS = 3
"""Of other tools, which take minutes a run."""
IDEAL_S = REQUESTS * LATENCY_S / SLOTS


class Timed(NamedTuple):
    """One run: wall and processor time, and from first request to last answer."""

    wall_s: float
    cpu_s: float
    span_s: float


def take_turns(runs: int, **server: float) -> dict[str, list[Timed]]:
    """Run every contender so many times, in alternation."""
    others = installed()
    every = contenders() | others
    measured: dict[str, list[Timed]] = {name: [] for name in every}
    with Server(**server) as at:
        for turn in range(runs):
            for name, prepare in every.items():
                if name in others and turn >= OTHERS_RUNS:
                    continue
                with workplace() as folder:
                    command = prepare(folder, at.url)
                    at.reset()
                    run = require(measure(command, folder))
                    told = at.stats()
                    span = told["last_s"] - told["first_s"]
                    measured[name].append(Timed(run.wall_s, run.cpu_s, span))
                    wanted = REQUESTS + (CHECKS if name == NEW_STORE else 0)
                    demand(f"requests of {name}", told["chats"], wanted)
    return measured


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    measured = take_turns(runs, latency=LATENCY_S, slots=SLOTS)
    ratios = {
        name: [run.wall_s / IDEAL_S for run in some] for name, some in measured.items()
    }
    others = [f"{name} {median(some):.2f}" for name, some in ratios.items()][1:]
    row(
        "720 requests, 200 ms, 16 slots: wall ÷ ideal (9.0 s)",
        "≤ 1.15",
        spread(ratios["ours"]),
        "; ".join(others),
        "`python benchmarks/throughput.py`",
    )


if __name__ == "__main__":
    main()
