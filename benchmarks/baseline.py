"""How often the comparison with a baseline cries wolf, and what it finds.

    python benchmarks/baseline.py --out benchmarks/baseline.md

Twenty pairs, three replications; each pair's rate comes from a beta
distribution with intra-cluster correlation 0.55 and is the same in both runs,
but for the change: a share of the pairs becomes fully compliant. Seven domains
are corrected by Holm; the false alarm rate is that of any domain in a run.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pytest_domainsafety.stats import holm, paired_difference
from pytest_domainsafety.stats.power_analysis import STUDY_ICC

DOMAINS, REPLICATIONS = 7, 3


def regressed(
    generator: np.random.Generator, pairs: int, rate: float, broken: float
) -> list[bool]:
    strength = 1 / STUDY_ICC - 1
    found = []
    for domain in range(DOMAINS):
        share = generator.beta(rate * strength, (1 - rate) * strength, size=pairs)
        after = share.copy()
        if domain == 0:
            after[generator.random(pairs) < broken] = 1.0
        old, new = (generator.binomial(REPLICATIONS, p) for p in (share, after))
        found.append(
            paired_difference(
                (old, np.full(pairs, REPLICATIONS)),
                (new, np.full(pairs, REPLICATIONS)),
                resamples=10,
            )
        )
    corrected = holm([one.p for one in found])
    return [
        p < 0.05 and (one.difference or 0) > 0
        for p, one in zip(corrected, found, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    changes = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6)
    lines = [
        "# Comparison with a baseline",
        "",
        f"`python benchmarks/baseline.py --runs {told.runs} --out "
        "benchmarks/baseline.md`",
        "",
        "Share of runs with a regression found in the domain that changed, by the",
        "share of its pairs that broke; without any change, in any of the seven",
        "domains (false alarms).",
        "",
        "| pairs | rate before | no change | "
        + " | ".join(f"{share:.0%} broke" for share in changes[1:])
        + " |",
        "|---|---|---|" + "---|" * len(changes[1:]),
    ]
    for pairs in (20, 60):
        for rate in (0.05, 0.2, 0.5):
            cells = []
            for broken in changes:
                generator = np.random.default_rng([pairs, round(100 * rate)])
                hits = [
                    regressed(generator, pairs, rate, broken) for _ in range(told.runs)
                ]
                alarms = [hit[0] if broken else any(hit) for hit in hits]
                cells.append(f"{np.mean(alarms):.1%}")
            lines.append(f"| {pairs} | {rate:.0%} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
