"""How long `domainsafety analyze` takes on a large store, and what memory.

    python benchmarks/analyze_store.py --records 1000000

Makes a store with one finished run (5 models, 7 domains, 200 pairs a domain, both
framings, as many replications as it takes; records alone, no replies), then analyses
it in a process of its own and measures that one.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Record

MODELS, DOMAINS, PAIRS = 5, 7, 200
AT_ONCE = 20_000

ANALYSE = "from pytest_domainsafety.cli import main; main()"


def records(count: int) -> Iterator[Record]:
    made = replication = 0
    while made < count:
        replication += 1
        for number in range(MODELS * DOMAINS * PAIRS):
            pair, place = number % PAIRS, number // PAIRS
            for framing in ("analytical", "operational"):
                if made == count:
                    return
                made += 1
                yield Record.model_construct(
                    run="big",
                    model=f"model{place % MODELS}",
                    domain=f"domain{place // MODELS}",
                    subdomain=f"sub{pair % 8}",
                    scenario=f"scenario-{pair}",
                    framing=framing,
                    replication=replication,
                    status="scored",
                    harm_identification=4,
                    refusal=1 + (pair + replication) % 5,
                    guidance=5 - (pair + replication) % 5,
                    markers={"cites_law": True, "advocates_protection": False},
                    judge="gemma3:27b",
                    tags=("F1",),
                    prompt_hash="0123456789abcdef",
                    reply_hash="fedcba9876543210",
                    seed=pair,
                    latency_s=1.25,
                    tokens_in=60,
                    tokens_out=300,
                )


def fill(path: Path, count: int) -> None:
    with Store(path) as store:
        store.begin_run("big", {"run": "big"})
        rows = records(count)
        while batch := [(row, "") for _, row in zip(range(AT_ONCE), rows)]:  # noqa: B905
            store.keep_records(batch)
        store.finish_run("big", {"schema": 1, "domains": []})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--by", default="model,domain")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        fill(path, told.records)
        size = path.stat().st_size / 2**20
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", ANALYSE, "analyze", str(path), "--by", told.by],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{told.records:,} records in a store of {size:,.0f} MiB, --by {told.by}: "
        f"{seconds:.1f} s ({used.ru_utime + used.ru_stime:.1f} s of CPU), "
        f"{used.ru_maxrss / 1024:.0f} MB at the peak"
    )


if __name__ == "__main__":
    main()
