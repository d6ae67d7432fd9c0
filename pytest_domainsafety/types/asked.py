"""Whom a run asked, and how: models, judges, conditions, sampling."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, StrictBool, StrictInt

from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types.asking import ModelInfo
from pytest_domainsafety.types.part import Number, Part
from pytest_domainsafety.types.words import JudgeMode


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
