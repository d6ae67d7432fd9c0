"""What a suite file holds: scenario pairs and the rubric of their domain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types.words import (
    ASKED,
    BASE_VARIANT,
    FRAMINGS,
    TWIN,
    AskerRole,
    Codification,
    Door,
    Framing,
    Jurisdiction,
    Name,
    Openness,
    Prompt,
    Prose,
    Protocol,
    Share,
    Slug,
)

Chosen = bool | Collection[str]
"""Some variants: their names, or all or none of them."""


class SuitePart(Door):
    """Part of a suite file, whose hash outlives the keys that schema 1 grows.

    A key that came later counts only where it says something: what a suite without
    it hashes to is what it hashed to before, so no lock and no stored run grows old.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_what_is_unsaid(
        self, handler: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        defaults = {key: type(self).model_fields[key].default for key in self.LATER}
        unsaid = {key for key, value in defaults.items() if getattr(self, key) == value}
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key not in unsaid}


class Anchors(Door):
    """One sentence for each level of a scale, 1 to 5."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"description": "One sentence for each level, 1 to 5."},
    )

    level_1: Prose = Field(alias="1")
    level_2: Prose = Field(alias="2")
    level_3: Prose = Field(alias="3")
    level_4: Prose = Field(alias="4")
    level_5: Prose = Field(alias="5")

    @model_validator(mode="before")
    @classmethod
    def _accept_numbers(cls, value: Any) -> Any:
        """YAML reads the keys 1 to 5 as integers."""
        if isinstance(value, dict):
            return {str(key): text for key, text in value.items()}
        return value

    def levels(self) -> tuple[str, str, str, str, str]:
        """Return the five sentences, level 1 first."""
        return self.level_1, self.level_2, self.level_3, self.level_4, self.level_5


class Rubric(SuitePart):
    """What the judge is told about one domain."""

    LATER: ClassVar[frozenset[str]] = frozenset({"harm_levels"})

    harm: Prose = Field(
        description="What a reply must recognise to score high on harm_identification."
    )
    guidance: Prose = Field(description="What counts as usable help in this domain.")
    harm_levels: Anchors | None = Field(
        default=None,
        description="An anchor sentence for each level of harm_identification.",
    )
    guidance_levels: Anchors | None = Field(
        default=None, description="An anchor sentence for each level of guidance."
    )
    refusal_levels: Anchors | None = Field(
        default=None, description="An anchor sentence for each level of refusal."
    )
    markers: dict[Name, Prose] = Field(
        min_length=2, max_length=2, description="Exactly two yes/no questions."
    )

    def hash(self) -> str:
        """Return the rubric's fingerprint."""
        return fingerprint("rubric", self.model_dump(mode="json"))


class Interaction(NamedTuple):
    """One reply that a pair owes: which prompt is asked, and which sample of it."""

    framing: Framing
    variant: str
    replication: int


def interactions(
    variants: Iterable[str],
    replications: int,
    *,
    twin: bool = False,
    analytical: bool = True,
) -> Iterator[Interaction]:
    """Yield every interaction that a pair owes, in the order in which they are asked.

    The one copy of this rule: the plan, what is missing, shards and `verify` use it.

    Args:
        variants: Names of the ablations of the operational prompt, the base left out.
        replications: Samples of each prompt; 0 owes nothing.
        twin: Whether the benign twin is asked.
        analytical: Whether the model is asked to identify the harm.
    """
    asked = ASKED if twin else FRAMINGS
    for framing in asked if analytical else asked[1:]:
        for variant in (BASE_VARIANT, *(variants if framing == "operational" else ())):
            for replication in range(1, replications + 1):
                yield Interaction(framing, variant, replication)


_NO_REWORDINGS = frozenset({"placebo", "persona_swap", "plain"})
"""Variants that change nothing, or more than the words."""


class ScenarioPair(SuitePart):
    """One harm in two framings: the unit that is collected."""

    LATER: ClassVar[frozenset[str]] = frozenset(
        {
            "core",
            "family",
            "openness",
            "role",
            "jurisdiction",
            "codification",
            "benign",
            "asks",
        }
    )

    id: Slug = Field(description="Unique in its domain.")
    subdomain: Name
    tags: tuple[Name | Literal["F1", "F2", "F3", "F4"], ...] = Field(
        default=(), description="Framing tags of the operational prompt, and others."
    )
    core: bool = Field(
        default=False, description="One of the pairs of the study's protocol."
    )
    family: Slug | None = Field(
        default=None,
        description="Pairs of one idea share it; left out, the pair's own id.",
    )
    openness: Openness | None = Field(
        default=None,
        description="How openly the operational prompt shows the wrong: 0 a bare "
        "professional request, 3 open violence or children.",
    )
    role: AskerRole | None = Field(
        default=None, description="On whose authority the operational prompt asks."
    )
    jurisdiction: Jurisdiction | None = Field(
        default=None, description="The legal frame, where it is not the suite's."
    )
    codification: Codification | None = Field(
        default=None, description="Of this harm, where it is not the suite's."
    )
    zero_tolerance: bool = Field(
        default=False, description="Any compliance fails the scenario's own item."
    )
    analytical: Prose = Field(description="Asks to identify the harm.")
    operational: Prompt = Field(
        description="Asks for help with the harm; a list is one user turn each."
    )
    benign: Prompt | None = Field(
        default=None,
        description="The benign twin: trade, deliverable and alarming words of the "
        "operational prompt, with a lawful purpose.",
    )
    asks: tuple[Prose, ...] = Field(
        default=(),
        min_length=2,
        max_length=5,
        description="Two to five deliverables that the operational prompt and all of "
        "its variants ask for.",
    )
    variants: dict[Name, Prompt] = Field(
        default_factory=dict, description="Ablations of the operational prompt."
    )

    @field_validator("variants")
    @classmethod
    def _base_is_taken(cls, value: dict[str, Any]) -> dict[str, Any]:
        if BASE_VARIANT in value:
            raise ValueError(f"{BASE_VARIANT!r} names the prompt as written")
        return value

    @property
    def family_or_id(self) -> str:
        """The family: pairs of one are looked at as one idea."""
        return self.family or self.id

    def turns(self, framing: Framing, variant: str = BASE_VARIANT) -> tuple[str, ...]:
        """Return the user turns of one prompt, at least one.

        Raises:
            KeyError: The scenario has no such variant, or no benign twin.
        """
        if framing == "analytical":
            return (self.analytical,)
        if framing == TWIN:
            if self.benign is None:
                raise KeyError(TWIN)
            return _turns(self.benign)
        prompt = self.operational if variant == BASE_VARIANT else self.variants[variant]
        return _turns(prompt)

    def deliverables(self, framing: Framing) -> tuple[str, ...]:
        """Return what a prompt of one framing asks for, where the scenario says.

        Of the operational one alone: a judge never reads of both.
        """
        return self.asks if framing == "operational" else ()

    def rewordings(self) -> tuple[str, ...]:
        """Return the operational request in other words, in the suite's order.

        Those of its variants that take nothing from it and give it no other voice.
        """
        prompts = {
            name: _turns(prompt)
            for name, prompt in self.variants.items()
            if name not in _NO_REWORDINGS and not name.startswith("no_")
        }
        return tuple(turns[0] for turns in prompts.values() if len(turns) == 1)

    def texts(self) -> Iterator[str]:
        """Yield every text that a model may be asked, to be struck from errors."""
        for framing, variant, _ in self.interactions(1, variants=True, benign=True):
            yield from self.turns(framing, variant)

    def chosen(self, variants: Chosen) -> tuple[str, ...]:
        """Return the pair's own of some variants: names, or all or none of them."""
        if isinstance(variants, bool):
            return tuple(self.variants) if variants else ()
        return tuple(name for name in self.variants if name in variants)

    def interactions(
        self,
        replications: int,
        *,
        variants: Chosen,
        benign: bool = False,
        analytical: bool = True,
    ) -> Iterator[Interaction]:
        """Yield every interaction that this pair owes.

        Args:
            replications: Samples of each prompt.
            variants: Which of the pair's variants are asked too (:meth:`chosen`).
            benign: Whether the twin is asked too, where there is one.
            analytical: Whether the model is asked to identify the harm.
        """
        twin = benign and self.benign is not None
        names = self.chosen(variants)
        return interactions(names, replications, twin=twin, analytical=analytical)

    def prompt_hash(self, framing: Framing, variant: str = BASE_VARIANT) -> str:
        """Return the fingerprint of one prompt's turns."""
        return fingerprint("prompt", self.turns(framing, variant))


def _turns(prompt: Prompt) -> tuple[str, ...]:
    return (prompt,) if isinstance(prompt, str) else prompt


class Suite(SuitePart):
    """One domain of harm: the content of one `*.safety.yaml` file."""

    LATER: ClassVar[frozenset[str]] = frozenset({"jurisdiction", "max_over_refusal"})

    schema_version: Literal[1] = Field(alias="schema")
    domain: Name
    title: Prose
    version: Prose = "0"
    canary: Prose | None = Field(
        default=None, description="A line by which a training corpus can exclude this."
    )
    codification: Codification | None = None
    legal_status: Prose | None = None
    jurisdiction: Jurisdiction | None = Field(
        default=None, description="The legal frame: US, EU, UK or others in capitals."
    )
    threshold: Share | None = Field(
        default=None, description="The upper limit of compliance that may ship."
    )
    min_engagement: Share | None = Field(
        default=None, description="The lower limit of engagement that may ship."
    )
    max_over_refusal: Share | None = Field(
        default=None,
        description="The upper limit of strong refusals of benign twins that may ship.",
    )
    rubric: Rubric
    scenarios: tuple[ScenarioPair, ...] = Field(min_length=1)

    def asked(self, protocol: Protocol) -> tuple[int, ...]:
        """Return the places of the scenarios that a protocol asks.

        The one copy of this rule. A suite that marks no pair as core has all of them
        asked by both.
        """
        places = range(len(self.scenarios))
        core = tuple(place for place in places if self.scenarios[place].core)
        return core if protocol == "study" and core else tuple(places)

    def deliverables(self, scenario: str, framing: Framing) -> tuple[str, ...]:
        """Return what a scenario asks for by its id; nothing of one that is gone."""
        found = (pair for pair in self.scenarios if pair.id == scenario)
        pair = next(found, None)
        return () if pair is None else pair.deliverables(framing)

    def jurisdiction_of(self, pair: ScenarioPair) -> str | None:
        """Return a pair's legal frame: its own, else the suite's."""
        return pair.jurisdiction or self.jurisdiction

    def codification_of(self, pair: ScenarioPair) -> Codification | None:
        """Return how firmly the law forbids a pair's harm: else the suite's word."""
        return pair.codification or self.codification
