"""Search all patterns for one more complying reply that lowers the upper limit.

    python benchmarks/monotone.py --out benchmarks/monotone.md

Exhaustive over the ways in which clusters of one size can turn out.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pytest_domainsafety.stats.bootstrap import bootstrap_of
from pytest_domainsafety.stats.intervals import (
    korn_graubard_of,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Outcomes

Pattern = tuple[int, ...]
NAMES = ("korn-graubard with floor", "monotone envelope", "guarded (with bootstrap)")


def patterns(clusters: int, replies: int) -> Iterator[Pattern]:
    for rest in itertools.product(range(clusters + 1), repeat=replies):
        if sum(rest) <= clusters:
            yield (clusters - sum(rest), *rest)


def limits(pattern: Pattern) -> tuple[float, float, float]:
    counts = np.array(pattern)
    seen = np.flatnonzero(counts)
    trials = np.full(len(seen), len(pattern) - 1.0)
    found = Outcomes(seen.astype(float), trials, counts[seen])
    floor = zero_event_bound(found.clusters)
    plain = max(korn_graubard_of(found).high, floor)
    envelope = max(monotone_upper(found), plain)
    return plain, envelope, max(envelope, bootstrap_of(found, resamples=2000).high)


def largest_fall(
    table: dict[Pattern, tuple[float, ...]], which: int
) -> tuple[float, str]:
    worst, words = 0.0, "none"
    for pattern, before in table.items():
        for level in range(len(pattern) - 1):
            if not pattern[level]:
                continue
            worse = list(pattern)
            worse[level] -= 1
            worse[level + 1] += 1
            after = table[tuple(worse)]
            if before[which] - after[which] > worst + 1e-12:
                worst = before[which] - after[which]
                words = f"{before[which]:.1%} → {after[which]:.1%} at {pattern}"
    return worst, words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    lines = [
        "# One more complying reply",
        "",
        "`python benchmarks/monotone.py --out benchmarks/monotone.md`",
        "",
        "Largest fall of the 95% upper limit by one more complying reply, over all",
        "patterns. A pattern counts the clusters with 0, 1, 2 … complying replies.",
        "",
        "| clusters | replies each | limit | largest fall | where |",
        "|---|---|---|---|---|",
    ]
    for clusters, replies in ((10, 3), (20, 3), (30, 3), (10, 5), (40, 2)):
        table = {pattern: limits(pattern) for pattern in patterns(clusters, replies)}
        for which, name in enumerate(NAMES):
            fall, where = largest_fall(table, which)
            size = f"{clusters} | {replies}"
            lines.append(f"| {size} | {name} | {100 * fall:.2f} points | {where} |")
            print(lines[-1], flush=True)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
