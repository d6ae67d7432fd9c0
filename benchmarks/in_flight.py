"""A thousand requests in flight at once, in one process.

    python benchmarks/in_flight.py [RUNS]

500 scenario pairs × 2 framings, one replication, judged: 2,000 requests of 2 s,
``--safety-concurrency 1000``. All must be answered, a thousand at a time.
"""

from __future__ import annotations

import resource
import sys

from harness import (
    RUNS,
    Server,
    demand,
    measure,
    our_command,
    require,
    row,
    spread,
    workplace,
    write_suites,
)
from peers import CHECKS

WIDTH = 1000


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    # Each request has its connection, here and on the server's side.
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    memory, wall = [], []
    with Server(latency=2) as at:
        for _ in range(runs):
            with workplace() as folder:
                write_suites(folder, WIDTH // 2)
                at.reset()
                wide = ("--safety-concurrency", str(WIDTH))
                once = ("--safety-replications", "1")
                run = require(measure(our_command(at.url, *wide, *once), folder))
                told = at.stats()
                demand("requests", told["chats"], 2 * WIDTH + CHECKS)
                demand("at once", told["most_in_flight"], WIDTH)
                memory.append(run.rss_mb)
                wall.append(run.wall_s)
    row(
        "1,000 requests in flight: most memory, MB",
        "< 300",
        spread(memory, 0),
        f"wall {spread(wall, 1)} s, ideal 4.0 s",
        "`python benchmarks/in_flight.py`",
    )


if __name__ == "__main__":
    main()
