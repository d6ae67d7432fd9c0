"""Whose key is sent where: a provider's own variable, or what the user named for it."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_domainsafety.errors import ConfigError
from pytest_domainsafety.providers.base import ProviderSettings, meant_for
from pytest_domainsafety.providers.redaction import remember
from pytest_domainsafety.text import printable

BARE = ("anthropic", "azure", "openai")
"""Who gets a key that is named without a provider; a local server needs none."""
# A key is a line; a file of more is another one.
LONGEST_KEY = 16_384


def key_of(settings: ProviderSettings, provider: str, *variables: str) -> str | None:
    """Return the key for a provider's servers; None where there is none.

    What the user named goes before the provider's own variables.

    Raises:
        ConfigError: The variable or the file that was named holds no key; or it is
            not said whose it is, and a key must not go to another vendor's server.
    """
    named = _named(settings, settings.key_variables, provider, "--safety-key-variable")
    if named is not None:
        key = os.environ.get(named, "").strip()
        if not key:
            raise ConfigError(
                f"--safety-key-variable {printable(named)}: that variable is not set."
            )
        remember(key)
        return key
    file = _named(settings, settings.key_files, provider, "--safety-key-file")
    if file is not None:
        return _read(Path(file))
    found = (os.environ.get(variable, "").strip() for variable in variables)
    return next(filter(None, found), None)


def _named(
    settings: ProviderSettings, values: tuple[str, ...], provider: str, option: str
) -> str | None:
    own, bare = meant_for(values, provider)
    if own:
        return own[-1]
    if not bare or provider not in BARE:
        return None
    others = {
        other
        for other in settings.providers
        if other in BARE and not meant_for(values, other)[0]
    }
    if len(others | {provider}) > 1:
        raise ConfigError(
            f"{option}: this run asks {' and '.join(sorted(others | {provider}))}, so "
            f"say whose key it is: {option} {provider}=…"
        )
    return bare[-1]


def _read(path: Path) -> str:
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            key = file.read(LONGEST_KEY + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--safety-key-file {printable(str(path))}: can't be read "
            f"({type(error).__name__})."
        ) from None
    remember(key)
    if not key or len(key) > LONGEST_KEY or "\n" in key:
        raise ConfigError(
            f"--safety-key-file {printable(str(path))}: expected one line, the key."
        )
    return key
