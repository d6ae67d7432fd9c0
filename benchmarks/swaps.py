"""How often a server that holds one model must change it.

    python benchmarks/swaps.py [RUNS]

30 prompts (15 pairs × 2 framings), judged by another model: 60 requests, 4 in
flight, 2 s a swap. Once in one process, once with ``-n 4``.
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

WORKERS = 4


def swaps(at: Server, *more: str) -> int:
    """Run once and return the server's count."""
    with workplace() as folder:
        write_suites(folder, 15)
        at.reset()
        once = ("--safety-replications", "1", "--safety-threshold", "1.0")
        command = our_command(at.url, *once, "--safety-concurrency", "4", *more)
        require(measure(command, folder))
        told = at.stats()
        demand("requests", told["chats"], 60)
        return int(told["swaps"])


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
            str(max(got)),
            f"the most of {runs} runs",
            "`python benchmarks/swaps.py`",
        )


if __name__ == "__main__":
    main()
