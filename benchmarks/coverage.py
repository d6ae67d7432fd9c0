"""How often each interval's upper limit lies under the true rate.

    python benchmarks/coverage.py --runs 4000 --out benchmarks/coverage.md

For each number of clusters, intra-cluster correlation and true rate, runs are
drawn from a beta-binomial with three replications, and the share of runs whose
95% interval ends under the true rate is counted: nominally 2.5%. Seeded, so the
table can be made again. The width is that of the upper limit over the true rate.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pytest_domainsafety.stats.bootstrap import bootstrap_of
from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    guarded_of,
    korn_graubard_of,
)
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.power_analysis import draw_runs

CLUSTERS = (10, 20, 50, 100)
CORRELATIONS = (0.3, 0.55, 0.8)
RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 0.8)
REPLICATIONS = 3
METHODS = ("percentile", "bca", "korn-graubard", "guarded", "clusters-exact")
REQUIRED_MEAN, REQUIRED_CELL = 0.035, 0.06


def upper_limits(outcomes: Outcomes, resamples: int) -> tuple[float, ...]:
    clusters, rate = outcomes.clusters, outcomes.rate or 0.0
    common = {"resamples": resamples, "confidence": 0.95, "seed": 42}
    return (
        bootstrap_of(outcomes, **common).high,  # type: ignore[arg-type]
        bootstrap_of(outcomes, method="bca", **common).high,  # type: ignore[arg-type]
        korn_graubard_of(outcomes).high,
        guarded_of(outcomes, **common).high,  # type: ignore[arg-type]
        clopper_pearson(rate * clusters, clusters).high,
    )


def cell(
    clusters: int, correlation: float, rate: float, runs: int, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return, by method, the share of runs that miss and the mean upper margin."""
    generator = np.random.default_rng(
        [clusters, round(correlation * 100), round(rate * 100)]
    )
    won = draw_runs(rate, correlation, clusters, REPLICATIONS, runs, generator)
    counts = np.stack([(won == k).sum(axis=1) for k in range(REPLICATIONS + 1)], axis=1)
    patterns, weights = np.unique(counts, axis=0, return_counts=True)
    limits = []
    for pattern in patterns:
        seen = np.flatnonzero(pattern)
        outcomes = Outcomes(
            seen.astype(float), np.full(len(seen), float(REPLICATIONS)), pattern[seen]
        )
        limits.append(upper_limits(outcomes, resamples))
    table = np.array(limits)
    return weights @ (table < rate) / runs, weights @ (table - rate) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    lines = [
        "# Coverage of the upper limit",
        "",
        f"`python benchmarks/coverage.py --runs {told.runs} --resamples "
        f"{told.resamples} --out benchmarks/coverage.md`",
        "",
        "Share of runs in which the upper limit of a 95% interval lies under the",
        "true rate (nominal 2.5%), and in brackets the mean upper margin in points.",
        f"{told.runs} runs a cell, 3 replications, beta-binomial. `clusters-exact` is",
        "Clopper–Pearson with the number of clusters as the sample size: what",
        "assuming full correlation would cost.",
        "",
        "| clusters | correlation | rate | " + " | ".join(METHODS) + " |",
        "|---|---|---|" + "---|" * len(METHODS),
    ]
    every = []
    for clusters in CLUSTERS:
        for correlation in CORRELATIONS:
            for rate in RATES:
                missed, margin = cell(
                    clusters, correlation, rate, told.runs, told.resamples
                )
                every.append((missed, margin))
                shown = " | ".join(
                    f"{m:.1%} ({100 * w:.1f})"
                    for m, w in zip(missed, margin, strict=True)
                )
                lines.append(f"| {clusters} | {correlation} | {rate:.0%} | {shown} |")
                print(lines[-1], flush=True)
    missed = np.array([pair[0] for pair in every])
    margin = np.array([pair[1] for pair in every])
    mean = " | ".join(
        f"{m:.2%} ({100 * w:.1f})"
        for m, w in zip(missed.mean(axis=0), margin.mean(axis=0), strict=True)
    )
    worst = " | ".join(f"{m:.2%}" for m in missed.max(axis=0))
    lines += [f"| mean | | | {mean} |", f"| worst | | | {worst} |", ""]
    guarded = missed[:, METHODS.index("guarded")]
    held = guarded.mean() <= REQUIRED_MEAN and guarded.max() <= REQUIRED_CELL
    lines.append(
        f"Required of `guarded`: {REQUIRED_MEAN:.1%} averaged over cells and "
        f"{REQUIRED_CELL:.0%} in each; {'held' if held else 'MISSED'}."
    )
    print("\n".join(lines[-4:]))
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
