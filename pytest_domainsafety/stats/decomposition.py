"""Where the differences come from: strata, variance, hierarchy, effect (method §M7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pytest_domainsafety.stats.outcomes import Floats
from pytest_domainsafety.stats.ranks import mid_ranks, sign_test, spearman

_DRAWS, _SEED = 9_999, 42
"""Of the hierarchy's permutation test."""


@dataclass(frozen=True, slots=True)
class Strata:
    """A partition of sorted rates.

    Attributes:
        eta_squared: Share of the rates' variance that lies between groups.
        groups: Names from the lowest rate to the highest.
    """

    eta_squared: float
    groups: tuple[tuple[Hashable, ...], ...]


def strata(rates: Mapping[Any, float] | Sequence[float], k: int) -> Strata | None:
    """Return the partition into k groups with the largest η² (study Table 3).

    All partitions of the sorted rates into runs are compared; equal rates
    are never put into different groups while that is as good.

    Args:
        rates: Rate by name; a plain sequence is named by position.
        k: Groups, from 1 to the number of rates.

    Returns:
        The partition, None where the rates do not vary.

    Raises:
        ValueError: There are fewer rates than groups, or no group.
    """
    named = rates if isinstance(rates, Mapping) else dict(enumerate(rates))
    if not 1 <= k <= len(named):
        raise ValueError(f"{len(named)} rates can't be put into {k} groups")
    order = sorted(named, key=lambda name: (named[name], str(name)))
    values = np.array([named[name] for name in order], dtype=np.float64)
    centred = values - values.mean()
    total = float(centred @ centred)
    if values[0] == values[-1]:
        return None

    def between(cuts: tuple[int, ...]) -> float:
        bounds = (0, *cuts, len(values))
        runs = (centred[a:b] for a, b in pairwise(bounds))
        return sum(float(run.sum()) ** 2 / len(run) for run in runs)

    best = max(combinations(range(1, len(values)), k - 1), key=between)
    bounds = (0, *best, len(values))
    groups = tuple(tuple(order[a:b]) for a, b in pairwise(bounds))
    return Strata(between(best) / total, groups)


# ── variance ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Component:
    """One part of the variance: its sum of squares and its share of the total."""

    ss: float
    share: float


@dataclass(frozen=True, slots=True)
class Variance:
    """Sums of squares of pair-level means (study Table 5).

    Attributes:
        domain: Between domains.
        model: Between models.
        scenario: Between scenarios of one domain.
        model_x_scenario: The rest: models differ by scenario (and domain).
        scenarios: Scenarios that all models have, which is what was used.
    """

    domain: Component
    model: Component
    scenario: Component
    model_x_scenario: Component
    scenarios: int


def variance_decomposition(records: Iterable[Any]) -> Variance | None:
    """Return the balanced sums of squares of guidance.

    Replies are averaged by (model, domain, scenario); scenarios that some
    model lacks are left out, so that models and scenarios are crossed and the
    four parts add up to the total.

    Args:
        records: Tuples (model, domain, scenario, guidance), or records with
            these attributes, of which operational ones of the base prompt count.

    Returns:
        The parts, None with fewer than two models or without any variance.
    """
    sums: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(dict)
    for model, domain, scenario, guidance in _guidance(records):
        tally = sums[domain, scenario].setdefault(model, [0.0, 0.0])
        tally[0] += guidance
        tally[1] += 1
    means = {
        key: {model: total / count for model, (total, count) in by_model.items()}
        for key, by_model in sums.items()
    }
    return decompose(means)


def decompose(means: Mapping[tuple[str, str], Mapping[str, float]]) -> Variance | None:
    """Return the sums of squares of means given by (domain, scenario) and model."""
    models = sorted({model for by_model in means.values() for model in by_model})
    keys = sorted(
        key for key, by_model in means.items() if len(by_model) == len(models)
    )
    if len(models) < 2 or not keys:
        return None
    table = np.array([[means[key][model] for model in models] for key in keys])
    if table.min() == table.max():
        return None
    table -= table.mean()
    total = float((table**2).sum())
    rows = table.mean(axis=1)
    of_domain: dict[str, list[float]] = defaultdict(list)
    for (domain, _), mean in zip(keys, rows, strict=True):
        of_domain[domain].append(float(mean))
    between = len(models) * sum(
        len(inside) * float(np.mean(inside)) ** 2 for inside in of_domain.values()
    )
    within = len(models) * float((rows**2).sum()) - between
    of_model = len(keys) * float((table.mean(axis=0) ** 2).sum())
    rest = total - between - within - of_model
    return Variance(
        domain=Component(between, between / total),
        model=Component(of_model, of_model / total),
        scenario=Component(within, within / total),
        model_x_scenario=Component(rest, rest / total),
        scenarios=len(keys),
    )


def _guidance(records: Iterable[Any]) -> Iterable[tuple[str, str, str, float]]:
    for record in records:
        if isinstance(record, tuple) and len(record) == 4:
            yield record
        elif (
            record.framing == "operational"
            and record.variant == "base"
            and record.guidance is not None
        ):
            yield record.model, record.domain, record.scenario, record.guidance


# ── hierarchy of models ─────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Do domains rank the models alike (study Table 6)?

    Attributes:
        models: From the one that complies least to the one that does most.
        correlations: Spearman's, by pair of domains; those with a domain in
            which all models are equal are left out.
        mean_spearman: Their mean, None where there is none.
        positive: How many are above 0.
        sign_test_p: Exact two-sided sign test of their signs.
        permutation_p: Of the mean correlation: the models are drawn anew in each
            domain, so that correlations which share a domain count as what they are.
            None where a domain lacks a model.
    """

    models: tuple[str, ...]
    correlations: dict[tuple[str, str], float]
    mean_spearman: float | None
    positive: int
    sign_test_p: float | None
    permutation_p: float | None = None


def hierarchy(table: Mapping[str, Mapping[str, float]]) -> Hierarchy:
    """Return how alike domains rank the models.

    Args:
        table: Model → domain → rate; models or domains with gaps are compared
            where both domains have a rate.
    """
    domains = sorted({domain for by_domain in table.values() for domain in by_domain})
    correlations: dict[tuple[str, str], float] = {}
    for first, second in combinations(domains, 2):
        both = [row for row in table.values() if first in row and second in row]
        if len(both) < 3:
            continue
        value = spearman([row[first] for row in both], [row[second] for row in both])
        if value is not None:
            correlations[first, second] = value
    positive = sum(value > 0 for value in correlations.values())
    negative = sum(value < 0 for value in correlations.values())
    ranked = sorted(table, key=lambda name: (_mean(table[name].values()), name))
    return Hierarchy(
        models=tuple(ranked),
        correlations=correlations,
        mean_spearman=_mean(correlations.values()) if correlations else None,
        positive=positive,
        sign_test_p=sign_test(positive, negative) if positive + negative else None,
        permutation_p=_alike_by_chance(table, domains),
    )


def _alike_by_chance(
    table: Mapping[str, Mapping[str, float]], domains: Sequence[str]
) -> float | None:
    """Return how often domains that rank at random are so alike on average.

    With standardised ranks the sum of all correlations is (|Σ z|² − domains) ÷ 2, so
    one sum a draw tells their mean. The observed order is one of the draws.
    """
    if any(domain not in row for row in table.values() for domain in domains):
        return None
    ranks = np.array(
        [
            mid_ranks(np.array([table[model][domain] for model in sorted(table)]))
            for domain in domains
        ]
    ).reshape(len(domains), len(table))
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=1))
    ranks = ranks[length > 0] / length[length > 0, np.newaxis]
    if len(ranks) < 2 or len(table) < 3:
        return None
    generator = np.random.default_rng(_SEED)
    seen = float((ranks.sum(axis=0) ** 2).sum())
    sums = np.zeros((_DRAWS, len(table)))
    for row in ranks:
        sums += row[np.argsort(generator.random((_DRAWS, len(row))), axis=1)]
    extreme = int(((sums**2).sum(axis=1) >= seen - 1e-9).sum())
    return (extreme + 1) / (_DRAWS + 1)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else 0.0


# ── effect ──────────────────────────────────────────────────────────────────


def cohens_d(a: ArrayLike, b: ArrayLike) -> float | None:
    """Return the paired Cohen's d: mean of b − a over its standard deviation.

    Args:
        a: Shape (n,), for example mean guidance in the analytical framing.
        b: Shape (n,), the same clusters in the operational one.

    Returns:
        d, None with fewer than two pairs or where the difference is constant.
    """
    difference: Floats = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    if len(difference) < 2:
        return None
    centred = difference - difference.mean()
    spread = sqrt(float(centred @ centred) / (len(difference) - 1))
    return float(difference.mean()) / spread if spread > 1e-12 else None
