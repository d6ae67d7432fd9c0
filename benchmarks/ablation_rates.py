"""How often a variant's effect is found, and claimed where there is none.

    python benchmarks/ablation_rates.py --runs 200

Scenarios differ in how readily they are helped with; each wording of one has its own
chance about that (normal, 15 points). Two framings are tested beside three rewordings,
by the real table (`analysis.ablation.ablations`), at 95%. Seeded.

1. Nothing is planted. 2. One framing lowers compliance by 30 points. 3. Every wording
but the first lowers it by 25: what an ablation does, a placebo does as well.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping

import numpy as np

from pytest_domainsafety.analysis import AnalysisSettings
from pytest_domainsafety.analysis.ablation import Cell, Counts, ablations

FRAMED = ("no_role", "no_engineering")
REWORDED = ("placebo", "paraphrase_1", "paraphrase_2")
PLANTED: dict[str, dict[str, float]] = {
    "nothing": {},
    "no_role -30": {"no_role": -0.3},
    "every rewording -25": dict.fromkeys((*FRAMED, *REWORDED), -0.25),
}
SETTINGS = AnalysisSettings(resamples=200)


def replies(
    draw: np.random.Generator, effects: Mapping[str, float], pairs: int, models: int
) -> tuple[dict[Cell, Counts], dict[str, dict[Cell, Counts]]]:
    """Return replies to the prompts as written, and to each variant."""
    shares = draw.beta(0.6, 0.9, pairs)

    def arm(effect: float) -> dict[Cell, Counts]:
        chance = np.clip(shares + draw.normal(0, 0.15, pairs) + effect, 0, 1)
        return {
            (f"m{model}", "d", f"s{pair}"): (int(draw.random() < chance[pair]), 1)
            for model in range(models)
            for pair in range(pairs)
        }

    names = (*FRAMED, *REWORDED)
    return arm(0.0), {name: arm(effects.get(name, 0.0)) for name in names}


def main() -> None:
    """Print the shares of answers for each thing that is planted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--models", type=int, default=2)
    asked = parser.parse_args()
    draw = np.random.default_rng(1)
    for planted, effects in PLANTED.items():
        told: Counter[str] = Counter()
        for _ in range(asked.runs):
            arms = replies(draw, effects, asked.pairs, asked.models)
            rows = ablations(*arms, SETTINGS, parts=False)
            told["any claim"] += any(
                rows[name].answer in ("less", "more") for name in FRAMED
            )
            told["any p against the prompt"] += any(
                (rows[name].p_adjusted or 0) <= 0.05 for name in FRAMED
            )
            for name in FRAMED:
                told[f"{name}: {rows[name].answer}"] += 1
        shares = {name: f"{count / asked.runs:.1%}" for name, count in told.items()}
        print(planted, shares)


if __name__ == "__main__":
    main()
