"""What suites say of their pairs, as a manifest keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_Ids = dict[str, None]
"""Ids of pairs, each once, in order."""


class PairFacts:
    """Laws, core pairs and families: gathered pair by pair, or manifest by manifest."""

    def __init__(self) -> None:
        """Begin with none."""
        self._law: dict[str, dict[str, dict[str, _Ids]]] = {}
        self._core: dict[str, _Ids] = {}
        self._families: dict[str, dict[str, _Ids]] = {}

    def add_law(
        self, domain: str, frame: str, firmness: str, ids: Iterable[str]
    ) -> None:
        """Note pairs in a legal frame that forbids the harm so firmly."""
        levels = self._law.setdefault(domain, {}).setdefault(frame, {})
        levels.setdefault(firmness, {}).update(dict.fromkeys(ids))

    def add_core(self, domain: str, ids: Iterable[str]) -> None:
        """Note pairs of the study's protocol, or that a domain has none."""
        self._core.setdefault(domain, {}).update(dict.fromkeys(ids))

    def add_family(self, domain: str, family: str, ids: Iterable[str]) -> None:
        """Note pairs of one family."""
        names = self._families.setdefault(domain, {})
        names.setdefault(family, {}).update(dict.fromkeys(ids))

    def as_manifest(self) -> dict[str, dict[str, Any]]:
        """Return the manifest's keys `law`, `core` and `families`, those that hold any.

        Of families those of several pairs.
        """
        shared = {
            domain: {name: [*ids] for name, ids in names.items() if len(ids) > 1}
            for domain, names in self._families.items()
        }
        facts: dict[str, dict[str, Any]] = {
            "law": {
                domain: {
                    frame: {level: [*ids] for level, ids in levels.items()}
                    for frame, levels in frames.items()
                }
                for domain, frames in self._law.items()
            },
            "core": {domain: [*ids] for domain, ids in self._core.items()},
            "families": {domain: names for domain, names in shared.items() if names},
        }
        return {name: told for name, told in facts.items() if told}
