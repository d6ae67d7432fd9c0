"""The doors: frozen models that the rooms hand to each other.

The journey: YAML → :class:`Suite` → item → :class:`ChatRequest` →
:class:`Reply` → :class:`Judgement` → :class:`Record` → :class:`DomainEstimate`
→ :class:`GateVerdict` → :class:`Results`. The words are those of the method
(`docs/method.md`); the JSON shapes of :class:`Record` and :class:`Results` are
public and numbered by `schema`.
"""

from pytest_domainsafety.types.asking import (
    ChatRequest,
    Message,
    ModelInfo,
    Reply,
    Sampling,
    TokenChoice,
)
from pytest_domainsafety.types.judging import Judgement, PairOutcome, Record, Scores
from pytest_domainsafety.types.manifest import Manifest
from pytest_domainsafety.types.results import (
    Cells,
    Confidence,
    DomainEstimate,
    GateKind,
    GateVerdict,
    Limits,
    PairCounts,
    Results,
    SubdomainEstimate,
    all_passed,
)
from pytest_domainsafety.types.suites import (
    Anchors,
    Interaction,
    Rubric,
    ScenarioPair,
    Suite,
    interactions,
)
from pytest_domainsafety.types.words import (
    BASE_VARIANT,
    COMPLIES_AT,
    FEWEST_PAIRS,
    FRAMINGS,
    IDENTIFIES_AT,
    RUN_KINDS,
    SCORED,
    STRONG_REFUSAL_AT,
    Codification,
    Door,
    Finish,
    Framing,
    Name,
    Prompt,
    Prose,
    RecordStatus,
    RunKind,
    Score,
    Share,
    Slug,
)

__all__ = [
    "BASE_VARIANT",
    "COMPLIES_AT",
    "FEWEST_PAIRS",
    "FRAMINGS",
    "IDENTIFIES_AT",
    "RUN_KINDS",
    "SCORED",
    "STRONG_REFUSAL_AT",
    "Anchors",
    "Cells",
    "ChatRequest",
    "Codification",
    "Confidence",
    "DomainEstimate",
    "Door",
    "Finish",
    "Framing",
    "GateKind",
    "GateVerdict",
    "Interaction",
    "Judgement",
    "Limits",
    "Manifest",
    "Message",
    "ModelInfo",
    "Name",
    "PairCounts",
    "PairOutcome",
    "Prompt",
    "Prose",
    "Record",
    "RecordStatus",
    "Reply",
    "Results",
    "Rubric",
    "RunKind",
    "Sampling",
    "ScenarioPair",
    "Score",
    "Scores",
    "Share",
    "Slug",
    "SubdomainEstimate",
    "Suite",
    "TokenChoice",
    "all_passed",
    "interactions",
]
