"""A guard model's name, as typed: `guard:KIND`, or `guard:KIND@MODEL`. Light."""

from __future__ import annotations

from typing import NamedTuple

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.text import printable

PREFIX = "guard"
GUARDS = {
    "llama-guard3": "llama-guard3",
    "shieldgemma": "shieldgemma",
    "granite-guardian": "granite4.1-guardian",
    "qwen3guard": "qwen3guard",
    "wildguard": "wildguard",
    "gpt-oss-safeguard": "gpt-oss-safeguard",
}
"""Kind → the model that is asked where none is named: of Ollama's library, or, of the
two that are not in it (Qwen3Guard, WildGuard), one of that name that the user made."""


class GuardName(NamedTuple):
    """What a guard's name says: whose prompts and answers, and which model to ask."""

    kind: str
    model: str


def is_guard(name: str) -> bool:
    """Whether a name is one of a guard model."""
    return name.strip().partition(":")[:2] == (PREFIX, ":")


def guard_name(name: str) -> GuardName:
    """Read a guard's name.

    Raises:
        ConfigError: There is no such kind, or no model behind the ``@``.
    """
    typed = name.strip().partition(":")[2]
    kind, at, model = (part.strip() for part in typed.partition("@"))
    if kind not in GUARDS:
        raise ConfigError(
            f"The judge {printable(name)!r} names no guard model; there are "
            f"{', '.join(f'{PREFIX}:{known}' for known in GUARDS)}, and "
            f"'{PREFIX}:qwen3guard@openai:NAME' asks a model of your own by "
            "Qwen3Guard's prompt."
        )
    if (at and not model) or is_guard(model):
        raise ConfigError(
            f"The judge {printable(name)!r} names no model behind the '@'; write for "
            f"example '{PREFIX}:{kind}@openai:NAME', or '{PREFIX}:{kind}' for the "
            f"Ollama model {GUARDS[kind]!r}."
        )
    return GuardName(kind, model or GUARDS[kind])
