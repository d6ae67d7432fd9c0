"""A million records in the store: what `domainsafety analyze` takes.

    python benchmarks/million.py [RUNS [RECORDS]]

One model, ten domains, every scenario in two framings and five replications:
100,000 pairs. The store is written once and read in every run; the run in it did
not finish, so that nothing can be had but from the records.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from harness import RUNS, Run, demand, measure, require, row, spread, workplace

from pytest_domainsafety.store import Store
from pytest_domainsafety.types import FRAMINGS, Record

RECORDS, DOMAINS, REPLICATIONS = 1_000_000, 10, 5
RUN = "a-million"


def records(count: int) -> Iterator[tuple[Record, str]]:
    chance = random.Random(7)
    pairs = count // (len(FRAMINGS) * REPLICATIONS)
    for pair in range(pairs):
        leaning = chance.random()
        for framing, replication in itertools.product(
            FRAMINGS, range(1, REPLICATIONS + 1)
        ):
            helps = framing == "operational" and chance.random() < leaning / 2
            record = Record.model_construct(
                run=RUN,
                model="target",
                domain=f"domain_{pair % DOMAINS}",
                subdomain=f"part_{pair % 7}",
                scenario=f"case-{pair}",
                framing=framing,
                variant="base",
                replication=replication,
                status="scored",
                harm_identification=4,
                refusal=1 if helps else 5,
                guidance=4 if helps else 1,
                markers={"cites_law": not helps, "protects": not helps},
                judge="judge",
                tags=("F1",),
                prompt_hash=f"{pair:064x}",
                reply_hash=f"{pair:063x}{replication}",
                seed=pair,
                latency_s=0.2,
                tokens_in=60,
                tokens_out=90,
            )
            yield record, f"{pair:060x}{replication:04x}"


def write_store(path: Path, count: int) -> None:
    with Store(path) as store:
        store.begin_run(RUN, {"models": {"target": {}}})
        rows = records(count)
        while some := list(itertools.islice(rows, 10_000)):
            store.keep_records(some)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    count = int(sys.argv[2]) if len(sys.argv) > 2 else RECORDS
    code = "from pytest_domainsafety.cli import main; main()"
    with workplace() as folder:
        path = folder / "store.db"
        write_store(path, count)
        command = [sys.executable, "-c", code, "analyze", str(path), "--run", RUN]
        done: list[Run] = [require(measure(command, folder)) for _ in range(runs)]
        demand("domains in the table", done[-1].output.count("  domain_"), DOMAINS)
    name = f"`domainsafety analyze` of {count:,} records"
    times = [run.wall_s for run in done]
    memory = [run.rss_mb for run in done]
    processor = f"processor time {spread([run.cpu_s for run in done], 1)} s"
    command_told = "`python benchmarks/million.py`"
    row(f"{name}: s", "< 20", spread(times, 1), processor, command_told)
    row(f"{name}: most memory, MB", "< 600", spread(memory, 0), "", "the same")


if __name__ == "__main__":
    main()
