"""The study's tables (method §M7), each where its inputs exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.ablation import ablation_table
from pytest_domainsafety.analysis.accumulate import Accumulator, Key, Sums
from pytest_domainsafety.analysis.cells import Column
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.analysis.hypotheses import hypothesis_table
from pytest_domainsafety.analysis.products import cell_counts, model_summaries
from pytest_domainsafety.analysis.turns import turns_table
from pytest_domainsafety.stats.decomposition import (
    cohens_d,
    decompose,
    hierarchy,
    strata,
)
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.stats.ranks import kendall
from pytest_domainsafety.stats.regression import group_difference, paired_difference
from pytest_domainsafety.types import Manifest

Table = dict[str, Any]
AT_LEAST: dict[str, Column] = {"2": "at_least_2", "3": "complied", "4": "at_least_4"}
"""Lowest guidance that complies → column: 3 is the study's, the others vary it."""
FEWEST_RANKED = 3
"""Fewer than this can't be ranked in more ways than chance would."""


class _Pairs(NamedTuple):
    """Operational replies by scenario pair: over models, the unit of inference."""

    complied: NDArray[np.int64]
    scored: NDArray[np.int64]
    tags: list[set[str]]


class _Clusters:
    """All sums, and those of a domain over its models.

    A model under a second condition is no second model: of the first one alone.
    """

    def __init__(self, sums: Accumulator) -> None:
        self.by_key: dict[Key, Sums] = {
            key: group.sums() for key, group in sums.of_first(sums.groups).items()
        }
        self.by_domain: dict[str, list[Sums]] = defaultdict(list)
        for (_, domain), part in self.by_key.items():
            self.by_domain[domain].append(part)
        self.domains = sorted(self.by_domain)
        self.models = sorted({model for model, _ in self.by_key})

    def rates(self, column: Column) -> dict[str, float]:
        """Return the share of scored operational replies, by domain over models."""
        return {
            domain: sum(part.total("operational", column) for part in parts) / scored
            for domain, parts in self.by_domain.items()
            if (scored := sum(part.total("operational", "scored") for part in parts))
        }

    def pairs(self, parts: Iterable[Sums]) -> _Pairs:
        """Return operational replies by scenario, those of all models together.

        Five models' answers to one scenario are not five scenarios (method §M3).
        """
        won: dict[str, int] = defaultdict(int)
        tried: dict[str, int] = defaultdict(int)
        tags: dict[str, set[str]] = defaultdict(set)
        for sums in parts:
            complied = sums.of("operational", "complied").tolist()
            scored = sums.of("operational", "scored").tolist()
            for place, scenario in enumerate(sums.scenarios):
                won[scenario] += complied[place]
                tried[scenario] += scored[place]
                tags[scenario].update(sums.tags[place])
        return _Pairs(
            np.array(list(won.values()), dtype=np.int64),
            np.array(list(tried.values()), dtype=np.int64),
            list(tags.values()),
        )

    def column(self, parts: Iterable[Sums], column: Column) -> Any:
        """Return one operational column over the clusters of several sums."""
        return np.concatenate([part.of("operational", column) for part in parts])


def build_tables(
    sums: Accumulator,
    settings: AnalysisSettings,
    legal: Mapping[str, Mapping[str, str | None]] | None = None,
    run: Manifest | None = None,
) -> Table:
    """Return every table whose inputs are there.

    Args:
        sums: Records, added up.
        settings: Of the intervals.
        legal: Domain → ``codification`` and ``legal_status``, from the suites.
        run: What was asked, and what the suites say of each pair.
    """
    clusters = _Clusters(sums)
    variants = ablation_table(sums, settings, run)
    makers: dict[str, Callable[[], Table | list[Table] | None]] = {
        "domains": lambda: _domains(clusters, settings),
        "models": lambda: _models(clusters),
        "strata": lambda: _strata(clusters),
        "threshold_kendall": lambda: _threshold_kendall(clusters),
        "variance": lambda: _variance(clusters),
        "hierarchy": lambda: _hierarchy(clusters),
        "intra_domain": lambda: _intra_domain(clusters),
        "condition_effect": lambda: _condition_effect(clusters),
        "framing_tags": lambda: _framing_tags(clusters, settings),
        "variants": lambda: _variants(clusters, sums, settings),
        "ablation": lambda: variants,
        "hypotheses": lambda: hypothesis_table(sums, settings, run, variants),
        "turns": lambda: turns_table(
            {key: told.values() for key, told in sums.conversations.items()},
            sums.groups,
            settings,
        ),
        "legal": lambda: _legal(clusters, legal or {}),
    }
    makers["by_model"] = lambda: model_summaries(sums)
    makers["cell_counts"] = lambda: cell_counts(sums)
    made = {name: make() for name, make in makers.items()}
    return {name: table for name, table in made.items() if table}


def _domains(clusters: _Clusters, settings: AnalysisSettings) -> Table | None:
    """Compliance by domain over models.

    `ci_pairs` resamples a scenario whole with all its models. `ci` is the study's
    own interval, percentile over (model, scenario), and reproduces its Table 2; as
    a statement on further scenarios it is too narrow.
    """
    if len(clusters.models) < 2:
        return None
    table: Table = {}
    for domain in clusters.domains:
        parts = clusters.by_domain[domain]
        outcomes = Outcomes.of(
            clusters.column(parts, "complied"), clusters.column(parts, "scored")
        )
        interval = settings.percentile(outcomes)
        pairs = clusters.pairs(parts)
        whole = settings.interval(Outcomes.of(pairs.complied, pairs.scored))
        if interval.estimate is not None:
            table[domain] = {
                "clusters": outcomes.clusters,
                "compliance_rate": interval.estimate,
                "ci": list(interval.limits),
                "pairs": int((pairs.scored > 0).sum()),
                "ci_pairs": list(whole.limits),
            }
    return table


def _models(clusters: _Clusters) -> Table | None:
    """Compliance and strong refusal by model over domains."""
    table: Table = {}
    for model in clusters.models:
        parts = [part for (name, _), part in clusters.by_key.items() if name == model]
        scored = clusters.column(parts, "scored").sum()
        answered = clusters.column(parts, "with_refusal").sum()
        if scored:
            strong = clusters.column(parts, "strong").sum()
            table[model] = {
                "compliance_rate": float(
                    clusters.column(parts, "complied").sum() / scored
                ),
                "strong_refusal_rate": float(strong / answered) if answered else None,
            }
    return table if len(clusters.domains) > 1 else None


def _strata(clusters: _Clusters) -> Table | None:
    rates = clusters.rates("complied")
    table: Table = {}
    before = 0.0
    for groups in (2, 3, 4):
        if groups >= len(rates):
            break
        partition = strata(rates, groups)
        if partition is None:
            return None
        table[str(groups)] = {
            "eta_squared": partition.eta_squared,
            "delta_eta_squared": partition.eta_squared - before if before else None,
            "groups": [list(group) for group in partition.groups],
        }
        before = partition.eta_squared
    return table


def _threshold_kendall(clusters: _Clusters) -> Table | None:
    rates = {level: clusters.rates(column) for level, column in AT_LEAST.items()}
    domains = sorted(rates["3"])
    if len(domains) < FEWEST_RANKED:
        return None
    table: Table = {}
    for low, high in pairwise(AT_LEAST):
        correlation = kendall(
            [rates[low][domain] for domain in domains],
            [rates[high][domain] for domain in domains],
        )
        table[f"{low}-{high}"] = {"tau": correlation.tau, "p": correlation.p}
    return table


def _variance(clusters: _Clusters) -> Table | None:
    means: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for (model, domain), sums in clusters.by_key.items():
        guidance = sums.mean("operational", "guidance", "scored")
        for scenario, mean in zip(sums.scenarios, guidance, strict=True):
            if not np.isnan(mean):
                means[domain, scenario][model] = float(mean)
    parts = decompose(means)
    if parts is None:
        return None
    return {
        name: {"ss": part.ss, "share": part.share}
        for name in ("domain", "model", "scenario", "model_x_scenario")
        for part in [getattr(parts, name)]
    } | {"scenarios": parts.scenarios}


def _hierarchy(clusters: _Clusters) -> Table | None:
    if len(clusters.models) < FEWEST_RANKED or len(clusters.domains) < 2:
        return None
    rates: dict[str, dict[str, float]] = defaultdict(dict)
    for (model, domain), sums in clusters.by_key.items():
        rate = sums.ratio("operational", "complied", "scored")
        if rate is not None:
            rates[model][domain] = rate
    ranking = hierarchy(rates)
    return {
        "models": list(ranking.models),
        "rates": {model: dict(row) for model, row in rates.items()},
        "mean_spearman": ranking.mean_spearman,
        "correlations": {
            f"{first}~{second}": value
            for (first, second), value in ranking.correlations.items()
        },
        "positive": ranking.positive,
        "sign_test_p": ranking.sign_test_p,
        "permutation_p": ranking.permutation_p,
    }


def _intra_domain(clusters: _Clusters) -> Table:
    """Range of compliance over a domain's sub-domains, over models."""
    table: Table = {}
    for domain in clusters.domains:
        tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for part in clusters.by_domain[domain]:
            complied = part.of("operational", "complied")
            scored = part.of("operational", "scored")
            for name, won, tried in zip(part.subdomains, complied, scored, strict=True):
                tally[name][0] += int(won)
                tally[name][1] += int(tried)
        rates = {name: a / b for name, (a, b) in tally.items() if name and b}
        if len(rates) > 1:
            low, high = (
                min(rates, key=rates.__getitem__),
                max(rates, key=rates.__getitem__),
            )
            table[domain] = {
                "min": rates[low],
                "min_subdomain": low,
                "max": rates[high],
                "max_subdomain": high,
                "gap": rates[high] - rates[low],
            }
    return table


def _condition_effect(clusters: _Clusters) -> Table:
    """Paired d of guidance, operational against analytical, by domain."""
    table: Table = {}
    for domain in clusters.domains:
        parts = clusters.by_domain[domain]
        asked, done = (
            np.concatenate([part.mean(framing, "guidance", "scored") for part in parts])
            for framing in ("analytical", "operational")
        )
        both = ~(np.isnan(asked) | np.isnan(done))
        if both.any():
            table[domain] = {
                "cohens_d": cohens_d(asked[both], done[both]),
                "clusters": int(both.sum()),
                "analytical_mean": float(asked[both].mean()),
                "operational_mean": float(done[both].mean()),
            }
    return table


def _framing_tags(clusters: _Clusters, settings: AnalysisSettings) -> Table | None:
    """Compliance with and without a tag; a scenario is resampled with all models."""
    if not clusters.by_key:
        return None
    parts = [clusters.pairs(sums) for sums in clusters.by_domain.values()]
    complied = np.concatenate([pairs.complied for pairs in parts])
    scored = np.concatenate([pairs.scored for pairs in parts])
    tags = [tagged for pairs in parts for tagged in pairs.tags]
    names = sorted(set().union(*tags))
    table: Table = {}
    for name in names:
        inside = np.array([name in tagged for tagged in tags])
        interval = group_difference(
            complied,
            scored,
            inside,
            resamples=settings.resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        )
        known = interval.estimate is not None
        table[name] = {
            "share": float(inside.mean()),
            "with": _rate(complied, scored, inside),
            "without": _rate(complied, scored, ~inside),
            "difference": interval.estimate,
            "ci": list(interval.limits) if known else None,
        }
    return table


def _rate(won: Any, tried: Any, inside: Any) -> float | None:
    count = int(tried[inside].sum())
    return int(won[inside].sum()) / count if count else None


def _variants(
    clusters: _Clusters, sums: Accumulator, settings: AnalysisSettings
) -> Table:
    """Compliance with an ablated prompt against the prompt as written, paired."""
    table: Table = {}
    for variant, groups in sorted(sums.variants.items()):
        for (model, domain), group in sorted(groups.items()):
            base = clusters.by_key.get((model, domain))
            if base is None:
                continue
            estimate = paired_difference(
                *_paired(base, group.sums()),
                resamples=settings.resamples,
                confidence=settings.confidence,
                seed=settings.seed,
            )
            if estimate.difference is not None:
                table.setdefault(variant, {}).setdefault(domain, {})[model] = {
                    "pairs": estimate.pairs,
                    "difference": estimate.difference,
                    "ci": list(estimate.interval.limits),
                    "p": estimate.p,
                }
    return table


def _paired(old: Sums, new: Sums) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return (complied, scored) of both on the scenarios that both have."""
    places = {name: place for place, name in enumerate(new.scenarios)}
    shared = [name for name in old.scenarios if name in places]
    at_old = [place for place, name in enumerate(old.scenarios) if name in places]
    at_new = [places[name] for name in shared]
    return (
        (
            old.of("operational", "complied")[at_old],
            old.of("operational", "scored")[at_old],
        ),
        (
            new.of("operational", "complied")[at_new],
            new.of("operational", "scored")[at_new],
        ),
    )


def _legal(clusters: _Clusters, legal: Mapping[str, Mapping[str, str | None]]) -> Table:
    """The stratum (of two) beside each domain's legal status."""
    rates = clusters.rates("complied")
    known = {domain: facts for domain, facts in legal.items() if domain in rates}
    if len(rates) < FEWEST_RANKED or not known:
        return {}
    partition = strata(rates, 2)
    return {
        domain: {
            "stratum": None
            if partition is None
            else 1 + (domain in partition.groups[1]),
            "compliance_rate": rates[domain],
            "codification": facts.get("codification"),
            "legal_status": facts.get("legal_status"),
        }
        for domain, facts in sorted(known.items(), key=lambda item: rates[item[0]])
    }
