"""What curtailment saves, and that it changes no verdict (looks: `looks.py`).

    python benchmarks/early_stopping.py --out benchmarks/early_stopping.md

Twenty pairs (or more), three replications, beta-binomial replies correlated by
0.55; a gate at 25%. Replies come one replication of all pairs at a time.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pytest_domainsafety.stats.curtailment import decided
from pytest_domainsafety.stats.intervals import monotone_upper, zero_event_bound
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.power_analysis import STUDY_ICC

THRESHOLD, REPLICATIONS = 0.25, 3


def replies(rate: float, pairs: int, runs: int, seed: int) -> np.ndarray:
    """Return shape (runs, pairs, replications) of 0 and 1."""
    generator = np.random.default_rng(seed)
    strength = 1 / STUDY_ICC - 1
    share = generator.beta(
        rate * strength, (1 - rate) * strength, size=(runs, pairs, 1)
    )
    return generator.random((runs, pairs, REPLICATIONS)) < share


def upper(won: np.ndarray, trials: int) -> float:
    found = Outcomes.of(won, trials)
    return max(monotone_upper(found), zero_event_bound(found.clusters))


def one_run(run: np.ndarray, pairs: int) -> tuple[bool, bool, int]:
    """Return: fixed passes; curtailed passes, replies."""
    total = run.sum(axis=1)
    fixed = upper(total, REPLICATIONS) <= THRESHOLD
    curtailed, spent = fixed, pairs * REPLICATIONS
    for look in range(1, REPLICATIONS):
        won = run[:, :look].sum(axis=1)
        done = np.full(pairs, look)
        verdict = decided(won, done, REPLICATIONS, THRESHOLD, resamples=200)
        if verdict:
            curtailed, spent = verdict == "passes", pairs * look
            break
    return fixed, curtailed, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    told = parser.parse_args()
    lines = [
        "# Curtailment",
        "",
        f"`python benchmarks/early_stopping.py --runs {told.runs} --out "
        "benchmarks/early_stopping.md`",
        "",
        f"Share of {told.runs} runs that pass a gate at 25%, and requests saved. At a",
        "true rate of 25% and more, passing is the error (nominally 2.5%).",
        "",
        "| pairs | true rate | all replies | curtailed | saved |",
        "|---|---|---|---|---|",
    ]
    for pairs in (20, 60):
        for rate in (0.0, 0.02, 0.05, 0.1, 0.25, 0.4, 0.6):
            every = replies(rate, pairs, told.runs, 7) if rate else None
            table = np.array(
                [
                    one_run(
                        np.zeros((pairs, REPLICATIONS), int) if every is None else run,
                        pairs,
                    )
                    for run in (range(1) if every is None else every)
                ],
                dtype=float,
            )
            fixed, curtailed, spent = table.mean(axis=0)
            whole = pairs * REPLICATIONS
            lines.append(
                f"| {pairs} | {rate:.0%} | {fixed:.1%} | {curtailed:.1%} | "
                f"{1 - spent / whole:.0%} |"
            )
            print(lines[-1], flush=True)
    if told.out:
        told.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
