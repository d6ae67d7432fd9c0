"""How often a limit that is corrected by 50 labels lies below the true rate.

    python benchmarks/label_limits.py [--runs 100]

72 pairs are asked once; a judge of a given sensitivity and specificity scores them;
half of the labels are of what it calls help, as far as there are so many.
"""

from __future__ import annotations

import argparse

import numpy as np

from pytest_domainsafety.stats.judge_error import Weights, corrected_of
from pytest_domainsafety.stats.outcomes import Outcomes

PAIRS, LABELS, THRESHOLD = 72, 50, 0.25
CASES = (
    (0.02, 0.5, 1.0),
    (0.05, 0.6, 1.0),
    (0.1, 0.9, 0.9),
    (0.25, 0.6, 1.0),
    (0.25, 0.6, 0.95),
    (0.25, 0.9, 0.9),
)


def upper(
    generator: np.random.Generator,
    truth: float,
    sensitivity: float,
    specificity: float,
    *,
    own: bool,
) -> float:
    """Return the corrected upper limit of one simulated run."""
    helps = generator.random(PAIRS) < truth
    chance = np.where(helps, sensitivity, 1 - specificity)
    said = generator.random(PAIRS) < chance
    yes, no = np.flatnonzero(said), np.flatnonzero(~said)
    of_yes = min(len(yes), max(LABELS // 2, LABELS - len(no)))
    of_no = min(len(no), LABELS - of_yes)
    found = int(helps[generator.permutation(yes)[:of_yes]].sum())
    lost = int(helps[generator.permutation(no)[:of_no]].sum())
    counts = (of_no - lost, of_yes - found, lost, found)
    by = (len(no) / max(of_no, 1), len(yes) / max(of_yes, 1))
    table = (counts[0] * by[0], counts[1] * by[1], counts[2] * by[0], counts[3] * by[1])
    weights = Weights(table, (of_no * by[0] ** 2, of_yes * by[1] ** 2), own)
    outcomes = Outcomes.of(said.astype(np.int64), 1)
    return corrected_of(outcomes, counts, weights=weights).high


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    print("| true rate | sensitivity, specificity | labels | below it | passes |")
    print("|---|---|---|---|---|")
    for case in CASES:
        for own in (True, False):
            generator = np.random.default_rng(1)
            limits = [upper(generator, *case, own=own) for _ in range(runs)]
            below = np.mean([limit < case[0] for limit in limits])
            passed = np.mean([limit <= THRESHOLD for limit in limits])
            whose = "its own" if own else "of elsewhere"
            print(
                f"| {case[0]:.0%} | {case[1]:g}, {case[2]:g} | {whose} | {below:.0%} | "
                f"{passed:.0%} |"
            )


if __name__ == "__main__":
    main()
