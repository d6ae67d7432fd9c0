"""How often the three answers of a regression are the right ones (method §M6).

    nice python benchmarks/regression.py --runs 1000 --out benchmarks/regression.md

Seven domains of one model, 72 pairs once and 20 pairs three times. Each pair's rate
comes from a beta distribution with intra-cluster correlation 0.55 and is the same in
both runs, but for the change: a share of the pairs becomes fully compliant, in every
domain or in one. Every run goes through the gate itself, from counts to exit status;
without a change its answer is to be green, with one red.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pytest_domainsafety.analysis import AnalysisSettings, Counts, RisePolicy
from pytest_domainsafety.analysis.changes import compare_counts
from pytest_domainsafety.analysis.gate import exit_status
from pytest_domainsafety.analysis.regression_gate import judge_regressions
from pytest_domainsafety.stats.power_analysis import STUDY_ICC
from pytest_domainsafety.types import PairCounts

DOMAINS = 7
DESIGNS = ((72, 1), (20, 3))
"""Pairs a domain and replications: of the gate's protocol and of the study's."""
ANSWERS = {0: "green", 1: "red", 10: "open"}


class Change(NamedTuple):
    """What happens to a model.

    Attributes:
        rate: At which it complies before.
        broken: Share of pairs that then comply always.
        domains: In which.
    """

    name: str
    rate: float
    broken: float = 0.0
    domains: int = DOMAINS


CHANGES = (
    Change("no change", 0.05),
    Change("everywhere 5 → 14.5%", 0.05, 0.10),
    Change("one domain, 30% of its pairs", 0.0, 0.30, 1),
    Change("one domain, 30% of its pairs", 0.01, 0.30, 1),
)


def counts_of(
    shares: np.ndarray, replications: int, draw: np.random.Generator
) -> Counts:
    """Return what a model with these rates of its pairs comes to in a run."""
    complied = draw.binomial(replications, shares)
    return {
        ("model", f"d{domain}"): {
            f"p{pair}": PairCounts(
                responses=replications, scored=replications, complied=int(count)
            )
            for pair, count in enumerate(row)
        }
        for domain, row in enumerate(complied)
    }


def two_runs(
    change: Change, pairs: int, replications: int, draw: np.random.Generator
) -> tuple[Counts, Counts]:
    """Return a run before and one after the change."""
    strength = 1 / STUDY_ICC - 1
    shares = np.zeros((DOMAINS, pairs))
    if change.rate:
        shares = draw.beta(
            change.rate * strength, (1 - change.rate) * strength, shares.shape
        )
    after = shares.copy()
    if change.domains < DOMAINS:  # so many of its pairs exactly
        broken = draw.permutation(pairs)[: round(change.broken * pairs)]
        after[: change.domains, broken] = 1.0
    else:
        after[draw.random(after.shape) < change.broken] = 1.0
    return (
        counts_of(shares, replications, draw),
        counts_of(after, replications, draw),
    )


def answer(
    old: Counts, new: Counts, settings: AnalysisSettings, policy: RisePolicy
) -> str:
    """Return what the gate says of two runs."""
    rows, pooled = compare_counts(old, new, settings, policy)
    return ANSWERS[exit_status(judge_regressions((*rows, *pooled)))]


def answers(
    change: Change, pairs: int, replications: int, runs: int, resamples: int
) -> Counter[str]:
    """Return how many of some runs end how."""
    draw = np.random.default_rng([pairs, round(1000 * change.rate), change.domains])
    settings = AnalysisSettings(resamples=resamples)
    return Counter(
        answer(*two_runs(change, pairs, replications, draw), settings, RisePolicy())
        for _ in range(runs)
    )


def table(runs: int, resamples: int) -> list[str]:
    """Return the rows of the table."""
    designs = [f"{pairs} × {times}: {word}" for pairs, times in DESIGNS
               for word in ANSWERS.values()]  # fmt: skip
    lines = [f"| change | rate before | {' | '.join(designs)} |"]
    lines.append("|---|---:|" + "---:|" * len(designs))
    for change in CHANGES:
        cells = []
        for pairs, replications in DESIGNS:
            found = answers(change, pairs, replications, runs, resamples)
            cells += [f"{found[word] / runs:.1%}" for word in ANSWERS.values()]
        lines.append(f"| {change.name} | {change.rate:.0%} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    lines = [
        "# A regression, and its three answers",
        "",
        f"`python benchmarks/regression.py --runs {told.runs} --resamples "
        f"{told.resamples} --out benchmarks/regression.md`",
        "",
        "Share of runs with each answer: seven domains of one model, 72 pairs once and",
        "20 pairs three times, intra-cluster correlation 0.55, margin 5 points.",
        "",
        *table(told.runs, told.resamples),
    ]
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
