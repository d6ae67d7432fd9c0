"""What a run was: everything that two runs must agree on to be compared.

A manifest is written by the run (`session/manifest.py`), kept in the store and in
the results (`Results.run`), and read back from files that an older or a newer
version wrote, or nobody of ours. So each part keeps what it does not know, takes
every key for optional, and is dumped as it was read: the same keys, in the same
order, with the same values, and none that was not there. Numbers and truths are
strict: a "3" that became a 3 would not be what stands in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AllowInfNan,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from pytest_domainsafety.subjects import Condition, subjects_of
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types.asking import ModelInfo
from pytest_domainsafety.types.judging import judged_by
from pytest_domainsafety.types.words import Door, JudgeMode

Number = StrictInt | Annotated[StrictFloat, AllowInfNan(False)]
"""As it is written: 0 does not become 0.0."""


class Part(Door):
    """A JSON object of which some keys are known; the others are kept as they are."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    _order: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _note_order(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        part: Self = handler(value)
        if isinstance(value, dict):
            part._order = tuple(value)
        return part

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Callable[[Self], dict[str, Any]]) -> dict[str, Any]:
        dumped = handler(self)
        order = dict.fromkeys((*self._order, *dumped))
        there = dumped.keys() & self.model_fields_set  # `include` may ask for a part
        return {name: dumped[name] for name in order if name in there}

    @property
    def known(self) -> bool:
        """Whether anything is known at all: records come without a manifest."""
        return bool(self.model_fields_set)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written."""
        return self.model_dump(mode="python")

    def with_(self, **changes: Any) -> Self:
        """Return it with other values for some keys; new keys come last.

        Raises:
            ValidationError: A value does not fit its key.
        """
        return type(self).model_validate(self.as_json() | changes)


SubdomainThreshold = float | Literal["domain", "off"]
"""What sub-domains are held to: a share, their domain's threshold, or nothing."""


class ModelEntry(Part):
    """What is known of a model: :class:`ModelInfo`, its system prompt as a hash.

    Attributes:
        digest: Content hash of the weights, or the best stand-in there is.
        system_prompt_hash: Of the system prompt built into the model.
        num_ctx: Context window in tokens that each request asked for.
    """

    name: str = ""
    provider: str = ""
    model: str = ""
    digest: str = ""
    family: str | None = None
    quantisation: str | None = None
    parameters: str | None = None
    context_length: StrictInt | None = None
    template_hash: str | None = None
    system_prompt_hash: str | None = None
    capabilities: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    server: str | None = None
    remote: StrictBool = False
    identity: str | None = None
    num_ctx: StrictInt | None = None

    @classmethod
    def of(cls, info: ModelInfo, num_ctx: int | None, **more: Any) -> Self:
        """Return what goes to the manifest: no prompt, and nothing that is unknown.

        Args:
            info: As preflight learned it.
            num_ctx: Context window that each request asks for.
            more: What else is known; comes first.
        """
        facts = info.model_dump(mode="json", exclude_none=True)
        prompt = facts.pop("system_prompt", None)
        if prompt:
            facts["system_prompt_hash"] = fingerprint("system", prompt)
        return cls.model_validate(more | facts | {"num_ctx": num_ctx})

    def info(self, name: str) -> ModelInfo:
        """Return what a later run may know of the model, its system prompt aside."""
        least = {
            "name": name,
            "provider": self.provider,
            "model": self.model,
            "digest": self.digest,
        }
        kept = self.model_dump(include=set(ModelInfo.model_fields) - {"system_prompt"})
        return ModelInfo.model_validate(least | kept)


class Canaries(Part):
    """What a judge said of replies whose scores are beyond dispute (method §M8a).

    Attributes:
        hash: Of the canaries.
        asked: How many there are.
        failed: Names of those that it scored wrongly.
        answers: By name: the scales, or status and reason.
        contradicted: Names of those on which it contradicted itself, whatever it
            said when it was asked again.
    """

    hash: str = ""
    asked: StrictInt = 0
    failed: tuple[str, ...] = ()
    answers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    contradicted: tuple[str, ...] = ()


class JudgeEntry(ModelEntry):
    """What is known of a judge; of one that is no model, its fingerprint alone.

    Attributes:
        fingerprint: Of everything that decides its scores.
        kin: Model under test → family that both are of, or ``itself``.
        sample: Of a second judge: replies a domain.
        mode: How it judged; left out of one that judged by its word alone, as before
            there was another way.
    """

    fingerprint: str = ""
    canaries: Canaries | None = None
    kin: dict[str, str] = Field(default_factory=dict)
    sample: StrictInt | None = None
    mode: JudgeMode = "holistic"


class ConditionEntry(Part):
    """A system prompt under which models are asked.

    Attributes:
        name: By which records know it; of the first one they say nothing.
        hash: Of its text; None where no system prompt is sent.
        text: With `--safety-show-text` alone.
    """

    name: str
    hash: str | None = None
    text: str | None = None


class SamplingEntry(Part):
    """How the models under test were asked to sample.

    Attributes:
        protocol: By which the prompts were chosen; an older version wrote none.
        framings: `both`, or `operational` where no analytical prompt was asked.
        system_prompt: Its hash.
        variants: Which variants of the prompts were asked: names, or all or none.
        benign: Whether benign twins were.
        most_turns: Turns of a conversation that escalates after refusals; None where
            the turns are the suite's.
    """

    protocol: str | None = None
    replications: StrictInt | None = None
    framings: str | None = None
    temperature: Number | None = None
    max_tokens: StrictInt | None = None
    seed: StrictInt | None = None
    think: StrictBool | None = None
    system_prompt: str | None = None
    variants: StrictBool | tuple[str, ...] = False
    benign: StrictBool = False
    most_turns: StrictInt | None = None


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


class Cost(Part):
    """What the asking cost.

    Attributes:
        oldest_s: Age in seconds of the oldest answer from the store whose model is
            not known by its weights; 0 where there is none.
        phases: Seconds on the clock by stage.
        seconds: Where the time of the requests in flight went.
        tokens_cached: Of `tokens_in` what servers took from their caches.
        estimated: Requests whose tokens were worked out from the length of texts:
            the server did not count them, or not so that it can be true.
        wall_s: Seconds on the clock in which requests were in flight.
        by_model: Model or judge → what it was asked: `requests`, `tokens_in`,
            `tokens_out`, `tokens_cached`, `estimated`, and `money` where prices are
            known.
        by_domain: Model under test → domain → the same, of its replies and of
            the judgements on them together.
        money: By the user's prices, in `currency`; None where he named none.
    """

    requests: StrictInt = 0
    retries: StrictInt = 0
    failed: StrictInt = 0
    from_store: StrictInt = 0
    oldest_s: Number = 0
    tokens_in: StrictInt = 0
    tokens_out: StrictInt = 0
    concurrency: StrictInt = 0
    phases: dict[str, Number] = Field(default_factory=dict)
    seconds: dict[str, Number] = Field(default_factory=dict)
    tokens_cached: StrictInt = 0
    estimated: StrictInt = 0
    wall_s: Number = 0
    by_model: dict[str, dict[str, Number]] = Field(default_factory=dict)
    by_domain: dict[str, dict[str, dict[str, Number]]] = Field(default_factory=dict)
    money: Number | None = None
    currency: str = ""


class BudgetEntry(Part):
    """What a run was allowed to spend, and what that kept from being asked.

    Attributes:
        limits: By kind: `requests`, `tokens`, `hours`, `money`.
        spent: The same, at the end; of `tokens` and `money` perhaps an estimate
            (`Cost.estimated`).
        over: The kind of the limit that was met; empty where none was.
        currency: Of `money`, as the user's price file names it.
        unasked: Model → domain → pairs of which something was not asked or judged.
    """

    limits: dict[str, Number] = Field(default_factory=dict)
    spent: dict[str, Number] = Field(default_factory=dict)
    over: str = ""
    currency: str = ""
    unasked: dict[str, dict[str, StrictInt]] = Field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether a limit kept something from being asked."""
        return bool(self.over or self.unasked)

    @property
    def sentence(self) -> str:
        """Say which limit was met."""
        limit = self.limits.get(self.over)
        if limit is None:
            return "the budget is spent"
        unit = (self.currency or "money") if self.over == "money" else self.over
        return f"the budget of {limit:,} {unit} is spent"


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


Weight = Annotated[Number, Field(ge=0)]


class PoweredRate(Part):
    """A compliance rate from the judge's scores and labels together.

    Attributes:
        domain: Empty over all domains of the model.
        labels: Labelled replies behind it.
        judged: The rate as the judge has it.
        power: How far the judge's scores were used, 0 to 1.
    """

    model: str
    domain: str = ""
    labels: StrictInt = 0
    judged: Number
    rate: Number
    low: Number
    high: Number
    power: Number = 1.0


class LabelsEntry(Part):
    """Labels by people, by which limits were corrected for the judge's error.

    Attributes:
        hash: Of the labels.
        unknown: Labels of replies that the judge did not score in this run.
        tables: Domain → operational replies as (no/no, no/yes, yes/no, yes/yes), the
            label first and the judge second.
        weighted: The same cells as sums of 1 ÷ the probability with which a reply was
            drawn, where labels tell it; of one that tells none it is 1.
        squares: Domain → sums of 1 ÷ its square over what the judge calls no, and yes.
        single: Domains whose operational replies here are all of one model, so that
            what labels tell is of the very replies that are counted.
        blank: Replies that were drawn and have no label: they count as help.
        powered: Rates of the judge and labels together (prediction-powered).
    """

    file: str = ""
    hash: str = ""
    unknown: StrictInt = 0
    weighted: dict[str, tuple[Weight, Weight, Weight, Weight]] = Field(
        default_factory=dict
    )
    squares: dict[str, tuple[Weight, Weight]] = Field(default_factory=dict)
    single: tuple[str, ...] = ()
    blank: StrictInt = 0
    powered: tuple[PoweredRate, ...] = ()
    tables: dict[
        str,
        tuple[
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
            Annotated[StrictInt, Field(ge=0)],
        ],
    ] = Field(default_factory=dict)

    def told_nothing(self) -> LabelsEntry:
        """Return what is left of them where the judge, or the replies, are others."""
        return LabelsEntry(file=self.file, hash=self.hash)


Count = Annotated[StrictInt, Field(ge=0)]


class CascadeEntry(Part):
    """Two judges of which the second reads what the first is not sure of.

    Attributes:
        first: A guard model, as typed.
        second: The judge of what the first is not sure of.
        file: Labels by which it was found out where the first is sure.
        hash: Of the labels.
        labelled: Operational replies behind it.
        low: Harm (0 to 1) up to which a reply is safe by the first alone; None: none.
        high: From which it is help by the first alone; None: none.
        pairs: Scenarios that made no cut, on which the error was counted.
        missed: Of these, with help that was taken for safe; `wronged` the reverse.
    """

    first: str = ""
    second: str = ""
    file: str = ""
    hash: str = ""
    labelled: Count = 0
    low: Number | None = None
    high: Number | None = None
    pairs: Count = 0
    missed: Count = 0
    wronged: Count = 0


RetoldCounts = tuple[Count, Count, Count, Count, Count]
"""Of one pair's operational replies, told in one way: asked about and scored; of these
compliance as first judged (unscored counts as such), and as judged now; without a score
(also those that nobody can judge); left, since they could change no gate."""


class RetoldEntry(Part):
    """What the judge said of the same replies in other words (method §M10.1).

    Attributes:
        version: Of the ways of asking.
        names: Of the ways that were asked.
        left_out: Of those in which this judge can't be asked.
        gate: Whether the gates are held to the widest limit.
        asked: Judgements that this took, from the store or not.
        saved: That it did not take, since they could change no gate.
        fault: Why not all that could was asked; empty where it was.
        replies: Model → domain → way → scenario → counts.
    """

    version: str = ""
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    gate: StrictBool = False
    asked: StrictInt = 0
    saved: StrictInt = 0
    fault: str = ""
    replies: dict[str, dict[str, dict[str, dict[str, RetoldCounts]]]] = Field(
        default_factory=dict
    )


class AnchorEntry(Part):
    """What a judge said of fixed replies, by which a judge that moves is known.

    Attributes:
        hash: Of the fixed replies.
        fingerprint: Of the judge.
        rubrics: Domain → hash of the rubric by which it read its ten.
        replies: ``DOMAIN/NAME`` → harm identification, refusal and guidance; null
            each where there was no score.
        near: Share of scores within one level of what is written.
        fault: Why there are none; empty where there are.
    """

    hash: str = ""
    fingerprint: str = ""
    rubrics: dict[str, str] = Field(default_factory=dict)
    replies: dict[str, tuple[StrictInt | None, StrictInt | None, StrictInt | None]] = (
        Field(default_factory=dict)
    )
    near: Number | None = None
    fault: str = ""


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

    def digest_of(self, model: str) -> str:
        """Return what is known of a model's weights; empty if nothing."""
        entry = self.entry_of(model)
        return "" if entry is None else entry.digest

    def suite_of(self, domain: str) -> tuple[str, SuiteEntry] | None:
        """Return the first suite file of a domain, and its entry."""
        return next(
            (item for item in self.suites.items() if item[1].domain == domain), None
        )
