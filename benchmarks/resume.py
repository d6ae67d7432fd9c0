"""A run that is killed goes on where it stopped: nothing twice, nothing lost.

    python benchmarks/resume.py [MOMENTS]

A judged run of 720 requests is ended with SIGKILL at a random moment between its
start and its end, then run again on the same store. Counted by the server: the
second run must ask exactly for what the store did not have, each once; in the
end the store must hold 360 replies, 360 judgements and 360 records of the second
run, and `domainsafety verify` must find nothing.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from harness import (
    Server,
    demand,
    measure,
    our_command,
    require,
    row,
    start,
    workplace,
    write_suites,
)
from peers import CHECKS, PAIRS, REQUESTS

from pytest_domainsafety.store import Store

MOMENTS = 20
SEED = 20260821
REPLIES = REQUESTS // 2


def held(folder: Path) -> dict[str, int]:
    """Return the rows of the store by table; none where there is no store."""
    path = folder / ".domainsafety" / "store.db"
    if not path.is_file():
        return {"runs": 0, "replies": 0, "judgements": 0}
    with Store(path, create=False) as store:
        return store.counts()


def killed_and_resumed(at: Server, moment_s: float) -> int:
    """Kill a run at a moment, finish it, and return what it still had to ask."""
    with workplace() as folder:
        write_suites(folder, PAIRS)
        command = our_command(at.url, "--safety-concurrency", "16")
        at.reset()
        process = start(command, folder)
        time.sleep(moment_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = held(folder)
        missing = REQUESTS - before["replies"] - before["judgements"]
        missing += 0 if before["runs"] else CHECKS
        at.reset()
        require(measure(command, folder))
        told = at.stats()
        demand(f"requests, killed at {moment_s:.2f} s", told["chats"], missing)
        demand("requests twice", told["duplicates"], 0)
        after = held(folder)
        demand("replies kept", after["replies"], REPLIES)
        demand("judgements kept", after["judgements"], REPLIES)
        verify(folder)
        return missing


def verify(folder: Path) -> None:
    path = folder / ".domainsafety" / "store.db"
    with Store(path, create=False) as store:
        demand("records of the second run", len(list(store.records())), REPLIES)
    code = "from pytest_domainsafety.cli import main; main()"
    require(measure([sys.executable, "-c", code, "verify", str(path)], folder))


def whole_run(at: Server) -> float:
    with workplace() as folder:
        write_suites(folder, PAIRS)
        command = our_command(at.url, "--safety-concurrency", "16")
        return require(measure(command, folder)).wall_s


def main() -> None:
    moments = int(sys.argv[1]) if len(sys.argv) > 1 else MOMENTS
    chance = random.Random(SEED)
    with Server(latency=0.05, slots=16) as at:
        length = whole_run(at)
        missing = [
            killed_and_resumed(at, chance.uniform(0, length)) for _ in range(moments)
        ]
    between = sum(0 < count < REQUESTS for count in missing)
    row(
        f"SIGKILL at {moments} random moments: runs whose requests after resume "
        "are not those missing",
        "0",
        "0",
        f"{between} of the kills fell between first and last answer; nothing twice, "
        "nothing lost, `verify` clean",
        "`python benchmarks/resume.py`",
    )


if __name__ == "__main__":
    main()
