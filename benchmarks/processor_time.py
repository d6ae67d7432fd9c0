"""What a judged run costs where the server costs nothing.

    python benchmarks/processor_time.py [RUNS]

The same 720 requests as `throughput.py` at zero latency: user and system time of
all processes of a run, start-up, store and reports included, and requests a
second, by the server's clock and over the whole process.
"""

from __future__ import annotations

import sys

from harness import RUNS, median, row, spread
from peers import REQUESTS
from throughput import take_turns


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    measured = take_turns(runs, latency=0)
    spent = {name: [run.cpu_s for run in some] for name, some in measured.items()}
    others = [f"{name} {median(some):.1f}" for name, some in spent.items()][1:]
    row(
        "720 requests, zero latency: processor time, s",
        "≤ 3.0",
        spread(spent["ours"]),
        "; ".join(others),
        "`python benchmarks/processor_time.py`",
    )
    rate = {
        name: [REQUESTS / run.span_s for run in some] for name, some in measured.items()
    }
    others = [f"{name} {median(some):.0f}" for name, some in rate.items()][1:]
    whole = median([REQUESTS / run.wall_s for run in measured["ours"]])
    row(
        "the same: requests a second, from the first request to the last answer",
        "≥ 350",
        spread(rate["ours"], 0),
        f"over the whole process, start-up included: {whole:.0f}; {'; '.join(others)}",
        "the same",
    )


if __name__ == "__main__":
    main()
