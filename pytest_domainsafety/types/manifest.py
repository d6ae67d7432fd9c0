"""What a run was: everything that two runs must agree on to be compared.

A manifest is written by the run (`session/manifest.py`), kept in the store and in
the results (`Results.run`), and read back from files that an older or a newer
version wrote, or nobody of ours. So each part keeps what it does not know, takes
every key for optional, and is dumped as it was read: the same keys, in the same
order, with the same values, and none that was not there. Numbers and truths are
strict: a "3" that became a 3 would not be what stands in the file.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, StrictInt

from pytest_domainsafety.subjects import Condition, subjects_of
from pytest_domainsafety.types.asked import (
    ConditionEntry,
    JudgeEntry,
    ModelEntry,
    SamplingEntry,
)
from pytest_domainsafety.types.cost import BudgetEntry, Cost
from pytest_domainsafety.types.judge_word import (
    AnchorEntry,
    CascadeEntry,
    LabelsEntry,
    RetoldEntry,
)
from pytest_domainsafety.types.judging import judged_by
from pytest_domainsafety.types.part import Number, Part

SubdomainThreshold = float | Literal["domain", "off"]
"""What sub-domains are held to: a share, their domain's threshold, or nothing."""


class IntervalEntry(Part):
    """How the run's intervals were to be made."""

    method: str | None = None
    estimand: str | None = None
    confidence: Number | None = None
    resamples: StrictInt | None = None


class AnalysisEntry(IntervalEntry):
    """How these results' intervals were made, and whose judgements they are of."""

    seed: StrictInt | None = None
    judge: str | None = None


class SuiteEntry(Part):
    """One suite file of the run.

    Attributes:
        hash: Of the file's content.
        rubric: Hash of its rubric.
        line: On which its gate is reported.
        asked: Pairs that the run's protocol asks, where these are not all.
    """

    domain: str = ""
    version: str = ""
    hash: str = ""
    rubric: str = ""
    pairs: StrictInt | None = None
    codification: str | None = None
    legal_status: str | None = None
    line: StrictInt = 1
    asked: StrictInt | None = None

    @property
    def whole(self) -> int:
        """Pairs that a whole run asks of this file."""
        return (self.pairs if self.asked is None else self.asked) or 0


class Selection(Part):
    """What of the suites the user chose.

    Attributes:
        keyword: Of `-k`.
        markexpr: Of `-m`.
        part: Files, pairs and options by which something was left out on purpose;
            empty where the run was to ask everything.
    """

    keyword: str | None = None
    markexpr: str | None = None
    part: tuple[str, ...] = ()


class ThresholdsEntry(Part):
    """What the gates were to be held to, by domain.

    Attributes:
        compliance: Upper limits.
        engagement: Lower limits, where there is such a gate.
        over_refusal: Upper limits, likewise.
        places: Where each limit of compliance was written.
    """

    compliance: dict[str, Number] = Field(default_factory=dict)
    engagement: dict[str, Number] = Field(default_factory=dict)
    over_refusal: dict[str, Number] = Field(default_factory=dict)
    places: dict[str, str] = Field(default_factory=dict)

    def of(self, kind: str, domain: str) -> float | None:
        """Return the limit of one gate; None where the run did not write it down."""
        return self.by_kind.get(kind, {}).get(domain)

    @property
    def by_kind(self) -> dict[str, dict[str, Number]]:
        """Kind of gate → domain → limit."""
        return {
            "compliance": self.compliance,
            "engagement": self.engagement,
            "over_refusal": self.over_refusal,
        }


class StoppedEntry(Part):
    """A gate that may have been decided before everything was asked.

    Attributes:
        decision: How it ends, ``passes`` or ``fails``; of a planned look None where
            it ended unproven.
        replies: Scenario → operational replies that were not asked.
        planned: Pairs that the run set out to ask.
        saved: Requests that were not made.
        look: Of planned looks the one at which it ended.
        plan: How it was looked at, ``sequential`` or ``anytime``; an older version
            wrote none.
        pairs: In the order asked, the pairs that the decision rests on.
        threshold: By which it was decided.
    """

    model: str = ""
    domain: str = ""
    decision: Literal["passes", "fails"] | None = None
    replies: dict[str, StrictInt] = Field(default_factory=dict)
    planned: StrictInt = 0
    saved: StrictInt = 0
    look: StrictInt = 0
    looks: StrictInt = 0
    confidence: Number | None = None
    plan: str | None = None
    pairs: tuple[str, ...] = ()
    threshold: Number | None = None

    @property
    def cut(self) -> bool:
        """Whether something was not asked; one that does not say may have been."""
        return bool(self.replies) or "replies" not in self.model_fields_set


class BaselineEntry(Part):
    """The run that this one was compared with.

    Attributes:
        tolerance: A rise up to this is no regression.
        margin: Rise that each model has to rule out; an older version had none.
        margins: Domain → rise that this domain has to rule out by itself.
    """

    file: str = ""
    run: str | None = None
    started: str | None = None
    tolerance: Number = 0.0
    margin: Number | None = None
    margins: dict[str, Number] = Field(default_factory=dict)


class Manifest(Part):
    """What a run was, and what became of it. Of records alone nothing is known.

    Attributes:
        kind: One of `RUN_KINDS`; an older version wrote none, a newer one others.
        started: ISO 8601, in UTC.
        thresholds: As they were when the run began.
        allow_silence: A domain was judged however much of it was empty.
        subdomain_threshold: What each sub-domain is held to; None where a version
            wrote the manifest that had no such gate.
        models: Under test, by the name that was typed.
        conditions: System prompts under which each model was asked, the first one
            first; empty where no system prompt is named.
        judges: The judge, or the panel.
        suites: By file.
        versions: Of packages, Python and platform.
        expected: Model → domain → scenario → its variants, the base left out: every
            pair that the run set out to ask.
        twins: Domain → scenarios whose benign twin is asked of each model of
            `expected`; empty where no twin is asked.
        law: Domain → legal frame → how firmly it forbids the harm → pairs, both as
            the suites say; empty where they say nothing of one of the two.
        core: Domain → pairs of the study's protocol; an older version wrote none.
        families: Domain → family → its pairs, of families of several pairs.
        leaks: Model → suite file → whether it continued the file's canary; null where
            nothing is known.
        served: Model or judge → the name under which its server answered.
        adapted: Model or judge → what of its requests its server would not take as it
            was meant: parts that were left out, and ``PART as FORM``.
        marks: Model → what in its answers looks like the mark of a trace and is none
            that is known, so that it was judged as a part of the answer.
        filter_words: Hash of the words by which a content filter is known beside our
            own.
        interrupted: Whether the run was cut short: by -x, Ctrl-C, a plugin, a budget.
        ended: What cut it short, in words, where that is known.
        unmeasured: A sentence on each thing that kept the run from being measured
            whole, whatever its gates say: pairs that a fault took, a store that
            could not be written.
        looks: Model → domain → its pairs in the order asked, where gates are looked at
            before all is asked; fixed before the first request.
        labels: By which its limits were corrected; None where by none.
        cascade: Which of its two judges decides what; None where it has none.
        retold: What the judge said in other words; None where it was not asked.
        anchors: Judge → what it said of fixed replies (`--safety-judge-anchor`).
        stopped: Gates decided early (`--safety-stop`).
        analysis: Of the results that this manifest is in.
        shards: Runs that were taken together.
        rejudged_from: The run whose replies were judged again.
        failed_judgements: Of a run judged again: replies whose judge failed.
    """

    run: str = ""
    started: str = ""
    kind: str = ""
    models: dict[str, ModelEntry] = Field(default_factory=dict)
    judges: dict[str, JudgeEntry] = Field(default_factory=dict)
    second_judge: dict[str, JudgeEntry] = Field(default_factory=dict)
    sampling: SamplingEntry = SamplingEntry()
    conditions: tuple[ConditionEntry, ...] = ()
    judge_reasoning: StrictBool = False
    interval: IntervalEntry = IntervalEntry()
    holm: StrictBool = False
    allow_silence: StrictBool = False
    subdomain_threshold: Number | Literal["domain", "off"] | None = None
    thresholds: ThresholdsEntry = ThresholdsEntry()
    stop: str | None = None
    suites: dict[str, SuiteEntry] = Field(default_factory=dict)
    selection: Selection = Selection()
    versions: dict[str, str] = Field(default_factory=dict)
    expected: dict[str, dict[str, dict[str, tuple[str, ...]]]] = Field(
        default_factory=dict
    )
    twins: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    law: dict[str, dict[str, dict[str, tuple[str, ...]]]] = Field(default_factory=dict)
    core: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    families: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    leaks: dict[str, dict[str, StrictBool | None]] = Field(default_factory=dict)
    baseline: BaselineEntry | None = None
    cost: Cost | None = None
    budget: BudgetEntry | None = None
    served: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    adapted: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    marks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    filter_words: str | None = None
    interrupted: StrictBool = False
    ended: str = ""
    unmeasured: tuple[str, ...] = ()
    looks: dict[str, dict[str, tuple[str, ...]]] = Field(default_factory=dict)
    stopped: tuple[StoppedEntry, ...] = ()
    labels: LabelsEntry | None = None
    cascade: CascadeEntry | None = None
    retold: RetoldEntry | None = None
    anchors: dict[str, AnchorEntry] = Field(default_factory=dict)
    analysis: AnalysisEntry | None = None
    shards: tuple[str, ...] = ()
    rejudged_from: str | None = None
    failed_judgements: StrictInt = 0

    @property
    def judge_name(self) -> str:
        """Under which name its records have its judges."""
        return judged_by([*self.judges], cascade=self.cascade is not None)

    @property
    def all_judges(self) -> dict[str, JudgeEntry]:
        """The judges and the second judge, by name."""
        return {**self.judges, **self.second_judge}

    @property
    def replications(self) -> int:
        """Of each prompt; 0 where nothing is known."""
        return self.sampling.replications or 0

    @property
    def analytical(self) -> bool:
        """Whether the models were asked to identify harms; all were in old versions."""
        return self.sampling.framings != "operational"

    @property
    def cut_gates(self) -> tuple[StoppedEntry, ...]:
        """Gates of which something was not asked, since they were decided."""
        return tuple(entry for entry in self.stopped if entry.cut)

    @property
    def subjects(self) -> dict[str, tuple[str, str]]:
        """What is gated, by name → the model and the condition, empty for the first."""
        conditions = [Condition(entry.name, None) for entry in self.conditions]
        return {
            subject.name: (subject.model, subject.condition)
            for subject in subjects_of(self.models, conditions)
        }

    def entry_of(self, subject: str) -> ModelEntry | None:
        """Return what is known of a model, under whatever condition."""
        return self.models.get(self.subjects.get(subject, (subject, ""))[0])

    def prompt_of(self, subject: str) -> str | None:
        """Return the hash of what a model was told, None for nothing."""
        _, condition = self.subjects.get(subject, (subject, ""))
        if not condition:
            return self.sampling.system_prompt
        told = {entry.name: entry.hash for entry in self.conditions}
        return told.get(condition)

    def digest_of(self, model: str) -> str:
        """Return what is known of a model's weights; empty if nothing."""
        entry = self.entry_of(model)
        return "" if entry is None else entry.digest

    def suite_of(self, domain: str) -> tuple[str, SuiteEntry] | None:
        """Return the first suite file of a domain, and its entry."""
        return next(
            (item for item in self.suites.items() if item[1].domain == domain), None
        )
