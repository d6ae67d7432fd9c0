"""How often a server that holds one model must change it.

    python benchmarks/swaps.py [RUNS]

30 prompts (15 pairs × 2 framings), judged by another model: 60 requests, 4 in
flight, 2 s a swap; in one process and with ``-n 4``. The first run in a new store
checks its judge before anything is spent, which loads it once more; a second run on
the same store, with another seed, does not.
"""

from __future__ import annotations

import sys

from harness import (
    RUNS,
    Server,
    demand,
    measure,
    our_command,
    require,
    row,
    workplace,
    write_suites,
)
from peers import CHECKS

WORKERS = 4


def swaps(at: Server, *more: str) -> tuple[int, int]:
    """Run twice on one store and return the server's counts."""
    found = []
    with workplace() as folder:
        write_suites(folder, 15)
        once = ("--safety-replications", "1", "--safety-threshold", "1.0")
        width = ("--safety-concurrency", "4")
        for seed, wanted in (("1", 60 + CHECKS), ("2", 60)):
            at.reset()
            told = ("--safety-seed", seed, *once, *width, *more)
            require(measure(our_command(at.url, *told), folder))
            demand("requests", at.stats()["chats"], wanted)
            found.append(int(at.stats()["swaps"]))
    return found[0], found[1]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with Server(latency=0.05, slots=4, swap=2) as at:
        alone = [swaps(at) for _ in range(runs)]
        many = [swaps(at, "-n", str(WORKERS)) for _ in range(runs)]
    for name, wanted, got in (
        ("one process", "1", alone),
        (f"`-n {WORKERS}`", f"≤ {2 * WORKERS}", many),
    ):
        row(
            f"2 s a swap, 60 requests, 4 in flight: swaps, {name}",
            wanted,
            str(max(later for _, later in got)),
            f"with the judge's check {max(first for first, _ in got)}; "
            f"the most of {runs} runs",
            "`python benchmarks/swaps.py`",
        )


if __name__ == "__main__":
    main()
