"""What a run set out to have, by its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from pytest_domainsafety.types import Manifest, interactions

Place = tuple[str, str, str, str, str, int]
"""Model, domain, scenario, framing, variant, replication."""


def owed(manifest: Manifest) -> Iterator[Place]:
    """Yield every interaction that a run set out to have."""
    number = manifest.replications
    for model, domains in manifest.expected.items():
        for domain, scenarios in domains.items():
            twins = frozenset(manifest.twins.get(domain, ()))
            for scenario, variants in scenarios.items():
                twin = scenario in twins
                owes = interactions(
                    variants, number, twin=twin, analytical=manifest.analytical
                )
                for interaction in owes:
                    yield model, domain, scenario, *interaction


def skipped(results: Mapping[str, Any] | None) -> set[tuple[str, str, str]]:
    """Return the pairs that were not asked in full, since their gate was decided."""
    try:
        run = Manifest.model_validate((results or {}).get("run") or {})
    except ValidationError:  # said of the results themselves
        return set()
    return {
        (entry.model, entry.domain, scenario)
        for entry in run.stopped
        for scenario in entry.replies
    }
