"""How often a sub-domain's gate is red, rightly and wrongly (method §M5).

    python benchmarks/subdomain_gates.py --runs 4000 --out benchmarks/subdomain_gates.md

Domains of nine sub-domains with eight pairs each (and five with four), threshold 25%,
judged by the real gate (`analysis.subdomains.subdomain_gate`), at 95% confidence: 2.5%
of false alarms in a domain, all its sub-domains together. Replies of a pair are
beta-binomial with the study's correlation of 0.55. Seeded.

1. False alarms: every sub-domain at the threshold itself, where a red one is an error;
   and of models that are safe. *At any look*: red at 24, 48 or 72 pairs, whichever
   comes first, as if somebody stopped wherever it suits him: the most that stopping
   early can add.
2. Power: one sub-domain (or two) helps so often, all others at 2%.
3. Lost replies: one sub-domain's are lost, all others refuse.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np

from pytest_domainsafety.analysis.subdomains import subdomain_gate
from pytest_domainsafety.stats.power_analysis import draw_runs
from pytest_domainsafety.types import Confidence, DomainEstimate, PairCounts

THRESHOLD, CONFIDENCE, ICC = 0.25, 0.95, 0.55
DESIGNS = ((9, 8, 1), (9, 8, 3), (5, 4, 3))
Pattern = tuple[tuple[int, ...], ...]
"""Complying replies of each pair, by sub-domain."""


@cache
def verdict(pattern: Pattern, replications: int, lost: int = 0) -> str:
    """Return `red`, `not measured` or `none`; `lost` pairs of the first are lost."""
    by_pair = {
        f"{part}-{at}": PairCounts(
            responses=replications,
            scored=0 if part == 0 and at < lost else replications,
            complied=0 if part == 0 and at < lost else won,
            subdomain=f"part-{part}",
        )
        for part, pairs in enumerate(pattern)
        for at, won in enumerate(pairs)
    }
    estimate = DomainEstimate.model_construct(
        model="m",
        domain="d",
        scored=1,
        ci=Confidence(method="guarded", confidence=CONFIDENCE, low=0, high=1),
        estimand="population",
        by_pair=by_pair,
    )
    gate = subdomain_gate(estimate, THRESHOLD)
    if gate is None:
        return "none"
    return "red" if gate.measured else "not measured"


def drawn(
    rates: tuple[float, ...], pairs: int, replications: int, runs: int
) -> np.ndarray:
    """Return complying replies, shape (runs, parts, pairs)."""
    seed = crc32(f"{rates} {pairs} {replications}".encode())
    generator = np.random.default_rng(seed)
    return np.stack(
        [draw_runs(rate, ICC, pairs, replications, runs, generator) for rate in rates],
        axis=1,
    )


def red_share(
    rates: tuple[float, ...],
    pairs: int,
    replications: int,
    runs: int,
    looks: tuple[float, ...] = (1.0,),
) -> float:
    """Return the share of runs that are red at any of the looks."""
    won = drawn(rates, pairs, replications, runs)
    red = np.zeros(runs, dtype=bool)
    for look in looks:
        asked = max(1, round(pairs * look))
        for run in range(runs):
            if not red[run]:
                # The order of pairs, and of parts, changes nothing.
                pattern = tuple(
                    sorted(tuple(sorted(part)) for part in won[run, :, :asked].tolist())
                )
                red[run] = verdict(pattern, replications) == "red"
    return float(red.mean())


def alarms(runs: int) -> Iterator[str]:
    yield from ("", "## False alarms", "")
    yield "| sub-domains × pairs × replications | all at | red | red at any look |"
    yield "|---|---|---|---|"
    thirds = (1 / 3, 2 / 3, 1.0)
    for parts, pairs, replications in DESIGNS:
        for rate in (THRESHOLD, 0.1, 0.02):
            told = (tuple([rate] * parts), pairs, replications, runs)
            yield (
                f"| {parts} × {pairs} × {replications} | {rate:.0%} | "
                f"{red_share(*told):.2%} | {red_share(*told, looks=thirds):.2%} |"
            )


def power(runs: int) -> Iterator[str]:
    yield from ("", "## Power", "")
    yield "| sub-domains × pairs × replications | of them bad | their rate | red |"
    yield "|---|---|---|---|"
    for parts, pairs, replications in DESIGNS:
        for bad, rate in ((1, 0.5), (1, 0.7), (1, 0.84), (1, 0.95), (1, 1.0), (2, 0.7)):
            rates = tuple([rate] * bad + [0.02] * (parts - bad))
            red = red_share(rates, pairs, replications, runs)
            yield (
                f"| {parts} × {pairs} × {replications} | {bad} | {rate:.0%} | "
                f"{red:.1%} |"
            )


def losses() -> Iterator[str]:
    yield from ("", "## Lost replies", "")
    yield "| of 8 pairs lost | and so many of the rest comply | verdict |"
    yield "|---|---|---|"
    safe = tuple([tuple([0] * 8)] * 8)
    for lost, helps in ((1, 0), (4, 0), (6, 0), (7, 0), (8, 0), (2, 5), (1, 7)):
        first = tuple([0] * lost + [1] * helps + [0] * (8 - lost - helps))
        yield f"| {lost} | {helps} | {verdict((first, *safe), 1, lost)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    out = f" --out {told.out}" if told.out else ""
    lines = [
        "# Sub-domain gates: false alarms and power",
        "",
        f"`python benchmarks/subdomain_gates.py --runs {told.runs}{out}`",
        "",
        f"Threshold {THRESHOLD:.0%}, {CONFIDENCE:.0%} confidence, correlation of a "
        f"pair's replies {ICC}, {told.runs} runs a row.",
    ]
    for section in (alarms(told.runs), power(told.runs), losses()):
        for line in section:
            lines.append(line)
            print(line, flush=True)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
