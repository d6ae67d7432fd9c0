"""The study's published figures, and whether a run's own say the same.

The figures ship with the package (`published.json`, which names its source). Of five
of its seven rates by domain only the order is known to us.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import permutations
from typing import Any

import numpy as np

from pytest_domainsafety.stats.ranks import kendall
from pytest_domainsafety.types import Results
from pytest_domainsafety.types.experiments import Replicated, Replication

SIGNIFICANT = 0.05
FEWEST_DOMAINS = 5
"""Of fewer no order could be significant: 2 of 4! orders are 8%."""
FEWEST_MODELS = 3
_EXACT_UP_TO = 8
_DRAWS = 10_000


@cache
def published() -> Mapping[str, Any]:
    """Return the study's figures, as `published.json` has them."""
    text = files("pytest_domainsafety.analysis").joinpath("published.json")
    figures: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return figures


def same_models(results: Results) -> tuple[str, ...]:
    """Return the study's models that these results are of, by the study's names."""
    known = set(published()["models"])
    names = {name: name.removeprefix("ollama:") for name in _models(results)}
    return tuple(name for name, plain in names.items() if plain in known)


def replications(results: Results, seed: int = 42) -> tuple[Replication, ...]:
    """Return whether the study's strata, order and hierarchy are found here too."""
    rates = domain_rates(results)
    return (_strata(results, rates), _order(rates, seed), _hierarchy(results))


def domain_rates(results: Results) -> dict[str, float]:
    """Return domain → compliance over models, of the study's domains, in its order."""
    counts: dict[str, tuple[int, int]] = {}
    for one in results.domains:
        won, tried = counts.get(one.domain, (0, 0))
        counts[one.domain] = (won + one.complied, tried + one.scored)
    return {
        domain: counts[domain][0] / counts[domain][1]
        for domain in published()["order"]
        if counts.get(domain, (0, 0))[1]
    }


def _models(results: Results) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.model for one in results.domains))


def _strata(results: Results, rates: Mapping[str, float]) -> Replication:
    """Hold the best partition into two against the study's, domain by domain."""
    table = (results.tables.get("strata") or {}).get("2")
    theirs = [set(group) for group in published()["strata"]["2"]["groups"]]
    known = [domain for domain in rates if any(domain in group for group in theirs)]
    both = all(any(domain in group for domain in known) for group in theirs)
    if len(known) >= FEWEST_DOMAINS and both and not table:
        why = "all domains have one rate"
        return Replication(finding="strata", verdict="open", size=len(known), why=why)
    if not table or len(known) < FEWEST_DOMAINS or not both:
        why = f"it takes {FEWEST_DOMAINS} of the study's domains, of both its strata"
        return Replication(finding="strata", verdict="open", size=len(known), why=why)
    low = set(table["groups"][0])
    apart = tuple(name for name in known if (name in low) != (name in theirs[0]))
    share = 1 - len(apart) / len(known)
    verdict: Replicated = "does not replicate" if apart else "replicates"
    return Replication(
        finding="strata", verdict=verdict, statistic=share, size=len(known), apart=apart
    )


def _order(rates: Mapping[str, float], seed: int) -> Replication:
    """Return Kendall's τ-b of the rates with the study's order, p by permutation."""
    count = len(rates)
    if count < FEWEST_DOMAINS:
        why = f"it takes {FEWEST_DOMAINS} of the study's domains: fewer can't show it"
        return Replication(finding="order", verdict="open", size=count, why=why)
    tau, p = permuted_kendall(range(count), list(rates.values()), seed)
    if tau is None or p is None:
        why = "all domains have one rate"
        return Replication(finding="order", verdict="open", size=count, why=why)
    shown: Replicated = "replicates" if tau > 0 and p <= SIGNIFICANT else "open"
    if tau < 0 and p <= SIGNIFICANT:
        shown = "does not replicate"
    why = "" if shown != "open" else "the orders agree no more than chance does"
    return Replication(
        finding="order", verdict=shown, statistic=tau, p=p, size=count, why=why
    )


def permuted_kendall(
    order: Sequence[float] | range, values: Sequence[float], seed: int = 42
) -> tuple[float | None, float | None]:
    """Return Kendall's τ-b and its two-sided permutation p-value.

    All orders where they are no more than 8!, else draws with the observed among them.

    Args:
        order: Shape (n,).
        values: Shape (n,).
        seed: Of the draws.
    """
    tau = kendall(list(order), list(values)).tau
    if tau is None:
        return None, None
    count = len(values)
    first, second = np.triu_indices(count, 1)
    ranks = np.asarray(order, np.float64)
    signs = np.sign(ranks[first] - ranks[second])
    numbers = np.asarray(values, np.float64)
    if count <= _EXACT_UP_TO:
        orders = np.array(list(permutations(range(count))))
    else:
        keys = np.random.default_rng(seed).random((_DRAWS, count))
        orders = np.vstack([np.arange(count), np.argsort(keys, axis=1)])
    drawn = numbers[orders]
    scores = np.sign(drawn[:, first] - drawn[:, second]) @ signs
    seen = abs(float(np.sign(numbers[first] - numbers[second]) @ signs))
    return tau, float((np.abs(scores) >= seen - 1e-9).mean())


def _hierarchy(results: Results) -> Replication:
    """Return whether domains rank the models alike, as the study's do."""
    table = results.tables.get("hierarchy") or {}
    models = len(table.get("models") or ())
    mean, p = table.get("mean_spearman"), table.get("permutation_p")

    def found(verdict: Replicated, why: str = "") -> Replication:
        return Replication(
            finding="hierarchy",
            verdict=verdict,
            statistic=mean,
            p=p,
            size=models,
            why=why,
        )

    if models < FEWEST_MODELS or mean is None or p is None:
        why = f"it takes {FEWEST_MODELS} models, each in every domain, that differ"
        return found("open", why)
    if p <= SIGNIFICANT and mean > 0:
        return found("replicates")
    why = "domains rank the models no more alike than chance does"
    return found("open", why)


def with_published(results: Results) -> Results:
    """Return results with the study's figures and what of its findings is found."""
    beside = {
        "published": published(),
        "same_models": list(same_models(results)),
        "replication": [one.model_dump(mode="json") for one in replications(results)],
    }
    return results.model_copy(update={"tables": results.tables | beside})
