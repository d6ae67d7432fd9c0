"""The study's tables (method §M7), each where its inputs exist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_domainsafety.reporting.html.markup import Figure, Section, Table
from pytest_domainsafety.reporting.numbers import (
    limits,
    number,
    p_value,
    percent,
    spoken,
)
from pytest_domainsafety.types import DomainEstimate, Results

StudyTable = Mapping[str, Any]
PARTS = {
    "domain": "Domain",
    "model": "Model",
    "scenario": "Scenario within domain",
    "model_x_scenario": "Model × scenario",
}


def study_section(results: Results) -> Section | None:
    """Return the tables of the study, as far as this run has their inputs."""
    makers: dict[str, Callable[[StudyTable], Figure]] = {
        "domains": _over_models,
        "strata": strata,
        "variance": variance,
        "hierarchy": hierarchy,
        "intra_domain": ranges,
        "condition_effect": effect,
        "legal": legal,
    }
    figures = [
        make(results.tables[name])
        for name, make in makers.items()
        if results.tables.get(name)
    ]
    figures += [_scales(results.domains)] if results.domains else []
    if any(estimate.markers for estimate in results.domains):
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


def _over_models(table: StudyTable) -> Figure:
    rows = tuple(
        (
            spoken(domain),
            number(row.get("pairs")),
            percent(row["compliance_rate"]),
            limits(row.get("ci_pairs")),
            limits(row["ci"]),
        )
        for domain, row in table.items()
    )
    columns = ("Domain", "#Pairs", "#Rate", "#Limits", "#The study's Table 2")
    caption = "Compliance by domain over models"
    note = (
        "Over models a pair is one cluster, resampled with all its models. The "
        "study's own limits take each model's answers to a pair for a pair of their "
        "own, and are too narrow for a statement on further pairs."
    )
    return Figure(caption, Table(caption, columns, rows), note=note)


def strata(table: StudyTable) -> Figure:
    """Return the best partitions of domains into 2, 3 and 4 groups."""
    rows = tuple(
        (
            groups,
            number(row["eta_squared"], 3),
            number(row.get("delta_eta_squared"), 3),
            " | ".join(", ".join(map(spoken, group)) for group in row["groups"]),
        )
        for groups, row in table.items()
    )
    columns = ("Groups", "#η²", "#Δη²", "Domains, lowest compliance first")
    caption = "Strata: the best partition of domains into 2, 3 and 4 groups"
    return Figure(caption, Table(caption, columns, rows))


def variance(table: StudyTable) -> Figure:
    """Return the shares of variance by source."""
    rows = tuple(
        (label, number(table[name]["ss"], 1), percent(table[name]["share"]))
        for name, label in PARTS.items()
        if name in table
    )
    caption = "Variance of guidance by source"
    columns = ("Source", "#Sum of squares", "#Share")
    return Figure(caption, Table(caption, columns, rows))


def hierarchy(table: StudyTable) -> Figure:
    """Return models by domain, and how alike domains rank them."""
    rates: Mapping[str, Mapping[str, float]] = table.get("rates") or {}
    domains = sorted({domain for row in rates.values() for domain in row})
    rows = tuple(
        (model, *(percent(rates.get(model, {}).get(domain)) for domain in domains))
        for model in table.get("models", ())
    )
    caption = "Model hierarchy: models by domain, the least compliant first"
    columns = ("Model", *(f"#{spoken(domain)}" for domain in domains))
    note = (
        f"Mean Spearman correlation of the models' order between domains: "
        f"{number(table.get('mean_spearman'))}; {number(table.get('positive'))} of "
        f"{number(len(table.get('correlations') or {}))} are positive "
        f"(sign test p {p_value(table.get('sign_test_p'))}; by permutation of the "
        f"models in each domain, whose correlations are not independent, p "
        f"{p_value(table.get('permutation_p'))})."
    )
    return Figure(caption, Table(caption, columns, rows), note=note)


def ranges(table: StudyTable) -> Figure:
    """Return the range of compliance over sub-domains."""
    rows = tuple(
        (
            spoken(domain),
            f"{spoken(row['min_subdomain'])} ({percent(row['min'])})",
            f"{spoken(row['max_subdomain'])} ({percent(row['max'])})",
            percent(row["gap"]),
        )
        for domain, row in table.items()
    )
    caption = "Range over sub-domains, over models"
    columns = ("Domain", "Lowest", "Highest", "#Gap")
    return Figure(caption, Table(caption, columns, rows))


def effect(table: StudyTable) -> Figure:
    """Return guidance by framing, and its paired d."""
    rows = tuple(
        (
            spoken(domain),
            number(row.get("clusters")),
            number(row.get("analytical_mean")),
            number(row.get("operational_mean")),
            number(row.get("cohens_d")),
        )
        for domain, row in table.items()
    )
    caption = "Guidance, operational against analytical framing"
    columns = ("Domain", "#Clusters", "#Analytical", "#Operational", "#Cohen's d")
    return Figure(caption, Table(caption, columns, rows))


def legal(table: StudyTable) -> Figure:
    """Return compliance beside each domain's legal status."""
    rows = tuple(
        (
            spoken(domain),
            number(row.get("stratum")),
            percent(row.get("compliance_rate")),
            row.get("codification") or "–",
            row.get("legal_status") or "–",
        )
        for domain, row in table.items()
    )
    caption = "Compliance beside each domain's legal status"
    columns = ("Domain", "#Stratum", "#Compliance", "Codification", "Legal status")
    return Figure(caption, Table(caption, columns, rows))


def _scales(domains: tuple[DomainEstimate, ...]) -> Figure:
    scales = ("harm_identification", "refusal", "guidance")
    rows = tuple(
        (
            spoken(estimate.domain),
            estimate.model,
            *(
                number(estimate.means.get(framing, {}).get(scale))
                for framing in ("analytical", "operational")
                for scale in scales
            ),
        )
        for estimate in domains
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
            spoken(estimate.domain),
            estimate.model,
            percent(by_framing.get("analytical")),
            percent(by_framing.get("operational")),
        )
        for estimate in domains
        for name, by_framing in estimate.markers.items()
    )
    caption = "The rubrics' yes/no questions: share of yes"
    columns = ("Question", "Domain", "Model", "#Analytical", "#Operational")
    return Figure(caption, Table(caption, columns, rows))
