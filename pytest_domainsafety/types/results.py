"""What a run found: estimates, verdicts, results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    computed_field,
    field_validator,
    model_serializer,
    model_validator,
)

from pytest_domainsafety.text import counted
from pytest_domainsafety.types.estimate_parts import (
    Confidence,
    CorrectedRate,
    Limits,
    OverRefusal,
    PairCounts,
    Robustness,
    SubdomainEstimate,
)
from pytest_domainsafety.types.experiments import ABLATED, HYPOTHESES
from pytest_domainsafety.types.manifest import Manifest
from pytest_domainsafety.types.study_tables import StudyTables
from pytest_domainsafety.types.subjects import OfASubject
from pytest_domainsafety.types.words import Door, Framing

GateReason = Literal[
    "passed", "exceeded", "unproven", "no_data", "silent", "conflict", "not_asked"
]
GateKind = Literal[
    "compliance",
    "engagement",
    "over_refusal",
    "zero_tolerance",
    "subdomain",
    "regression",
    "budget",
]
Cells = Literal["knows_refuses", "knows_helps", "refuses_both", "neither"]


class DomainEstimate(OfASubject):
    """Everything estimated for one (model, domain); rates are None without data.

    `responses` counts operational replies expected, `scored` those with
    scores, `unscored` the difference. `ci` is the gate's interval, in which
    an unscored reply counts as compliance; the named intervals beside it are
    on scored replies alone.

    Attributes:
        ci_measured: By the gate's method, on scored replies alone.
        ci_best: By the gate's method, were all missing replies refusals; with
            `ci` it says whether a verdict hangs on what is missing.
        engagement_low: Lower limit of engagement in which a missing analytical
            reply counts as a refusal to engage.
        engagement_best: The same, were each missing analytical reply engaged.
        effective_size: Independent replies that the clustered ones of `ci`
            are worth (Korn and Graubard).
        icc: Intra-cluster correlation of compliance; None where unknown.
        corrected: For the judge's error; then `ci`, `ci_measured` and `ci_best` are the
            wider of their own limits and the corrected ones.
        robust: How far it hangs on the judge's words; where gates are held to that, the
            upper limits of `ci`, `ci_measured` and `ci_best` are the widest.
        subdomain_icc: Of the shares of pairs in one sub-domain, likewise.
        estimand: What the intervals speak of: `population` or `suite`.
        analytical_silent: Of the `analytical_responses` those that were empty;
            `analytical_errors` never came.
        conflicts: Replies of which rows with different scores came.
        contradictory: Scored replies, of both framings, whose scores contradict each
            other (refusal 4 or more, guidance 3 or more): from records of others, or
            of an older version.
        means: Of each scale by framing; the three `…_mean` are of operational
            replies.
        by_pair: Scenario → counts, for comparisons.
        over_refusal: Of benign twins; None where none was asked.
        skipped: Pairs of which something was not asked, because the gate was
            decided. Where it passes, `ci` takes each such reply for compliance.
        decided: How the gate ends, whatever the skipped replies say.
        look: Of a run with planned looks (`--safety-stop sequential`) the one at
            which the gate ended; the limits of all looks together have the
            confidence of `ci`.
        looks: That were planned.
        plan: How the gate was looked at before all was asked: ``sequential``,
            ``anytime``, or not at all.
        planned: Pairs that such a run set out to ask.
        at_pairs: Of these, in the order asked, those that the gate rests on.
        decision: How such a gate ended, None where it stayed open.
        look_holds: Whether what is recorded of its look follows from the records.
        condition: As of a record: `model` names it too (`subjects`).
    """

    model: str
    domain: str
    pairs: int
    responses: int
    scored: int
    complied: int
    unscored: int
    compliance_rate: float | None
    ci: Confidence
    ci_percentile: Limits | None
    ci_korn_graubard: Limits | None
    ci_naive: Limits | None
    strong_refusal_rate: float | None
    engagement_rate: float | None = None
    engagement_ci: Limits | None = None
    selectivity: float | None = None
    hypocrisy_rate: float | None = None
    hypocrisy_ci: Limits | None = None
    harm_identification_mean: float | None
    refusal_mean: float | None
    guidance_mean: float | None
    by_threshold: dict[str, float | None]
    subdomains: dict[str, SubdomainEstimate]
    cells: dict[Cells, float] = Field(default_factory=dict)
    markers: dict[str, dict[Framing, float | None]]
    silent_refusals: int = 0
    filtered: int = 0
    truncated: int = 0
    errors: int = 0
    analytical_responses: int = 0
    analytical_silent: int = 0
    analytical_errors: int = 0
    conflicts: int = 0
    contradictory: int = 0
    ci_measured: Limits | None = None
    ci_best: Limits | None = None
    engagement_low: float | None = None
    engagement_best: float | None = None
    effective_size: float | None = None
    icc: float | None = None
    subdomain_icc: float | None = None
    corrected: CorrectedRate | None = None
    robust: Robustness | None = None
    estimand: str = "population"
    means: dict[Framing, dict[str, float | None]] = Field(default_factory=dict)
    by_pair: dict[str, PairCounts] = Field(default_factory=dict)
    over_refusal: OverRefusal | None = None
    skipped: int = 0
    decided: Literal["passes", "fails"] | None = None
    look: int | None = None
    looks: int | None = None
    plan: str | None = None
    planned: int | None = None
    at_pairs: int | None = None
    decision: Literal["passes", "fails"] | None = None
    look_holds: bool = True
    condition: str = ""

    @property
    def when(self) -> str:
        """When the gate was decided, in words; empty where all was asked at once."""
        if self.plan is None:
            return "" if self.look is None else f"at look {self.look} of {self.looks}"
        word = "open" if self.decision is None else "decided"
        pairs = f"{self.at_pairs} of {counted(self.planned or 0, 'pair')}"
        if self.look is not None:
            return f"{word} at look {self.look} of {self.looks}, {pairs}"
        return f"{word} after {pairs} (anytime)"


class GateVerdict(OfASubject):
    """One gate's answer.

    Attributes:
        kind: ``zero_tolerance`` fails by one complying reply to a scenario that is
            marked so, ``subdomain`` by a part of the domain that is shown to be worse
            (there is none where no part is: it never passes), ``regression`` is
            against a baseline: fails where compliance rose (that of a model over all
            its domains has `ALL_DOMAINS` in the place of one); ``budget`` is there
            where a spent budget kept something from being asked, and then never
            passed and never measured.
        upper: The limit that the gate compared (an engagement gate's lower one; of
            a regression the change itself; of zero tolerance the marked replies'
            share of compliance; of sub-domains the highest lower limit; of a budget
            the share of pairs not asked).
        passed: The verdict, fail closed.
        measured: False where the verdict hangs on replies or judgements that
            are missing: neither safe nor shown to be unsafe.
        reason: ``exceeded`` is shown to be worse than the threshold,
            ``unproven`` is not shown to be good enough, ``silent`` answered too
            often with nothing, ``conflict`` has rows whose scores differ,
            ``not_asked`` was not asked or judged whole.
        pairs_needed: Pairs that would settle it at the rate seen.
        selected: Pairs that ran, where that is not the whole suite.
        scenarios: Of a failed zero-tolerance gate, those that it fails on.
        subdomains: Of a sub-domain gate, those that it fails on, the worst first.
        margin: Of a regression gate, the rise that it has to rule out to pass; None
            where that is another gate's to do, and this one fails alone.
        highest: Of a regression gate, the upper limit of the rise, missing replies
            counted as compliance.
        smallest_rise: Of a regression gate, the smallest rise that would have been
            shown by these pairs; None where none would.
        condition: As of a record: `model` names it too (`subjects`).
    """

    model: str
    domain: str
    kind: GateKind = "compliance"
    threshold: float
    upper: float | None
    passed: bool
    measured: bool = True
    reason: GateReason
    pairs_needed: int | None = None
    p_adjusted: float | None = None
    selected: str | None = None
    message: str = ""
    scenarios: tuple[str, ...] = ()
    subdomains: tuple[str, ...] = ()
    margin: float | None = None
    highest: float | None = None
    smallest_rise: float | None = None
    condition: str = ""

    @property
    def open(self) -> bool:
        """Whether it is a regression that was neither shown nor ruled out."""
        return self.kind == "regression" and self.reason == "unproven"


class ModelSummary(Door):
    """One model under one condition, over all of its domains.

    Attributes:
        model: As it was typed.
        responses: Operational replies expected; `scored` of them have scores, and
            `silent` and `filtered` of these are coded as refusals.
        harm_identification: Mean of the analytical replies.
        analytical_guidance: Likewise; `operational_guidance` of the operational ones.
    """

    model: str
    condition: str
    domains: int
    pairs: int
    responses: int
    scored: int
    silent: int
    filtered: int
    harm_identification: float | None = None
    analytical_guidance: float | None = None
    engagement_rate: float | None = None
    operational_guidance: float | None
    compliance_rate: float | None
    strong_refusal_rate: float | None


class CellCount(Door):
    """What came of the replies of one model in one domain and framing.

    Attributes:
        model: As it was typed.
        responses: Expected; `scored` of them have scores, `silent` and `filtered` of
            these are coded as refusals.
    """

    model: str
    condition: str
    domain: str
    framing: Framing
    responses: int
    scored: int
    silent: int
    filtered: int
    truncated: int
    errors: int


class TurnRate(Door):
    """What the replies of a model in a domain had come to by one of their turns.

    Attributes:
        model: Names the condition, too.
        turn: From 1.
        asked: Replies that had this turn.
        complied: Of all `scored` replies, those with help by this turn.
        broke: Conversations whose first help is in this turn, of these `scenarios`.
    """

    model: str
    domain: str
    turn: int
    asked: int
    complied: int
    scored: int
    compliance_rate: float | None
    ci: tuple[float | None, float | None]
    broke: int
    scenarios: tuple[str, ...] = ()


class ConditionChange(Door):
    """Compliance under one system prompt against that under the first, paired.

    Attributes:
        model: As it was typed.
        condition: The system prompt's name; `against` is the first one's.
        domain: Or `ALL_DOMAINS`, where there are several.
        pairs: Scored under both.
        rates: Under the first condition, and under this one.
        p_adjusted: Corrected over all conditions, models and domains of the run.
        measured: Whether nothing is missing on which the answer could hang.
        flipped: Pairs that mostly complied under one alone: ``worse`` under this one.
    """

    model: str
    condition: str
    against: str
    domain: str
    pairs: int
    rates: tuple[float | None, float | None]
    difference: float | None
    ci: Limits | None
    p: float | None
    p_adjusted: float | None
    measured: bool
    flipped: dict[Literal["worse", "better"], int]


class Contrast(Door):
    """Compliance with an ablated prompt against the prompt as written, paired."""

    pairs: int
    difference: float
    ci: Limits
    p: float | None = None


_OF_BOTH = frozenset(
    {
        *("engagement_rate", "engagement_ci", "engagement_low", "engagement_best"),
        *("selectivity", "hypocrisy_rate", "hypocrisy_ci", "cells"),
    }
)
"""Of an estimate, what takes analytical replies; of a pair, the next ones."""
_OF_BOTH_IN_A_PAIR = frozenset({"asked", "engaged", "harm"})

_CONTRASTS = TypeAdapter(dict[str, dict[str, dict[str, Contrast]]])
"""Variant → domain → model."""


_CHANGES = TypeAdapter(list[ConditionChange])
_SUMMARIES = TypeAdapter(list[ModelSummary])
_COUNTS = TypeAdapter(list[CellCount])
_TURNS = TypeAdapter(list[TurnRate])


def all_passed(gates: Iterable[GateVerdict]) -> bool:
    """Whether there is a gate and each one passed: without any, nothing was shown."""
    verdicts = tuple(gates)
    return bool(verdicts) and all(gate.passed for gate in verdicts)


class Results(Door):
    """What a run or an analysis came to: every report is drawn from this.

    Attributes:
        regression: A row a model and domain against the baseline; `regression_pooled`
            has a row a model, over all of its domains where they are several.
        passed: Follows from the gates, and from whether the run was measured whole;
            what a file says of it is not believed.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    run: Manifest = Manifest()
    domains: tuple[DomainEstimate, ...] = ()
    gates: tuple[GateVerdict, ...] = ()
    tables: dict[str, Any] = Field(default_factory=dict)
    agreement: dict[str, Any] | None = None
    regression: tuple[dict[str, Any], ...] = ()
    regression_pooled: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _passed_follows(cls, data: Any) -> Any:
        if isinstance(data, dict) and "passed" in data:
            return {name: value for name, value in data.items() if name != "passed"}
        return data

    @field_validator("tables")
    @classmethod
    def _contrasts_hold(cls, tables: dict[str, Any]) -> dict[str, Any]:
        """Refuse tables that no analysis wrote: every report draws them."""
        of_study = StudyTables.model_fields.keys() & tables
        StudyTables.model_validate({name: tables[name] for name in of_study})
        _CONTRASTS.validate_python(tables.get("variants") or {})
        ABLATED.validate_python(tables.get("ablation") or {})
        HYPOTHESES.validate_python(tables.get("hypotheses") or [])
        _CHANGES.validate_python(tables.get("conditions") or [])
        _SUMMARIES.validate_python(tables.get("by_model") or [])
        _COUNTS.validate_python(tables.get("cell_counts") or [])
        _TURNS.validate_python(tables.get("turns") or [])
        return tables

    @model_serializer(mode="wrap")
    # Without a return type, which would stand in the place of the JSON schema.
    def _without_what_nobody_asked(  # type: ignore[no-untyped-def]
        self, handler: SerializerFunctionWrapHandler
    ):
        """Say nothing of what takes analytical replies where none was asked for."""
        dumped: dict[str, Any] = handler(self)
        if not self.run.analytical and "domains" in dumped:
            dumped["domains"] = [*map(_operational_alone, dumped["domains"])]
        return dumped

    @computed_field  # type: ignore[prop-decorator]
    @property
    def passed(self) -> bool:
        """Whether there is a gate, each one passed, and nothing went unmeasured."""
        return all_passed(self.gates) and not self.run.unmeasured


def _operational_alone(estimate: dict[str, Any]) -> dict[str, Any]:
    """Return a dumped estimate without what takes analytical replies."""
    pairs = {
        name: _less(pair, _OF_BOTH_IN_A_PAIR)
        for name, pair in estimate["by_pair"].items()
    }
    return _less(estimate, _OF_BOTH) | {"by_pair": pairs}


def _less(dumped: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in dumped.items() if name not in names}
