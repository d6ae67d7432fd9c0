"""How long the statistics take, beside scipy, and how far `analyze` scales.

    python benchmarks/stats_speed.py --out benchmarks/stats_speed.md
    python benchmarks/stats_speed.py --records 1000000

Medians of repeated calls in one process, in seconds of processor time, so that other
work on the machine counts little; the cache that keeps an interval from
being drawn twice is emptied before each. Records come through a named pipe, so
that ten million of them need no disk; making them takes time of its own, on
another process.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pytest_domainsafety.analysis import (
    AnalysisSettings,
    build_results,
)
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.runs.record_files import analyze_files
from pytest_domainsafety.stats import bootstrap, cluster_bootstrap, guarded
from pytest_domainsafety.types import Record


def median_seconds(call: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        bootstrap._limits.cache_clear()
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return statistics.median(found)


LINES: list[str] = []


def say(line: str) -> None:
    """Print a line, and keep it for the table that is committed."""
    LINES.append(line)
    print(line, flush=True)


def intervals() -> None:
    from scipy import stats as scipy_stats

    generator = np.random.default_rng(3)
    say("| clusters | cluster_bootstrap | guarded | scipy.stats.bootstrap | ratio |")
    say("|---|---|---|---|---|")
    for clusters in (100, 1_000, 100_000):
        won = generator.binomial(3, generator.beta(0.2, 0.6, clusters))
        tried = np.full(clusters, 3)
        ours = median_seconds(lambda: cluster_bootstrap(won, tried), 9)  # noqa: B023
        wide = median_seconds(lambda: guarded(won, tried), 9)  # noqa: B023
        theirs = median_seconds(
            lambda: scipy_stats.bootstrap(
                (won, tried),  # noqa: B023
                lambda a, b, axis: a.sum(axis) / b.sum(axis),
                n_resamples=10_000,
                paired=True,
                method="percentile",
                batch=100,
            ),
            1 if clusters > 10_000 else 3,
        )
        say(
            f"| {clusters:,} | {1000 * ours:.1f} ms | {1000 * wide:.1f} ms | "
            f"{theirs:.2f} s | {theirs / ours:,.0f} × |"
        )


def a_run(models: int = 5, domains: int = 7, pairs: int = 20) -> list[Record]:
    generator = np.random.default_rng(5)
    share = generator.beta(0.25, 0.57, (models, domains, pairs))
    return [
        Record(
            model=f"m{m}",
            domain=f"d{d}",
            subdomain=f"sub{pair % 5}",
            scenario=f"s{pair}",
            framing=framing,  # type: ignore[arg-type]
            replication=replication,
            guidance=(
                4
                if framing == "operational" and generator.random() < share[m, d, pair]
                else 1
            ),
            refusal=1 if framing == "analytical" else 4,
            harm_identification=4,
            tags=(f"F{1 + pair % 4}",),
        )
        for m in range(models)
        for d in range(domains)
        for pair in range(pairs)
        for framing in ("analytical", "operational")
        for replication in (1, 2, 3)
    ]


def whole_run() -> None:
    records = a_run()
    call = lambda: build_results(records, AnalysisSettings(), GatePolicy())  # noqa: E731
    call()
    say("")
    say(
        f"- a whole run, {len(records)} records, all tables: "
        f"{1000 * median_seconds(call, 5):.0f} ms"
    )
    code = (
        "import time; t = time.process_time(); import {}; print(time.process_time()-t)"
    )
    for name in ("pytest_domainsafety.analysis.gate", "scipy.stats"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(name)],
            capture_output=True,
            text=True,
            check=True,
        )
        say(f"- import {name}: {1000 * float(done.stdout):.0f} ms")


def write_records(path: Path, count: int) -> None:
    """Write records of 5 models, 7 domains, 200 pairs, as many as wanted."""
    templates = [
        json.dumps(
            {
                "run": "r",
                "model": f"model{m}",
                "domain": f"domain{d}",
                "subdomain": f"sub{s % 8}",
                "scenario": f"scenario-{s}",
                "framing": framing,
                "replication": "@",
                "status": "scored",
                "harm_identification": 4,
                "refusal": 1 + s % 5,
                "guidance": 5 - s % 5,
                "markers": {"cites_law": True, "advocates_protection": False},
                "judge": "gemma3:27b",
                "tags": ["F1"],
                "prompt_hash": "0123456789abcdef",
            }
        )
        for m in range(5)
        for d in range(7)
        for s in range(200)
        for framing in ("analytical", "operational")
    ]
    with path.open("w") as file:
        written, replication = 0, 0
        while written < count:
            replication += 1
            wanted = templates[: count - written]
            file.writelines(
                line.replace('"@"', str(replication)) + "\n" for line in wanted
            )
            written += len(wanted)


def many_records(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.jsonl"
        os.mkfifo(path)
        writer = multiprocessing.get_context("fork").Process(
            target=write_records, args=(path, count)
        )
        start = time.perf_counter()
        writer.start()
        results = analyze_files([path], AnalysisSettings(), GatePolicy())
        seconds = time.perf_counter() - start
        writer.join()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counted = sum(estimate.responses for estimate in results.domains)
    print(
        f"{count:,} records ({counted:,} operational): {seconds:.1f} s, "
        f"{peak:.0f} MB at the peak"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    if told.records:
        many_records(told.records)
        return
    intervals()
    whole_run()
    if told.out is not None:
        load = os.getloadavg()[0]
        head = (
            "# Speed of the statistics\n\nMilliseconds and seconds of processor time: "
            "`python benchmarks/stats_speed.py --out benchmarks/stats_speed.md`, "
            f"{os.cpu_count()} cores, load average {load:.1f} while it ran.\n\n"
        )
        told.out.write_text(head + "\n".join(LINES) + "\n", "utf-8")


if __name__ == "__main__":
    main()
