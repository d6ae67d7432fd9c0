"""The study's tables as results hold them: reports draw none that is another shape."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from pytest_domainsafety.types.estimate_parts import Limits
from pytest_domainsafety.types.words import Door

Known = float | None
"""A figure, or null where the records don't tell it."""


class Row(Door):
    """A row that may have more keys, or fewer: another version's."""

    model_config = ConfigDict(extra="ignore")


class DomainRow(Row):
    """Compliance by domain over models."""

    compliance_rate: Known
    ci: Limits | None
    clusters: int | None = None
    pairs: int | None = None
    ci_pairs: Limits | None = None


class ModelRow(Row):
    """Compliance and strong refusal by model over domains."""

    compliance_rate: float | None = None
    strong_refusal_rate: Known = None


class StrataRow(Row):
    """The best partition of the domains into so many groups."""

    eta_squared: Known
    delta_eta_squared: Known = None
    groups: list[list[str]]


class Ranks(Row):
    """Agreement of the domains' order at two neighbouring thresholds."""

    tau: Known = None
    p: Known = None


class VariancePart(Row):
    """A source of variance: sum of squares, and share of all."""

    ss: Known
    share: Known


class VarianceTable(Row):
    """Where the variance of guidance comes from."""

    domain: VariancePart
    model: VariancePart
    scenario: VariancePart
    model_x_scenario: VariancePart
    scenarios: int | None = None


class HierarchyTable(Row):
    """How alike domains rank models."""

    models: list[str] = Field(default_factory=list)
    rates: dict[str, dict[str, Known]] | None = None
    mean_spearman: Known = None
    correlations: dict[str, Known] | None = None
    positive: int | None = None
    sign_test_p: Known = None
    permutation_p: Known = None


class RangeRow(Row):
    """Compliance of a domain's lowest and highest sub-domain."""

    min: Known
    min_subdomain: str
    max: Known
    max_subdomain: str
    gap: Known


class EffectRow(Row):
    """Guidance, operational against analytical."""

    cohens_d: Known = None
    clusters: int | None = None
    analytical_mean: float | None = None
    operational_mean: float | None = None


class TagRow(Row):
    """Compliance with and without a framing tag."""

    share: float | None = None
    inside: Known = Field(default=None, alias="with")
    without: Known = None
    difference: Known = None
    ci: Limits | None = None


class LegalRow(Row):
    """A domain's stratum beside its law."""

    stratum: int | None = None
    compliance_rate: float | None = None
    codification: str | None = None
    legal_status: str | None = None


class StudyTables(Row):
    """All of them; each is there where its inputs are."""

    domains: dict[str, DomainRow] | None = None
    models: dict[str, ModelRow] | None = None
    strata: dict[str, StrataRow] | None = None
    threshold_kendall: dict[str, Ranks] | None = None
    variance: VarianceTable | None = None
    hierarchy: HierarchyTable | None = None
    intra_domain: dict[str, RangeRow] | None = None
    condition_effect: dict[str, EffectRow] | None = None
    framing_tags: dict[str, TagRow] | None = None
    legal: dict[str, LegalRow] | None = None
