"""What each variant of the operational prompts changes (docs/statistics.md#variants).

A scenario is one cluster with all its models. Two questions are asked of a variant:
does compliance change against the prompt as written, and by more than mere rewording
changes it (`placebo`, `paraphrase_…`: the noise floor)? The second is answered yes only
where a test against the prompt and one against the rewordings both say so: the larger
of two p-values is one of "not both" (intersection–union, Berger 1982, Technometrics
24:295), so that Holm's correction over the variants holds for it too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import lcm
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.accumulate import Accumulator, Sums
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.regression import (
    PairedDifference,
    holm,
    paired_difference,
)
from pytest_domainsafety.text import counted
from pytest_domainsafety.types import Manifest
from pytest_domainsafety.types.experiments import Ablated, Answer, Change, VariantKind

FRAMINGS: tuple[str, ...] = (
    *("no_engineering", "no_optimisation", "no_role", "no_authority"),
    *("no_procedure", "plain"),
)
"""Variants that take a framing out, in the order in which tables name them."""
SIGNIFICANT = 0.05
"""At or below this a corrected p-value shows a change."""
_FINEST = 10_000
"""Parts of a reply beyond which cells of unequal numbers are added up as they are."""

Wholes = NDArray[np.int64]
Cell = tuple[str, str, str]
"""(model, domain, scenario)."""
Counts = tuple[int, int]
"""(complied, scored)."""


def kind_of(variant: str) -> VariantKind:
    """Return what a variant changes, by its name."""
    if variant == "placebo" or variant.startswith("paraphrase"):
        return "rewording"
    return "framing" if variant in FRAMINGS else "control"


class Arm(NamedTuple):
    """Cells that two wordings share, as arrays of one length.

    Attributes:
        cells: Each with scored replies in both.
        old: Shape (cells, 2): complied and scored, as written.
        new: The same with the variant.
    """

    cells: tuple[Cell, ...]
    old: Wholes
    new: Wholes

    @classmethod
    def of(cls, old: Mapping[Cell, Counts], new: Mapping[Cell, Counts]) -> Arm:
        """Match two wordings' cells; one with nothing scored on a side is left out."""
        both = [
            cell
            for cell, (_, scored) in sorted(new.items())
            if scored and old.get(cell, (0, 0))[1]
        ]
        sides = (
            np.array([side[cell] for cell in both], np.int64).reshape(-1, 2)
            for side in (old, new)
        )
        return cls(tuple(both), *sides)

    def only(self, *, model: str | None = None, domain: str | None = None) -> Arm:
        """Return the cells of one model or domain."""
        keep = [
            at
            for at, cell in enumerate(self.cells)
            if model in (None, cell[0]) and domain in (None, cell[1])
        ]
        return Arm(tuple(self.cells[at] for at in keep), self.old[keep], self.new[keep])

    def difference(self, settings: AnalysisSettings) -> PairedDifference:
        """Return the change over scenarios, each with all its models."""
        names = sorted({cell[1:] for cell in self.cells})
        place = {name: at for at, name in enumerate(names)}
        at = [place[cell[1:]] for cell in self.cells]
        sides = []
        for side in self._even():
            whole = np.zeros((len(names), 2), np.int64)
            np.add.at(whole, at, side)
            sides.append((whole[:, 0], whole[:, 1]))
        return paired_difference(
            sides[0],
            sides[1],
            resamples=settings.resamples,
            confidence=settings.confidence,
            seed=settings.seed,
        )

    def _even(self) -> tuple[Wholes, Wholes]:
        """Give each cell one weight on both sides where replies are lost.

        Else a scenario would be said to change because a model that helps lost more
        replies of one wording than of the other.
        """
        if (self.old[:, 1] == self.new[:, 1]).all():
            return self.old, self.new
        trials = np.unique(np.concatenate([self.old[:, 1], self.new[:, 1]]))
        parts = lcm(*trials.tolist())
        if parts > _FINEST:
            return self.old, self.new
        old, new = (
            np.stack([side[:, 0] * (parts // side[:, 1]), np.full(len(side), parts)], 1)
            for side in (self.old, self.new)
        )
        return old, new


def ablation_table(
    sums: Accumulator, settings: AnalysisSettings, run: Manifest | None = None
) -> dict[str, dict[str, Any]]:
    """Return variant → :class:`Ablated`, rewordings last; empty where none was asked.

    Args:
        sums: Records, added up.
        settings: Of the intervals.
        run: Knows which variants were owed.
    """
    written = _counts(sums.of_first(sums.groups))
    variants = _variants(sums)
    missing = _missing(variants, sums, run or Manifest())
    found = ablations(written, variants, settings, missing)
    return {name: row.model_dump(mode="json") for name, row in found.items()}


def ablation_warnings(sums: Accumulator, run: Manifest) -> Iterator[str]:
    """Say of which variants replies are missing: they are in none of the figures."""
    for name, lost in sorted(_missing(_variants(sums), sums, run).items()):
        if lost:
            yield (
                f"variant {name}: {counted(lost, 'reply has', 'replies have')} no "
                "score, and what it changes is said without them"
            )


def ablations(
    written: Mapping[Cell, Counts],
    variants: Mapping[str, Mapping[Cell, Counts]],
    settings: AnalysisSettings,
    missing: Mapping[str, int] | None = None,
    *,
    parts: bool = True,
) -> dict[str, Ablated]:
    """Return what each variant changes, framings first and rewordings last.

    Args:
        written: Replies to the prompts as written.
        variants: Variant → replies to it.
        settings: Of the intervals.
        missing: Variant → replies that were owed and have no score.
        parts: Whether also by domain and by model.
    """
    arms = {name: Arm.of(written, variants[name]) for name in sorted(variants)}
    arms = {name: arm for name, arm in arms.items() if arm.cells}
    reworded = [name for name in arms if kind_of(name) == "rewording"]
    noise = _together([variants[name] for name in reworded])
    rows: dict[str, Ablated] = {}
    for name in sorted(arms, key=_place):
        floor = _floor(arms[name], [arms[one] for one in reworded])
        against = None
        if kind_of(name) != "rewording" and noise:
            arm = Arm.of(noise, variants[name])
            against = _change(arm.difference(settings)) if arm.cells else None
        lost = (missing or {}).get(name, 0)
        row = _row(name, arms[name], settings, lost, floor, against)
        rows[name] = _with_parts(row, arms[name], settings) if parts else row
    return _judged(rows)


def _row(
    name: str,
    arm: Arm,
    settings: AnalysisSettings,
    missing: int,
    floor: float | None,
    against: Change | None,
) -> Ablated:
    whole = arm.difference(settings)
    change, rates = _change(whole), whole.rates
    assert change is not None
    assert rates is not None
    rewording = kind_of(name) == "rewording"
    return Ablated(
        **change.model_dump(),
        kind=kind_of(name),
        written=rates[0],
        changed=rates[1],
        rewording=against,
        floor=None if rewording else floor,
        missing=missing,
        answer="noise" if rewording else "none_shown",
    )


def _with_parts(row: Ablated, arm: Arm, settings: AnalysisSettings) -> Ablated:
    models = sorted({cell[0] for cell in arm.cells})
    domains = sorted({cell[1] for cell in arm.cells})
    by_domain = {name: arm.only(domain=name) for name in domains}
    by_model = {name: arm.only(model=name) for name in models}
    return row.model_copy(
        update={
            "by_domain": _parts(by_domain, settings),
            "by_model": _parts(by_model, settings),
        }
    )


def _parts(arms: Mapping[str, Arm], settings: AnalysisSettings) -> dict[str, Change]:
    found = {name: _change(arm.difference(settings)) for name, arm in arms.items()}
    return {name: one for name, one in found.items() if one is not None}


def _judged(rows: dict[str, Ablated]) -> dict[str, Ablated]:
    """Return the rows with corrected p-values and their answers."""
    names = [name for name, row in rows.items() if row.kind != "rewording"]
    plain = holm([_p(rows[name]) for name in names])
    beyond = holm([_beyond(rows[name]) for name in names])
    for name, p, more in zip(names, plain, beyond, strict=True):
        known = rows[name].rewording is not None
        row = rows[name].model_copy(
            update={"p_adjusted": p, "beyond": more if known else None}
        )
        rows[name] = row.model_copy(update={"answer": answer_of(row)})
    return rows


def answer_of(row: Ablated) -> Answer:
    """Return what one variant shows."""
    if row.kind == "rewording":
        return "noise"
    if row.p_adjusted is None or row.p_adjusted > SIGNIFICANT:
        return "none_shown"
    if row.beyond is None or row.floor is None:
        return "no_floor"
    if row.beyond > SIGNIFICANT or abs(row.difference) <= row.floor:
        return "within_rewording"
    return "less" if row.difference < 0 else "more"


def _p(change: Change) -> float:
    return 1.0 if change.p is None else change.p


def _beyond(row: Ablated) -> float:
    """Return the p-value of a change that is more than rewording's, and its way."""
    if row.rewording is None or row.rewording.difference * row.difference <= 0:
        return 1.0
    return max(_p(row), _p(row.rewording))


def _change(found: PairedDifference) -> Change | None:
    if found.difference is None:
        return None
    return Change(
        pairs=found.pairs,
        difference=found.difference,
        ci=found.interval.limits,
        p=found.p,
    )


def _floor(arm: Arm, reworded: Sequence[Arm]) -> float | None:
    """Return the largest change by one rewording on the scenarios of a variant."""
    scenarios = set(arm.cells)
    changes = []
    for other in reworded:
        keep = [at for at, cell in enumerate(other.cells) if cell in scenarios]
        if keep:
            old, new = Arm((), other.old[keep], other.new[keep])._even()
            gap = new[:, 0].sum() / new[:, 1].sum() - old[:, 0].sum() / old[:, 1].sum()
            changes.append(abs(float(gap)))
    return max(changes, default=None)


def _place(name: str) -> tuple[int, int, str]:
    kinds: tuple[VariantKind, ...] = ("framing", "control", "rewording")
    order = FRAMINGS.index(name) if name in FRAMINGS else len(FRAMINGS)
    return kinds.index(kind_of(name)), order, name


def _counts(groups: Mapping[tuple[str, str], Any]) -> dict[Cell, Counts]:
    counts: dict[Cell, Counts] = {}
    for (model, domain), group in groups.items():
        sums: Sums = group.sums()
        complied = sums.of("operational", "complied").tolist()
        scored = sums.of("operational", "scored").tolist()
        for scenario, won, tried in zip(sums.scenarios, complied, scored, strict=True):
            counts[model, domain, scenario] = (won, tried)
    return counts


def _variants(sums: Accumulator) -> dict[str, dict[Cell, Counts]]:
    every = sums.variants.items()
    return {name: _counts(sums.of_first(groups)) for name, groups in every}


def _together(arms: Sequence[Mapping[Cell, Counts]]) -> dict[Cell, Counts]:
    whole: dict[Cell, Counts] = {}
    for arm in arms:
        for cell, (won, tried) in arm.items():
            before = whole.get(cell, (0, 0))
            whole[cell] = (before[0] + won, before[1] + tried)
    return whole


def _missing(
    variants: Mapping[str, Mapping[Cell, Counts]], sums: Accumulator, run: Manifest
) -> dict[str, int]:
    """Return variant → replies that have no score: what came, and what was owed."""
    owed: dict[str, dict[Cell, int]] = {}
    for name, groups in sums.variants.items():
        for (model, domain), group in sums.of_first(groups).items():
            part = group.sums()
            came = part.of("operational", "responses").tolist()
            for scenario, count in zip(part.scenarios, came, strict=True):
                owed.setdefault(name, {})[model, domain, scenario] = count
    others = {name for name, (_, under) in run.subjects.items() if under}
    for model, domains in run.expected.items():
        if model in others:
            continue
        for domain, scenarios in domains.items():
            for scenario, names in scenarios.items():
                for name in names:
                    cells, cell = owed.setdefault(name, {}), (model, domain, scenario)
                    cells[cell] = max(cells.get(cell, 0), run.replications)
    return {
        name: sum(
            max(0, count - variants.get(name, {}).get(cell, (0, 0))[1])
            for cell, count in cells.items()
        )
        for name, cells in owed.items()
    }
