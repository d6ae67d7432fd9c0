"""From a model's name, as typed, to the provider that serves it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from pytest_domainsafety.config.guards import guard_name, is_guard
from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.providers.base import ChatModel, ProviderSettings
from pytest_domainsafety.providers.crash_report import report_crash
from pytest_domainsafety.providers.guard import guarded, struck
from pytest_domainsafety.providers.provider_words import names_another
from pytest_domainsafety.providers.redaction import strike
from pytest_domainsafety.text import printable

ENTRY_POINTS = "pytest_domainsafety.providers"
DEFAULT = "ollama"
BUILT_IN = {
    "ollama": "pytest_domainsafety.providers.ollama:OllamaModel",
    "openai": "pytest_domainsafety.providers.openai:OpenAIModel",
    "azure": "pytest_domainsafety.providers.azure:AzureModel",
    "anthropic": "pytest_domainsafety.providers.anthropic:AnthropicModel",
    "command": "pytest_domainsafety.providers.command:CommandModel",
    "python": "pytest_domainsafety.providers.python:PythonModel",
    "embedded": "pytest_domainsafety.providers.embedded:EmbeddedModel",
    "scripted": "pytest_domainsafety.providers.scripted:ScriptedModel",
}
EXAMPLES = {
    "ollama": "ollama:llama3.3",
    "openai": "openai:gpt-4.1",
    "azure": "azure:my-deployment",
    "anthropic": "anthropic:claude-haiku-4-5",
    "command": "command:my-product --print",
    "python": "python:my_package.my_module:answer",
    "embedded": "embedded:smollm2-135m",
    "scripted": "scripted:answers.yaml",
}
# Families of open models that are one letter away from a provider's name.
MODEL_FAMILIES = frozenset({"llama"})
# "openai" against "opnai" is 0.91, "ollama" against "codellama" 0.80.
NEAR = 0.82

Factory = Callable[[str, str, ProviderSettings], ChatModel]
"""What a provider registers: (name as typed, the part after PROVIDER:, settings)."""


class ModelName(NamedTuple):
    """A model's name in its two parts."""

    provider: str
    rest: str


def providers() -> dict[str, str | EntryPoint]:
    """Return every registered provider by name; the built-in ones win."""
    registered: dict[str, str | EntryPoint] = {
        point.name: point for point in entry_points(group=ENTRY_POINTS)
    }
    registered.update(BUILT_IN)
    return registered


def parse_model_name(name: str) -> ModelName:
    """Tell which provider a name belongs to.

    ``PROVIDER:REST`` where PROVIDER is registered, else an Ollama model
    (``llama3.3:70b`` is a model and its tag). Of a guard (``guard:KIND@NAME``) it is
    the provider of the model that is asked.

    Raises:
        ConfigError: The name is empty, names a provider and no model, or
            begins with something that looks like a provider mistyped.
    """
    if is_guard(name):
        return parse_model_name(guard_name(name).model)
    registered = providers()
    first, colon, rest = name.strip().partition(":")
    if first in registered and rest.strip():
        return ModelName(first, rest.strip())
    if first in registered or not first:
        example = EXAMPLES.get(first, f"{first or DEFAULT}:NAME")
        raise ConfigError(
            f"The model name {printable(name)!r} names no model; "
            f"write for example '--safety-model {example}'."
        )
    suggestion = _mistyped(first, registered) if colon else None
    if suggestion:
        shown = printable(name)
        raise ConfigError(
            f"There is no provider {printable(first)!r}: did you mean "
            f"'{suggestion}:{printable(rest)}'? "
            f"There are {', '.join(sorted(registered))}; "
            f"an Ollama model of that name is 'ollama:{shown}'."
        )
    if colon and names_another(first, rest.strip()):
        raise ConfigError(
            f"There is no provider {printable(first)!r}; there are "
            f"{', '.join(sorted(registered))}. Of a server that speaks OpenAI's "
            f"protocol write '--safety-model openai:{printable(rest)}' and "
            "'--safety-endpoint URL'; an Ollama model of that name is "
            f"'ollama:{printable(name)}'."
        )
    return ModelName(DEFAULT, name.strip())


def _mistyped(first: str, registered: dict[str, str | EntryPoint]) -> str | None:
    """Return the provider that `first` is probably meant to be.

    Only bare words are looked at: ``command-r`` and ``llama3.3`` are models.
    """
    word = first.casefold()
    if not word.isalpha() or word in MODEL_FAMILIES:
        return None
    return next(
        iter(difflib.get_close_matches(word, registered, n=1, cutoff=NEAR)), None
    )


def create_model(name: str, settings: ProviderSettings) -> ChatModel:
    """Make the model that a name stands for; nothing is asked or started yet.

    It is behind the door of the room (`providers.guard`).

    Raises:
        ConfigError: See :func:`parse_model_name`; or the provider can't use
            the rest of the name, or can't be imported.
    """
    check_name(name)
    provider, rest = parse_model_name(name)
    try:
        model = _factory(provider)(name, rest, settings)
    except DomainSafetyError as error:
        raise struck(error) from None
    except Exception as error:  # noqa: BLE001 - anybody's package
        told = report_crash(error, settings.crash_folder)
        raise ConfigError(
            f"The model {printable(name)!r} could not be made ready: {told}."
        ) from None
    return guarded(model, settings.crash_folder)


def check_name(name: str) -> None:
    """Refuse a name that holds a key, as that of a command may.

    Raises:
        ConfigError: It does; names stand in every report and in the store.
    """
    if strike(name) != name:
        raise ConfigError(
            f"The model name {printable(strike(name))!r} holds a key that is in the "
            "environment, and names stand in every report: let the program read the "
            "variable by itself."
        )


def _factory(provider: str) -> Factory:
    target = providers()[provider]
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        built_in: Factory = getattr(import_module(module), attribute)
        return built_in
    try:
        loaded: Any = target.load()
    except Exception as error:  # noqa: BLE001 - anybody's package
        raise ConfigError(
            f"The provider {provider!r} could not be loaded from {target.value!r} "
            f"({type(error).__name__}); install or mend the package that registers it."
        ) from None
    factory: Factory = loaded
    return factory
