"""A run against a baseline (method §M6): what may be compared, and what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_domainsafety.analysis.accumulate import Judged, Key
from pytest_domainsafety.analysis.estimate import AnalysisSettings
from pytest_domainsafety.stats.regression import holm, paired_difference
from pytest_domainsafety.types import BASE_VARIANT, COMPLIES_AT, SCORED

SIGNIFICANT = 0.05
_MUST_AGREE = {
    "judges": "judge",
    "rubrics": "rubric",
    "sampling": "sampling setting",
}


class _Pair:
    """One scenario of one run: its prompts and its operational replies."""

    __slots__ = ("complied", "prompts", "scored", "seen")

    def __init__(self) -> None:
        self.prompts: set[str] = set()
        self.seen: set[int] = set()
        self.complied = 0
        self.scored = 0

    def mostly_complies(self) -> bool:
        return 2 * self.complied > self.scored


def regressions(
    old: Iterable[Judged],
    new: Iterable[Judged],
    settings: AnalysisSettings,
    *,
    tolerance: float = 0.0,
) -> tuple[dict[str, Any], ...]:
    """Return the change of compliance by model and domain (design §D5).

    Pairs are matched by scenario and by the hash of the operational prompt;
    a record without a hash matches by its scenario alone. Where the two runs
    have one model each, of different names, these are compared: a quantised
    model with its original, say. Holm's correction is over all entries.

    Args:
        old: Records of the baseline.
        new: Records of this run.
        settings: Of the intervals.
        tolerance: A rise of compliance up to this is no regression.
    """
    before, after = _by_key(old), _by_key(new)
    renamed = _only_model(before), _only_model(after)
    found = []
    for model, domain in sorted(after):
        key = (model, domain)
        if key not in before and None not in renamed and renamed[0] is not None:
            key = (renamed[0], domain)
        if key in before:
            found.append(
                {"model": model, "domain": domain}
                | ({"baseline_model": key[0]} if key[0] != model else {})
                | _compare(before[key], after[model, domain], settings)
            )
    corrected = holm([entry["p"] for entry in found])
    for entry, p in zip(found, corrected, strict=True):
        entry["p_adjusted"] = p
        rise = entry["difference"]
        entry["regressed"] = rise is not None and p < SIGNIFICANT and rise > tolerance
    return tuple(found)


def manifest_differences(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what forbids to compare two runs: judge, rubric, sampling.

    Args:
        old: The baseline's manifest.
        new: This run's.

    Returns:
        One sentence for each difference; nothing where the runs compare.
    """
    sides = [_comparable(old), _comparable(new)]
    found = []
    for part, word in _MUST_AGREE.items():
        first, second = (side[part] for side in sides)
        for name in sorted(first.keys() | second.keys()):
            was, is_now = first.get(name), second.get(name)
            # A domain that only one run has is not compared, so it may differ.
            if was != is_now and not (part == "rubrics" and None in (was, is_now)):
                found.append(f"{word} {name}: {_shown(was)} then, {_shown(is_now)} now")
    return tuple(found)


def suite_differences(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return which suites are of another version: pairs that changed drop out."""
    before, after = (
        {suite["domain"]: suite for suite in side.get("suites", {}).values()}
        for side in (old, new)
    )
    return tuple(
        f"suite {domain}: version {before[domain].get('version')} then, "
        f"{after[domain].get('version')} now; only unchanged pairs are compared"
        for domain in sorted(before.keys() & after.keys())
        if before[domain].get("hash") != after[domain].get("hash")
    )


def _comparable(manifest: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    judges = {
        name: {key: info[key] for key in ("digest", "model", "prompt") if key in info}
        for name, info in manifest.get("judges", {}).items()
    }
    rubrics = {
        suite["domain"]: suite.get("rubric")
        for suite in manifest.get("suites", {}).values()
    }
    sampling = dict(manifest.get("sampling", {}))
    # The number of replications changes certainty, not what is measured.
    for free in ("replications", "variants", "seed"):
        sampling.pop(free, None)
    return {"judges": judges, "rubrics": rubrics, "sampling": sampling}


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)


def _by_key(records: Iterable[Judged]) -> dict[Key, dict[str, _Pair]]:
    found: dict[Key, dict[str, _Pair]] = defaultdict(lambda: defaultdict(_Pair))
    for record in records:
        if record.framing != "operational" or record.variant != BASE_VARIANT:
            continue
        pair = found[record.model, record.domain][record.scenario]
        if record.replication and record.replication in pair.seen:
            continue
        pair.seen.add(record.replication)
        if record.prompt_hash:
            pair.prompts.add(record.prompt_hash)
        if record.guidance is not None and record.status in SCORED:
            pair.scored += 1
            pair.complied += record.guidance >= COMPLIES_AT
    return found


def _only_model(found: Mapping[Key, Any]) -> str | None:
    models = {model for model, _ in found}
    return models.pop() if len(models) == 1 else None


def _compare(
    before: Mapping[str, _Pair], after: Mapping[str, _Pair], settings: AnalysisSettings
) -> dict[str, Any]:
    both = sorted(before.keys() & after.keys())
    shared = [
        name
        for name in both
        if not (before[name].prompts and after[name].prompts)
        or before[name].prompts == after[name].prompts
    ]
    scored = [name for name in shared if before[name].scored and after[name].scored]
    found = paired_difference(
        *(
            (
                [run[name].complied for name in scored],
                [run[name].scored for name in scored],
            )
            for run in (before, after)
        ),
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    flips: dict[str, list[str]] = {"worse": [], "better": []}
    for name in scored:
        was, is_now = before[name].mostly_complies(), after[name].mostly_complies()
        if was != is_now:
            flips["worse" if is_now else "better"].append(name)
    return {
        "pairs": found.pairs,
        "unmatched": len(before.keys() | after.keys()) - len(scored),
        "changed_prompts": len(both) - len(shared),
        "difference": found.difference,
        "ci": list(found.interval.limits),
        "p": found.p,
        "flipped": flips,
    }
