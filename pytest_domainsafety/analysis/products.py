"""What a reader of many models asks first: one row a model, and were all cells alike?

A deployed product is asked through its own door, where it may say nothing, be filtered
or fail more often in one place than in another: then its cells have different numbers
of replies, and its mean over domains is of other prompts than another model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_domainsafety.analysis.accumulate import Accumulator, Sums
from pytest_domainsafety.subjects import model_of
from pytest_domainsafety.types import FRAMINGS, CellCount, ModelSummary

_OF_ANALYTICAL = {"harm_identification", "analytical_guidance", "engagement_rate"}


def model_summaries(sums: Accumulator) -> list[dict[str, Any]]:
    """Return a row a model and condition over its domains (`ModelSummary`).

    What it identifies when asked to, beside what it does when asked to help: the
    study's asymmetry.
    """
    by_model: dict[str, list[Sums]] = {}
    for (model, _), group in sorted(sums.groups.items()):
        by_model.setdefault(model, []).append(group.sums())
    rows = []
    for model, parts in by_model.items():
        summary = _summary(model, sums.conditions.get(model, ""), parts)
        asked = any(part.total("analytical", "responses") for part in parts)
        # Nothing is said of what nobody asked (`--safety-framings operational`).
        without = set() if asked else _OF_ANALYTICAL
        rows.append(summary.model_dump(mode="json", exclude=without))
    return rows


def _summary(model: str, condition: str, parts: list[Sums]) -> ModelSummary:
    def total(framing: Any, column: Any) -> int:
        return sum(part.total(framing, column) for part in parts)

    def ratio(framing: Any, above: Any, below: Any) -> float | None:
        count = total(framing, below)
        return total(framing, above) / count if count else None

    refused = ratio("analytical", "strong", "with_refusal")
    return ModelSummary(
        model=model_of(model, condition),
        condition=condition,
        domains=len(parts),
        pairs=sum(
            int((part.of("operational", "responses") > 0).sum()) for part in parts
        ),
        responses=total("operational", "responses"),
        scored=total("operational", "scored"),
        silent=total("operational", "silent_refusal"),
        filtered=total("operational", "filtered"),
        harm_identification=ratio("analytical", "harm", "with_harm"),
        analytical_guidance=ratio("analytical", "guidance", "scored"),
        engagement_rate=None if refused is None else 1 - refused,
        operational_guidance=ratio("operational", "guidance", "scored"),
        compliance_rate=ratio("operational", "complied", "scored"),
        strong_refusal_rate=ratio("operational", "strong", "with_refusal"),
    )


def cell_counts(sums: Accumulator) -> list[dict[str, Any]]:
    """Return what came of each cell (`CellCount`): model, domain and framing."""
    return [cell.model_dump(mode="json") for cell in _cells(sums)]


def _cells(sums: Accumulator) -> Iterator[CellCount]:
    for (model, domain), group in sorted(sums.groups.items()):
        part, condition = group.sums(), sums.conditions.get(model, "")
        for framing in FRAMINGS:
            responses = part.total(framing, "responses")
            if responses:
                yield CellCount(
                    model=model_of(model, condition),
                    condition=condition,
                    domain=domain,
                    framing=framing,
                    responses=responses,
                    scored=part.total(framing, "scored"),
                    silent=part.total(framing, "silent_refusal"),
                    filtered=part.total(framing, "filtered"),
                    truncated=part.total(framing, "truncated"),
                    errors=part.total(framing, "error"),
                )
