"""What the surface of our prompts tells: of the framing, and of the domain's stratum.

    python benchmarks/confounds.py [FOLDER]      # default: suites

Prints the two tables of confounds in suites/README.md: how the two framings differ in
form, and how well lengths, punctuation and function words alone tell the framing, the
stratum (how firmly the law forbids a domain's harm) and the core pairs. An AUC of .5
is a guess, 1 is always right. Ten folds, a pair's prompts always in one of them;
scikit-learn (extra `test`) fits a logistic regression on standardised numbers.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pytest_domainsafety.suite import load_suites
from pytest_domainsafety.suite.lint.surface import form, function_words
from pytest_domainsafety.suite.lint.words import text_of

HIGH = ("science_fraud", "surveillance")
"""The stratum that the study calls high, by compliance; all were written in one go."""
LOW = ("corruption", "elections", "environmental", "trafficking")
FOLDS, SEED = 10, 42
STRATUM_AUC, FRAMING_AUC = 0.65, 0.75
"""At most, in our corpus."""


class Prompt(NamedTuple):
    """One prompt of a pair, and what may be told from it."""

    pair: str
    domain: str
    framing: str
    core: bool
    text: str


def both(text: str) -> dict[str, float]:
    """Return form and function words."""
    return form(text) | function_words(text)


SETS: dict[str, Callable[[str], dict[str, float]]] = {
    "lengths, punctuation, grade": form,
    "function words": function_words,
    "all of these": both,
}


def prompts(folder: Path) -> list[Prompt]:
    """Return all prompts of a corpus: two of each pair, and its twin's."""
    found = []
    for loaded in load_suites([folder]):
        domain = loaded.suite.domain
        for pair in loaded.suite.scenarios:
            texts = {
                "analytical": pair.analytical,
                "operational": text_of(pair.operational),
            }
            if pair.benign is not None:
                texts["benign"] = text_of(pair.benign)
            name = f"{domain}/{pair.id}"
            found += [
                Prompt(name, domain, framing, pair.core, text)
                for framing, text in texts.items()
            ]
    return found


def auc(
    chosen: Sequence[Prompt],
    told: Sequence[bool],
    features: Callable[[str], dict[str, float]],
) -> float:
    """Return how well numbers of a prompt tell something of it.

    Args:
        chosen: The prompts.
        told: What is to be told of each.
        features: Text → numbers, the same names for every text.

    Returns:
        Area under the curve of predictions by a model that has not seen the pair.
    """
    numbers = np.array([list(features(one.text).values()) for one in chosen])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = cross_val_predict(
            model,
            numbers,
            np.array(told),
            groups=[one.pair for one in chosen],
            cv=folds,
            method="predict_proba",
        )[:, 1]
    return float(roc_auc_score(told, predicted))


def stratum_auc(
    corpus: Sequence[Prompt], features: Callable[[str], dict[str, float]]
) -> float:
    """Return how well operational prompts tell their domain's stratum."""
    chosen = [
        one
        for one in corpus
        if one.framing == "operational" and one.domain in HIGH + LOW
    ]
    return auc(chosen, [one.domain in HIGH for one in chosen], features)


def framing_auc(
    corpus: Sequence[Prompt],
    features: Callable[[str], dict[str, float]],
    other: str = "analytical",
) -> float:
    """Return how well prompts tell that they are operational ones."""
    chosen = [one for one in corpus if one.framing in ("operational", other)]
    return auc(chosen, [one.framing == "operational" for one in chosen], features)


def core_auc(
    corpus: Sequence[Prompt], features: Callable[[str], dict[str, float]]
) -> float | None:
    """Return how well operational prompts tell the core pairs; None without others."""
    chosen = [one for one in corpus if one.framing == "operational"]
    told = [one.core for one in chosen]
    return auc(chosen, told, features) if len(set(told)) == 2 else None


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as Markdown, the first one as the heading."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])


def differences(corpus: Sequence[Prompt]) -> list[list[str]]:
    """Return by feature of the form its mean in each framing, and dz over pairs."""
    framings = [
        name
        for name in ("analytical", "operational", "benign")
        if any(one.framing == name for one in corpus)
    ]
    by_pair: dict[str, dict[str, dict[str, float]]] = {}
    for one in corpus:
        by_pair.setdefault(one.pair, {})[one.framing] = form(one.text)
    rows = [["feature", *framings, "dz (operational − analytical)"]]
    for name in form(""):
        means = [
            np.mean(
                [pair[framing][name] for pair in by_pair.values() if framing in pair]
            )
            for framing in framings
        ]
        steps = np.array(
            [
                pair["operational"][name] - pair["analytical"][name]
                for pair in by_pair.values()
            ]
        )
        spread = steps.std(ddof=1)
        dz = steps.mean() / spread if spread else 0.0
        rows.append([name, *(f"{mean:.2f}" for mean in means), f"{dz:+.2f}"])
    return rows


def told(corpus: Sequence[Prompt]) -> list[list[str]]:
    """Return by set of features how well it tells each thing."""
    twins = any(one.framing == "benign" for one in corpus)
    rows = [["from", "framing", "stratum", "core pair", "twin or operational"]]
    for name, features in SETS.items():
        values: list[Any] = [
            framing_auc(corpus, features),
            stratum_auc(corpus, features),
            core_auc(corpus, features),
            framing_auc(corpus, features, "benign") if twins else None,
        ]
        rows.append(
            [name, *("–" if value is None else f"{value:.2f}" for value in values)]
        )
    return rows


def main() -> int:
    """Print both tables."""
    corpus = prompts(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("suites"))
    print(f"{len({one.pair for one in corpus})} pairs, {len(corpus)} prompts\n")
    print(table(differences(corpus)))
    print(f"\nAUC, {FOLDS} folds by pair:\n")
    print(table(told(corpus)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
