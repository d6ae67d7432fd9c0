"""Is a judge the model that it judges, or of its family (method §M9)?"""

from __future__ import annotations

import re

from pytest_domainsafety.types import ModelInfo

FAMILIES = (
    "claude",
    "command-r",
    "deepseek",
    "falcon",
    "gemini",
    "gemma",
    "glm",
    "gpt",
    "granite",
    "grok",
    "kimi",
    "llama",
    "ministral",
    "mistral",
    "mixtral",
    "nemotron",
    "nova",
    "olmo",
    "phi",
    "qwen",
    "smollm",
    "yi",
)
_KIN = {
    "gptoss": "gpt",
    "cohere": "command-r",
    "commandr": "command-r",
    "chatglm": "glm",
    "ministral": "mistral",
    "mixtral": "mistral",
    "qwq": "qwen",
}
_SHARED = frozenset({"llama"})
"""Architectures that many makers use, and that say little of who trained a model."""
_NAMES = re.compile("|".join(map(re.escape, (*FAMILIES, "qwq"))))
# Counted only where no letter stands beside them: `dolphin` is no `phi`.
_SHORT = frozenset({"yi", "phi", "nova", "glm"})


def families(info: ModelInfo) -> frozenset[str]:
    """Return the families that a model belongs to; none where none is known.

    Its name and the server's word both count (a distilled model has two). An
    architecture that many makers use counts only where the name says nothing.
    """
    names = set()
    name = info.model.casefold()
    for match in _NAMES.finditer(name):
        word, before = match.group(), name[: match.start()][-1:]
        after = name[match.end() :][:1]
        if word not in _SHORT or not (before.isalpha() or after.isalpha()):
            names.add(_KIN.get(word, word))
    architecture = re.match(r"[a-z]+", (info.family or "").casefold().replace("-", ""))
    if architecture is None:
        return frozenset(names)
    family = _architecture_family(architecture.group())
    if names and family in _SHARED:
        return frozenset(names)
    return frozenset({*names, family})


def _architecture_family(word: str) -> str:
    """Return the family of an architecture: ``qwen3moe`` is a ``qwen``."""
    known = next((kin for kin in FAMILIES if word.startswith(kin)), word)
    return _KIN.get(word, _KIN.get(known, known))


def same_model(info: ModelInfo, other: ModelInfo) -> bool:
    """Whether two names stand for one and the same model."""
    return info.name == other.name or (
        info.provider == other.provider and info.digest == other.digest
    )


def shared_family(info: ModelInfo, other: ModelInfo) -> str | None:
    """Return a family that both models belong to, if there is one."""
    return min(families(info) & families(other), default=None)
