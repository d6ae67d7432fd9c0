"""What looks over pairs buy, and that no plan passes more unsafe models than it may.

    python benchmarks/looks.py --runs 4000 --out benchmarks/looks.md

Runs are drawn, pair by pair in the order asked, and ended by the very limits and
bets that a run's gate ends by (`stats.simulated.ends_of`; no model, no server). First
the two rows of what was asked; then what each split of the requests passes; then the
error: how often a model passes whose true rate is the threshold, nominally at most
2.5% (4,000 runs tell to 0.25 points), for five thresholds, three numbers of pairs,
one and three replications, and populations of four kinds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.stats.power_analysis import STUDY_ICC, draw_runs
from pytest_domainsafety.stats.simulated import STOPS, Ends, Stop, ends_of

Counts = NDArray[np.int64]
Draw = Callable[[float, int, int, int, np.random.Generator], Counts]
PAIRS, NOMINAL = 72, 0.025


def correlated(icc: float) -> Draw:
    def draw(
        rate: float, pairs: int, times: int, runs: int, generator: np.random.Generator
    ) -> Counts:
        return draw_runs(rate, icc, pairs, times, runs, generator)

    return draw


def two_classes(
    rate: float, pairs: int, times: int, runs: int, generator: np.random.Generator
) -> Counts:
    """Some pairs comply in half of their replies, all others never."""
    share = min(1.0, 2 * rate)
    kind = generator.random((runs, pairs)) < share
    return generator.binomial(times, np.where(kind, rate / share, 0.0))


def unlike_strata(
    rate: float, pairs: int, times: int, runs: int, generator: np.random.Generator
) -> Counts:
    """Eight sub-domains from 0 to twice the rate, in each round the safest first.

    The worst order that rounds through strata can have for a bet.
    """
    spread = min(rate, 1 - rate)
    rates = np.resize(rate + spread * np.linspace(-1, 1, 8), pairs)
    # Rounds that are not whole leave a mean below the rate: put that right.
    rates = np.clip(rates + (rate - rates.mean()), 0, 1)
    return generator.binomial(times, rates, size=(runs, pairs))


POPULATIONS: tuple[tuple[str, int, Draw], ...] = (
    ("one reply a pair", 1, correlated(0.0)),
    ("one reply a pair, unlike sub-domains", 1, unlike_strata),
    ("three, correlation 0", 3, correlated(0.0)),
    ("three, correlation .55", 3, correlated(STUDY_ICC)),
    ("three, correlation 1", 3, correlated(1.0)),
    ("three, two classes", 3, two_classes),
)


def run(
    draw: Draw,
    rate: float,
    threshold: float,
    pairs: int,
    times: int,
    stop: Stop,
    runs: int,
) -> Ends:
    """Draw and end runs; the same runs for each plan, so that plans compare."""
    seed = crc32(f"{rate} {pairs} {times}".encode())
    won = draw(rate, pairs, times, runs, np.random.default_rng(seed))
    return ends_of(won, times, threshold, stop=stop)


def asked_rows(runs: int) -> Iterator[str]:
    """Rows 1 and 2 of what issue 14 asks."""
    yield "| what | asked | sequential | anytime |"
    yield "|---|---|---|---|"
    draw = correlated(STUDY_ICC)
    for rate, threshold, asked in (
        (0.05, 0.25, "≥ 97%"),
        (0.25, 0.25, "≤ 2.5% (wrong)"),
        (0.01, 0.10, "≥ 93%"),
        (0.10, 0.10, "≤ 2.5% (wrong)"),
    ):
        cells = [
            f"{run(draw, rate, threshold, PAIRS, 1, stop, runs).passes.mean():.1%}"
            for stop in ("sequential", "anytime")
        ]
        what = f"passes at a true {rate:.0%}, threshold {threshold:.0%}, 72 × 1"
        yield f"| {what} | {asked} | {' | '.join(cells)} |"
    for rate in (0.0, 0.01, 0.02, 0.6, 0.7):
        found = [
            run(draw, rate, 0.25, PAIRS, 1, stop, runs)
            for stop in ("sequential", "anytime")
        ]
        cells = [f"{ends.pairs.mean() / PAIRS:.3f}" for ends in found]
        what = f"mean requests ÷ full plan at a true {rate:.0%}, threshold 25%"
        yield f"| {what} | ≤ 0.5, ≤ 0.45 | {' | '.join(cells)} |"


def power_rows(runs: int) -> Iterator[str]:
    """What the same requests buy in other splits."""
    heads = [f"{stop}: passes, shown worse, requests" for stop in STOPS]
    yield "| pairs × replications | true rate | threshold | " + " | ".join(heads) + " |"
    yield "|---" * 6 + "|"
    draw = correlated(STUDY_ICC)
    for pairs, times in ((72, 1), (60, 1), (24, 3), (20, 3)):
        for rate, threshold in (
            *((rate, 0.25) for rate in (0.01, 0.05, 0.1, 0.15, 0.4, 0.6)),
            *((rate, 0.1) for rate in (0.0, 0.01, 0.02)),
        ):
            cells = []
            for stop in STOPS:
                ends = run(draw, rate, threshold, pairs, times, stop, runs)
                cells.append(
                    f"{ends.passes.mean():.1%}, {ends.fails.mean():.1%}, "
                    f"{times * ends.pairs.mean():.0f}"
                )
            yield (
                f"| {pairs} × {times} | {rate:.0%} | {threshold:.0%} | "
                f"{' | '.join(cells)} |"
            )


def error_rows(runs: int, sizes: tuple[int, ...] = (20, 60, 72)) -> Iterator[str]:
    """How often a model at the threshold passes."""
    heads = " | ".join(STOPS)
    yield f"| population | pairs | threshold and true rate | {heads} |"
    yield "|---" * 6 + "|"
    for name, times, draw in POPULATIONS:
        for pairs in sizes:
            for threshold in (0.05, 0.1, 0.15, 0.25, 0.5):
                cells = []
                for stop in STOPS:
                    ends = run(draw, threshold, threshold, pairs, times, stop, runs)
                    share = float(ends.passes.mean())
                    cells.append(f"{'**' if share > NOMINAL else ''}{share:.2%}")
                    cells[-1] += "**" if share > NOMINAL else ""
                yield f"| {name} | {pairs} | {threshold:.0%} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--only", choices=("asked", "power", "error"))
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    lines = [
        "# Looks over pairs",
        "",
        f"`python benchmarks/looks.py --runs {told.runs} --out benchmarks/looks.md`",
        "",
        f"{told.runs} runs a cell, beta-binomial with a correlation of .55 where",
        "nothing else is said; operational requests; 95% limits.",
    ]
    for name, title, rows in (
        ("asked", "What was asked", asked_rows),
        ("power", "What requests buy", power_rows),
        ("error", "Wrongly passed (over 2.5% in bold)", error_rows),
    ):
        if told.only in (None, name):
            lines += ["", f"## {title}", ""]
            for line in rows(told.runs):
                print(line, flush=True)
                lines.append(line)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
