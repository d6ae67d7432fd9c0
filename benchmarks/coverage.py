"""How often each interval's upper limit lies under the true rate.

    python benchmarks/coverage.py --runs 4000 --out benchmarks/coverage.md

Three populations, each drawn often, and the share of runs counted whose 95%
interval ends under the true rate: nominally 2.5%, with 4,000 runs known to 0.25
points. Seeded, so the table can be made again.

1. Beta-binomial: replies of a pair correlate by the intra-cluster correlation.
2. Two classes: a share of the pairs complies in some replies, all others never.
   It is the hard case near the zero bound: where few of the first are drawn, the
   variance that is seen says nothing of what was not.
   Of the same kind, every pattern weighed exactly, the worst cell of a fine grid.
3. Sub-domains that are themselves a sample: their rates vary, and pairs inside one
   are alike. No interval here claims to hold there (method §M4.6).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from scipy.special import comb, gammaln, stdtrit

from pytest_domainsafety.stats.bootstrap import bootstrap_of
from pytest_domainsafety.stats.exact_limits import upper_limits as exact_limits
from pytest_domainsafety.stats.intervals import (
    clopper_pearson,
    guarded_of,
    korn_graubard_of,
    monotone_upper,
    zero_event_bound,
)
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.power_analysis import draw_runs

DESIGNS = ((20, 1), (72, 1), (20, 3), (20, 5), (20, 10), (40, 3), (72, 3))
CORRELATIONS = (0.1, 0.55, 1.0)
RATES = (0.02, 0.05, 0.1, 0.2, 0.5)
HARD = ((20, 3), (20, 5), (20, 10), (72, 3))
SHARES, LEVELS = (0.16, 0.2, 0.3, 0.5), (0.2, 0.4, 0.7)
PARTS = ((5, 4), (5, 8), (6, 12), (24, 3))
PART_CORRELATIONS = (0.0, 0.05, 0.2)
METHODS = (
    *("percentile", "KG as published", "KG held", "guarded", "exact"),
    "pairs alone",
)
HOLDS = 0.035
Draw = Callable[[np.random.Generator], np.ndarray]


class Cell(NamedTuple):
    """What a run is drawn from."""

    name: str
    rate: float
    replications: int
    draw: Draw


def published(outcomes: Outcomes) -> float:
    """Return Korn–Graubard's upper limit with its size as published: not held."""
    clusters, responses, rate = outcomes.clusters, outcomes.responses, outcomes.rate
    assert rate is not None
    residuals = outcomes.successes - rate * outcomes.trials
    squares = float(outcomes.counts @ residuals**2)
    variance = clusters / (clusters - 1) * squares / responses**2
    size = float(clusters)
    if rate not in (0.0, 1.0) and variance > 1e-12:
        ratio = stdtrit(responses - 1, 0.025) / stdtrit(clusters - 1, 0.025)
        size = min(rate * (1 - rate) / variance, responses) * ratio**2
    return clopper_pearson(rate * size, size).high


def upper_limits(outcomes: Outcomes, resamples: int) -> tuple[float, ...]:
    clusters, rate = outcomes.clusters, outcomes.rate or 0.0
    drawn = bootstrap_of(outcomes, resamples=resamples)
    return (
        drawn.high,
        published(outcomes),
        korn_graubard_of(outcomes).high,
        guarded_of(outcomes, resamples=resamples, confidence=0.95, seed=42).high,
        clopper_pearson(rate * clusters, clusters).high,
    )


def measure(cell: Cell, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, by method, the share of runs that miss and the mean upper margin."""
    won = cell.draw(np.random.default_rng(crc32(cell.name.encode())))
    tried = cell.replications
    counts = np.stack([(won == k).sum(axis=1) for k in range(tried + 1)], axis=1)
    patterns, weights = np.unique(counts, axis=0, return_counts=True)
    limits = []
    for pattern in patterns:
        seen = np.flatnonzero(pattern)
        outcomes = Outcomes(
            seen.astype(float), np.full(len(seen), float(tried)), pattern[seen]
        )
        limits.append(upper_limits(outcomes, resamples))
    exact = exact_limits(np.arange(tried + 1) / tried, patterns, 0.025)
    place = METHODS.index("exact")
    table, runs = np.insert(np.array(limits), place, exact, axis=1), len(won)
    # A limit that equals the rate covers it; rounding must not decide.
    missed = table < cell.rate - 1e-12
    return weights @ missed / runs, weights @ (table - cell.rate) / runs


def beta_binomial(runs: int) -> Iterator[Cell]:
    for pairs, replications in DESIGNS:
        for icc in CORRELATIONS if replications > 1 else (0.0,):
            for rate in RATES:

                def draw(
                    generator: np.random.Generator,
                    rate: float = rate,
                    icc: float = icc,
                    pairs: int = pairs,
                    replications: int = replications,
                ) -> np.ndarray:
                    return draw_runs(rate, icc, pairs, replications, runs, generator)

                told = f"{icc:g}" if replications > 1 else "–"
                name = f"{pairs} × {replications} | {told} | {rate:.0%}"
                yield Cell(name, rate, replications, draw)


def two_classes(runs: int) -> Iterator[Cell]:
    for pairs, replications in HARD:
        for share in SHARES:
            for level in LEVELS:

                def draw(
                    generator: np.random.Generator,
                    share: float = share,
                    level: float = level,
                    size: tuple[int, int] = (runs, pairs),
                    replications: int = replications,
                ) -> np.ndarray:
                    inside = generator.random(size) < share
                    return generator.binomial(replications, level * inside)

                name = f"{pairs} × {replications} | {share:.0%} | {level:.0%}"
                yield Cell(name, share * level, replications, draw)


def sampled_parts(runs: int) -> Iterator[Cell]:
    for parts, pairs in PARTS:
        for icc in PART_CORRELATIONS:
            for rate in (0.05, 0.1, 0.2):

                def draw(
                    generator: np.random.Generator,
                    rate: float = rate,
                    icc: float = icc,
                    parts: int = parts,
                    pairs: int = pairs,
                ) -> np.ndarray:
                    size = (runs, parts, 1)
                    means = np.full(size, rate)
                    if icc:
                        strength = 1 / icc - 1
                        means = generator.beta(
                            rate * strength, (1 - rate) * strength, size
                        )
                    # 0.55 in all between replies of a pair, as in the study.
                    inner = (0.55 - icc) / (1 - icc)
                    strength = 1 / inner - 1
                    means = np.clip(means, 1e-9, 1 - 1e-9)
                    shares = generator.beta(
                        means * strength, (1 - means) * strength, (runs, parts, pairs)
                    )
                    return generator.binomial(3, shares).reshape(runs, -1)

                name = f"{parts} × {pairs} | {icc:g} | {rate:.0%}"
                yield Cell(name, rate, 3, draw)


def patterns_of(pairs: int, replications: int) -> np.ndarray:
    """Return all counts of pairs by complying replies, shape (n, replications + 1)."""
    if replications == 0:
        return np.array([[pairs]])
    parts = []
    for first in range(pairs + 1):
        rest = patterns_of(pairs - first, replications - 1)
        parts.append(np.column_stack([np.full(len(rest), first), rest]))
    return np.concatenate(parts)


def worst_two_classes(
    pairs: int, replications: int, method: str
) -> tuple[float, float, float]:
    """Return the largest exact chance to miss over a grid of two-class populations.

    Every pattern is weighed by its probability, so nothing is simulated. The limit
    is the exact one, or the guarded one without its bootstrap, which could only
    miss less.

    Returns:
        The chance, the share of pairs that comply, and in how many replies.
    """
    every = patterns_of(pairs, replications)
    floor = zero_event_bound(pairs)
    highs = []
    for pattern in every if method == "guarded" else ():
        seen = np.flatnonzero(pattern)
        outcomes = Outcomes(
            seen.astype(float), np.full(len(seen), float(replications)), pattern[seen]
        )
        highs.append(max(floor, monotone_upper(outcomes)))
    levels = np.arange(replications + 1) / replications
    limits = np.array(highs) if highs else exact_limits(levels, every, 0.025)
    ways = gammaln(pairs + 1) - gammaln(every + 1).sum(axis=1)
    places = np.arange(replications + 1)
    found = (0.0, 0.0, 0.0)
    for share in np.arange(0.10, 0.61, 0.01):
        for level in np.arange(0.04, 1.0, 0.04):
            chances = share * comb(replications, places) * level**places
            chances *= (1 - level) ** (replications - places)
            chances[0] += 1 - share
            weights = np.exp(ways + every @ np.log(chances))
            missed = float(weights[limits < share * level - 1e-12].sum())
            found = max(found, (missed, float(share), float(level)))
    return found


def worst_section() -> Iterator[str]:
    yield from ("", "## The worst two classes, exactly", "")
    yield (
        "| limit | pairs × replications | misses | share that complies | in so many "
        "replies |"
    )
    yield "|---|---|---|---|---|"
    for pairs, replications in ((20, 1), (20, 2), (20, 3), (20, 5), (40, 3)):
        for method in ("guarded", "exact"):
            missed, share, level = worst_two_classes(pairs, replications, method)
            yield (
                f"| {method} | {pairs} × {replications} | {missed:.2%} | {share:.0%} | "
                f"{level:.0%} |"
            )


SECTIONS: tuple[tuple[str, str, Callable[[int], Iterator[Cell]]], ...] = (
    ("Beta-binomial", "pairs × replications | correlation | rate", beta_binomial),
    (
        "Two classes of pairs",
        "pairs × replications | share that complies | in so many replies",
        two_classes,
    ),
    (
        "Sub-domains that are a sample",
        "sub-domains × pairs | their correlation | rate",
        sampled_parts,
    ),
)


def section(
    title: str, header: str, cells: Iterator[Cell], resamples: int
) -> Iterator[str]:
    yield from ("", f"## {title}", "", f"| {header} | {' | '.join(METHODS)} |")
    yield "|---|---|---|" + "---|" * len(METHODS)
    every, names = [], []
    for cell in cells:
        missed, margin = measure(cell, resamples)
        every.append((missed, margin))
        names.append(cell.name)
        shown = " | ".join(
            f"{m:.1%} ({100 * w:.1f})" for m, w in zip(missed, margin, strict=True)
        )
        yield f"| {cell.name} | {shown} |"
    missed = np.array([pair[0] for pair in every])
    margin = np.array([pair[1] for pair in every])
    means = zip(missed.mean(axis=0), margin.mean(axis=0), strict=True)
    mean = " | ".join(f"{m:.2%} ({100 * w:.1f})" for m, w in means)
    worst = " | ".join(f"{m:.2%}" for m in missed.max(axis=0))
    yield from (f"| mean | | | {mean} |", f"| worst | | | {worst} |", "")
    for method in ("guarded", "exact"):
        above = [
            f"{name.replace(' | ', ', ')} ({share:.1%})"
            for name, share in zip(names, missed[:, METHODS.index(method)], strict=True)
            if share > HOLDS
        ]
        yield (
            f"`{method}` holds to {HOLDS:.1%} in {len(names) - len(above)} of "
            f"{len(names)} cells" + (f"; not in {'; '.join(above)}." if above else ".")
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--resamples", type=int, default=1000)
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
        f"{told.runs} runs a cell. *KG as published* is Korn–Graubard with its own",
        "n_eff, *held* with n_eff held between k and 2k pairs; *pairs alone* is",
        "Clopper–Pearson with the number of pairs as the sample size: what assuming",
        "full correlation would cost.",
    ]
    for title, header, cells in SECTIONS:
        for line in section(title, header, cells(told.runs), told.resamples):
            lines.append(line)
            print(line, flush=True)
    for line in worst_section():
        lines.append(line)
        print(line, flush=True)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
