"""What a model's name says: whether two are one model's, and what it is worth."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from pytest_domainsafety.types import Identity

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)")
"""What follows a hosted model's name where a dated version of it is named."""


def is_known_as(asked: str, name: str) -> bool:
    """Tell whether a server's name for a model is the one asked for, spelt otherwise.

    So are a dated snapshot of it (``gpt-4.1-2025-04-14``; not ``gpt-4.1-mini``), the
    resource name (Gemini's ``models/NAME``, an owner's ``org/NAME``), and the model
    without its variant (OpenRouter's ``NAME:free``, Ollama's ``NAME:latest``).
    """
    wanted, got = (
        text.casefold().removeprefix("models/").removesuffix(":latest")
        for text in (asked, name)
    )
    variants = {wanted, wanted.rpartition(":")[0] or wanted}
    if got in variants or got.partition(":")[0] == wanted:
        return True
    if got.endswith(tuple(f"/{variant}" for variant in variants)):
        return True
    rest = got.removeprefix(wanted)
    return rest != got and _SNAPSHOT.fullmatch(rest) is not None


def hosted_identity(model: str, vendor: str, urls: Iterable[str]) -> Identity:
    """Return what a hosted model's name is worth.

    A vendor promises not to change what a dated name stands for, and at its own
    address alone: behind another one there may be anybody's application.

    Args:
        model: The name that is asked for.
        vendor: The vendor's domain.
        urls: Where it is asked for.
    """
    hosts = [urlsplit(url).hostname or "" for url in urls]
    own = all(host == vendor or host.endswith(f".{vendor}") for host in hosts)
    return "pinned" if own and _DATED.search(model) else "name"


_DATED = re.compile(r"-20\d\d-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
"""`gpt-4.1-2025-04-14`, `claude-sonnet-4-5-20250929`."""
