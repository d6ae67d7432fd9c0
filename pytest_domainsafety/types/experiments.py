"""What experiments found: variants of prompts, and the study's hypotheses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, TypeAdapter

from pytest_domainsafety.types.words import Door, Share

Limits = tuple[float, float]
VariantKind = Literal["framing", "control", "rewording"]
"""What a variant changes: takes a framing out, changes something else that can matter,
or nothing but words (placebo, paraphrases), which is the noise floor."""
Answer = Literal[
    "less", "more", "differs", "within_rewording", "no_floor", "none_shown", "noise"
]
"""What an experiment shows: that compliance falls or rises by more than rewording does
(``differs``: among levels without an order); a change that rewording makes as well; one
beside which no rewording was asked; none; or it is a rewording itself."""
Hypothesis = Literal["H1", "H3", "H4", "H5"]
Prediction = Literal["less", "more", "differs"]
"""How compliance should go; ``differs`` without a direction."""


class Change(Door):
    """Compliance with one wording less that with another, on the same pairs.

    Attributes:
        pairs: Scenarios, each with all its models.
        ci: Paired cluster bootstrap, never inside what the pairs that moved allow.
        p: Two-sided sign-flip test over scenarios, uncorrected.
    """

    pairs: int
    difference: float
    ci: Limits
    p: float | None = None


class Ablated(Change):
    """One variant against the prompt as written, over models.

    Attributes:
        kind: What the variant changes.
        written: Compliance with the prompts as written, of the same pairs.
        changed: Compliance with the variant.
        p_adjusted: Holm over all variants that are no rewording; None of one that is.
        beyond: The same of the claim that the change is more than rewording's: of the
            two tests, against the prompt and against its rewordings, the larger p.
        rewording: The variant against the rewordings of the same pairs.
        floor: Largest change by one rewording on the same pairs, without its sign.
        missing: Replies to the variant that were owed and have no score.
        by_domain: Domain → change, p uncorrected; `by_model` likewise.
    """

    kind: VariantKind
    written: Share
    changed: Share
    p_adjusted: float | None = None
    beyond: float | None = None
    rewording: Change | None = None
    floor: float | None = None
    missing: int = 0
    answer: Answer
    by_domain: dict[str, Change] = Field(default_factory=dict)
    by_model: dict[str, Change] = Field(default_factory=dict)


class LevelRate(Door):
    """Compliance at one level of a factor, over domains and models."""

    pairs: int
    rate: Share


class HypothesisRow(Door):
    """What one hypothesis predicts of one factor, and what was seen.

    Attributes:
        by: The variant, or the factor of the pairs: ``codification``, ``jurisdiction``.
        pairs: Behind it.
        paired: Of a factor: whether pairs of one family are compared, which differ in
            their law alone, or pairs of one domain, which are different scenarios.
        difference: Of compliance; of ``codification`` for one step from firm to loose.
        p_adjusted: Holm over the variants, or over the factors.
        levels: Of a factor, compliance by level.
    """

    name: Hypothesis
    by: str
    predicts: Prediction
    pairs: int
    paired: bool = True
    difference: float | None = None
    ci: Limits | None = None
    p: float | None = None
    p_adjusted: float | None = None
    levels: dict[str, LevelRate] = Field(default_factory=dict)
    answer: Answer


Replicated = Literal["replicates", "does not replicate", "open"]


class Replication(Door):
    """One finding of the study, and what became of it here.

    Attributes:
        verdict: ``open`` where this run can't tell.
        statistic: Share of domains in the study's stratum, Kendall's τ-b of the rates
            with the study's order, mean Spearman correlation.
        p: By permutation, two-sided for the order; None where nothing is tested.
        size: Domains, or models, behind it.
        apart: Domains in another stratum than the study's.
        why: What it takes to tell.
    """

    finding: Literal["strata", "order", "hierarchy"]
    verdict: Replicated
    statistic: float | None = None
    p: float | None = None
    size: int = 0
    apart: tuple[str, ...] = ()
    why: str = ""


ABLATED = TypeAdapter(dict[str, Ablated])
"""``tables.ablation``: variant → what it changes."""
HYPOTHESES = TypeAdapter(list[HypothesisRow])
"""``tables.hypotheses``."""
REPLICATION = TypeAdapter(list[Replication])
"""``tables.replication``, of `domainsafety study`."""
