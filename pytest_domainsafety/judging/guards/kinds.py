"""The six guard models: how each is asked, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pytest_domainsafety.config.guards import GUARDS
from pytest_domainsafety.judging.base import Case
from pytest_domainsafety.judging.guards import answers, prompts
from pytest_domainsafety.types import Message


class Kind(NamedTuple):
    """One kind of guard model.

    Attributes:
        name: As in ``guard:NAME``.
        messages: What it is told of a case.
        read: What its answer says.
        tokens: New tokens at most; of one that reasons first, with its trace.
        by_rubric: Whether it judges by the domain's rubric, or by policies of its own.
    """

    name: str
    messages: Callable[[Case], tuple[Message, ...]]
    read: answers.Reader
    tokens: int
    by_rubric: bool


def kind_of(name: str, provider: str) -> Kind:
    """Return a kind by name, as it is asked through a provider."""
    through_ollama = provider == "ollama"
    granite = prompts.granite_by_system if through_ollama else prompts.granite_by_block
    kinds = (
        Kind("llama-guard3", prompts.chat, answers.llama_guard, 64, by_rubric=False),
        Kind("shieldgemma", prompts.chat, answers.shieldgemma, 256, by_rubric=False),
        Kind(
            "granite-guardian", granite, answers.granite_guardian, 256, by_rubric=True
        ),
        Kind("qwen3guard", prompts.chat, answers.qwen3guard, 128, by_rubric=False),
        Kind("wildguard", prompts.wildguard, answers.wildguard, 64, by_rubric=False),
        Kind(
            "gpt-oss-safeguard",
            prompts.safeguard,
            answers.safeguard,
            2048,
            by_rubric=True,
        ),
    )
    by_name = {kind.name: kind for kind in kinds}
    assert by_name.keys() == GUARDS.keys()
    return by_name[name]
