"""Large files of records: `domainsafety analyze` many rows at once, and one by one.

    python benchmarks/analyze_speed.py [RECORDS [RUNS [FORMAT…]]]

Ten models, ten domains, a hundred scenario pairs in each, both framings, and as many
replications as RECORDS makes of it; formats are parquet (ten files), jsonl and store.
Both readers take turns in one run, and must print the same. Over a million records the
reader of rows is left out: it takes as long for each million.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import Run, demand, measure, require, row, spread, workplace

from pytest_domainsafety.store import Store
from pytest_domainsafety.types import FRAMINGS, Record

MODELS, DOMAINS, PAIRS, FILES = 10, 10, 100, 10
RUN = "many"
ONE_BY_ONE, MANY = 1 << 60, 0
"""From how many bytes on the engine is used."""


def rows(count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(7)
    replications = count // (MODELS * DOMAINS * PAIRS * len(FRAMINGS))
    places = itertools.product(range(MODELS), range(DOMAINS), range(PAIRS))
    for model, domain, pair in places:
        leaning = chance.random()
        for framing, number in itertools.product(FRAMINGS, range(replications)):
            helps = framing == "operational" and chance.random() < leaning / 2
            yield {
                "run": RUN,
                "model": f"model-{model}",
                "domain": f"domain_{domain}",
                "subdomain": f"part_{pair % 7}",
                "scenario": f"case-{pair}",
                "framing": framing,
                "variant": "base",
                "replication": number + 1,
                "status": "scored",
                "harm_identification": 4,
                "refusal": 1 if helps else 5,
                "guidance": 4 if helps else 1,
                "markers": {"cites_law": not helps, "protects": not helps},
                "judge": "judge",
                "tags": ("F1",),
                "prompt_hash": f"{pair:064x}",
                "reply_hash": f"{pair:056x}{number:08x}",
                "seed": pair,
                "latency_s": 0.2,
                "tokens_in": 60,
                "tokens_out": 90,
            }


def batches(count: int) -> Iterator[list[dict[str, Any]]]:
    several = rows(count)
    while some := list(itertools.islice(several, 50_000)):
        yield some


def parquet(folder: Path, count: int) -> list[str]:
    """Write as many records as are asked for: each time the same with later numbers."""
    import pyarrow as pa
    from pyarrow import compute
    from pyarrow import parquet as files

    base = min(count, 200_000)
    table = pa.Table.from_pylist(list(rows(base)))
    numbers = table.column("replication")
    each = compute.max(numbers).as_py()
    at = table.schema.get_field_index("replication")
    paths = [folder / f"part-{number}.parquet" for number in range(FILES)]
    times = count // base
    for number, path in enumerate(paths):
        with files.ParquetWriter(path, table.schema) as writer:
            for part in range(times):
                if part * FILES // times == number:
                    later = compute.add(numbers, part * each)
                    writer.write_table(table.set_column(at, "replication", later))
    return [str(path) for path in paths]


def jsonl(folder: Path, count: int) -> list[str]:
    path = folder / "records.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for record in rows(count):
            file.write(Record.model_construct(**record).model_dump_json() + "\n")
    return [str(path)]


def store(folder: Path, count: int) -> list[str]:
    path = folder / "store.db"
    with Store(path) as opened:
        opened.begin_run(RUN, {})
        for some in batches(count):
            made = (Record.model_construct(**record) for record in some)
            opened.keep_records((record, "key") for record in made)
    return [f"{path}#{RUN}"]


MADE = {"parquet": parquet, "jsonl": jsonl, "store": store}


def command(files: list[str], since: int) -> list[str]:
    code = (
        "from pytest_domainsafety.runs import record_blocks as blocks; "
        f"blocks.FAST_FROM = {since}; "
        "from pytest_domainsafety.cli import main; main()"
    )
    return [sys.executable, "-c", code, "analyze", *files]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    told = f"`python benchmarks/analyze_speed.py {count}`"
    for name in sys.argv[3:] or MADE:
        with workplace() as folder:
            files = MADE[name](folder, count)
            fast: list[Run] = []
            slow: list[Run] = []
            for _ in range(runs):
                fast.append(require(measure(command(files, MANY), folder)))
                if count <= 1_000_000:
                    slow.append(require(measure(command(files, ONE_BY_ONE), folder)))
                    demand("the same table", fast[-1].output, slow[-1].output)
        what = f"`domainsafety analyze` of {count:,} records, {name}"
        wall, cpu = [r.wall_s for r in fast], [r.cpu_s for r in fast]
        told_too = f"processor time {spread(cpu, 1)} s"
        row(f"{what}: s", "–", spread(wall, 1), told_too, told)
        memory = spread([r.rss_mb for r in fast], 0)
        row(f"{what}: most memory, MB", "< 500", memory, "", "the same")
        if slow:
            pairs = list(zip(fast, slow, strict=True))
            times = spread([s.wall_s / f.wall_s for f, s in pairs], 1)
            work = spread([s.cpu_s / f.cpu_s for f, s in pairs], 1)
            of = f"one by one {spread([s.wall_s for s in slow], 1)} s; processor {work}"
            row(f"{what}: times faster", "≥ 8", times, of, "the same")


if __name__ == "__main__":
    main()
