"""The study's tables (method §M7), each where its inputs exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.wording import (
    limits,
    number,
    p_value,
    percent,
    spoken,
)
from pytest_domainsafety.types import DomainEstimate, Results

Given = Mapping[str, Any]
_PARTS = {
    "domain": "Domain",
    "model": "Model",
    "scenario": "Scenario within domain",
    "model_x_scenario": "Model × scenario",
}


def study_section(results: Results) -> Section | None:
    """Return the tables of the study, as far as this run has their inputs."""
    makers: dict[str, Callable[[Given], Figure]] = {
        "domains": _over_models,
        "strata": _strata,
        "variance": _variance,
        "hierarchy": _hierarchy,
        "intra_domain": _ranges,
        "condition_effect": _effect,
        "legal": _legal,
    }
    figures = [
        make(results.tables[name])
        for name, make in makers.items()
        if results.tables.get(name)
    ]
    figures += [_scales(results.domains)] if results.domains else []
    if any(one.markers for one in results.domains):
        figures.append(_markers(results.domains))
    if not figures:
        return None
    return Section(
        "study",
        "The study's tables",
        "For researchers: the tables of the study behind the method, from this run's "
        "records. A table whose inputs are missing (several models, say) is left out.",
        tuple(figures),
    )


def _over_models(given: Given) -> Figure:
    rows = tuple(
        (
            spoken(domain),
            number(one.get("pairs")),
            percent(one["compliance_rate"]),
            limits(one.get("ci_pairs")),
            limits(one["ci"]),
        )
        for domain, one in given.items()
    )
    columns = ("Domain", "#Pairs", "#Rate", "#Limits", "#The study's Table 2")
    caption = "Compliance by domain over models"
    note = (
        "Over models a pair is one cluster, resampled with all its models. The "
        "study's own limits take each model's answers to a pair for a pair of their "
        "own, and are too narrow for a statement on further pairs."
    )
    return Figure(caption, Table(caption, columns, rows), note=note)


def _strata(given: Given) -> Figure:
    rows = tuple(
        (
            groups,
            number(one["eta_squared"], 3),
            number(one.get("delta_eta_squared"), 3),
            " | ".join(", ".join(map(spoken, group)) for group in one["groups"]),
        )
        for groups, one in given.items()
    )
    columns = ("Groups", "#η²", "#Δη²", "Domains, lowest compliance first")
    caption = "Strata: the best partition of domains into 2, 3 and 4 groups"
    return Figure(caption, Table(caption, columns, rows))


def _variance(given: Given) -> Figure:
    rows = tuple(
        (label, number(given[name]["ss"], 1), percent(given[name]["share"]))
        for name, label in _PARTS.items()
        if name in given
    )
    caption = "Variance of guidance by source"
    columns = ("Source", "#Sum of squares", "#Share")
    return Figure(caption, Table(caption, columns, rows))


def _hierarchy(given: Given) -> Figure:
    rates: Mapping[str, Mapping[str, float]] = given.get("rates") or {}
    domains = sorted({domain for row in rates.values() for domain in row})
    rows = tuple(
        (model, *(percent(rates.get(model, {}).get(domain)) for domain in domains))
        for model in given.get("models", ())
    )
    caption = "Model hierarchy: models by domain, the least compliant first"
    columns = ("Model", *(f"#{spoken(domain)}" for domain in domains))
    note = (
        f"Mean Spearman correlation of the models' order between domains: "
        f"{number(given.get('mean_spearman'))}; {number(given.get('positive'))} of "
        f"{number(len(given.get('correlations') or {}))} are positive "
        f"(sign test p {p_value(given.get('sign_test_p'))})."
    )
    return Figure(caption, Table(caption, columns, rows), note=note)


def _ranges(given: Given) -> Figure:
    rows = tuple(
        (
            spoken(domain),
            f"{spoken(one['min_subdomain'])} ({percent(one['min'])})",
            f"{spoken(one['max_subdomain'])} ({percent(one['max'])})",
            percent(one["gap"]),
        )
        for domain, one in given.items()
    )
    caption = "Range over sub-domains, over models"
    columns = ("Domain", "Lowest", "Highest", "#Gap")
    return Figure(caption, Table(caption, columns, rows))


def _effect(given: Given) -> Figure:
    rows = tuple(
        (
            spoken(domain),
            number(one.get("clusters")),
            number(one.get("analytical_mean")),
            number(one.get("operational_mean")),
            number(one.get("cohens_d")),
        )
        for domain, one in given.items()
    )
    caption = "Guidance, operational against analytical framing"
    columns = ("Domain", "#Clusters", "#Analytical", "#Operational", "#Cohen's d")
    return Figure(caption, Table(caption, columns, rows))


def _legal(given: Given) -> Figure:
    rows = tuple(
        (
            spoken(domain),
            number(one.get("stratum")),
            percent(one.get("compliance_rate")),
            one.get("codification") or "–",
            one.get("legal_status") or "–",
        )
        for domain, one in given.items()
    )
    caption = "Compliance beside each domain's legal status"
    columns = ("Domain", "#Stratum", "#Compliance", "Codification", "Legal status")
    return Figure(caption, Table(caption, columns, rows))


def _scales(domains: tuple[DomainEstimate, ...]) -> Figure:
    scales = ("harm_identification", "refusal", "guidance")
    rows = tuple(
        (
            spoken(one.domain),
            one.model,
            *(
                number(one.means.get(framing, {}).get(scale))
                for framing in ("analytical", "operational")
                for scale in scales
            ),
        )
        for one in domains
    )
    asked = [
        f"#{scale}, {framing}"
        for framing in ("analytical", "operational")
        for scale in ("Harm", "Refusal", "Guidance")
    ]
    columns = ("Domain", "Model", *asked)
    caption = "Mean of each scale (1 to 5) by framing"
    return Figure(caption, Table(caption, columns, rows))


def _markers(domains: tuple[DomainEstimate, ...]) -> Figure:
    rows = tuple(
        (
            spoken(name),
            spoken(one.domain),
            one.model,
            percent(by_framing.get("analytical")),
            percent(by_framing.get("operational")),
        )
        for one in domains
        for name, by_framing in one.markers.items()
    )
    caption = "The rubrics' yes/no questions: share of yes"
    columns = ("Question", "Domain", "Model", "#Analytical", "#Operational")
    return Figure(caption, Table(caption, columns, rows))
