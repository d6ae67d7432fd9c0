"""A run against a baseline (method §M6): what may be compared with what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from pytest_domainsafety.analysis.accumulate import Accumulator, Key
from pytest_domainsafety.analysis.estimate import pair_counts
from pytest_domainsafety.types import (
    Manifest,
    ModelEntry,
    PairCounts,
    Results,
    SuiteEntry,
)
from pytest_domainsafety.types.rows import Judged

_OF_A_JUDGE = ("digest", "model", "prompt", "fingerprint")
"""Keys of a judge's entry that decide its scores; the others may differ."""
_MUST_AGREE = {
    "judges": "judge",
    "rubrics": "rubric",
    "sampling": "sampling setting",
}
"""What two manifests must agree on → its word in a sentence."""

_OF_A_MODEL = {
    "family": "family",
    "parameters": "number of parameters",
    "template_hash": "chat template",
    "system_prompt_hash": "built-in system prompt",
}
"""What else of a model would decide its replies → its word in a sentence."""

Counts = Mapping[Key, Mapping[str, PairCounts]]
"""(model, domain) → scenario → its operational replies."""


def counts_of(records: Iterable[Judged]) -> Counts:
    """Return the operational counts of records, in memory that grows with pairs."""
    return counts_of_sums(Accumulator(records))


def counts_of_sums(sums: Accumulator) -> Counts:
    """Return the operational counts of records that are added up already."""
    return {key: pair_counts(group.sums()) for key, group in sums.groups.items()}


def counts_in(results: Results) -> Counts:
    """Return the operational counts that results hold."""
    return {(domain.model, domain.domain): domain.by_pair for domain in results.domains}


def partners_of(old: Counts, new: Counts) -> dict[Key, str]:
    """Return (model, domain) of each entry → the baseline's model.

    A model of the baseline that this run was not to ask has none.
    """
    models = {model for model, _ in new}
    renamed = _only_model(old), _only_model(new)
    partners = {(model, domain): model for model, domain in old if model in models}
    if renamed[0] is not None and renamed[1] is not None:
        partners |= {(renamed[1], domain): renamed[0] for _, domain in old}
    return partners


def _only_model(counts: Counts) -> str | None:
    models = {model for model, _ in counts}
    return models.pop() if len(models) == 1 else None


def part_of(counts: Counts, expected: Mapping[str, Collection[str]]) -> Counts:
    """Return the counts of what a part of the suites is to be compared with.

    Args:
        counts: Of a baseline.
        expected: Domain → scenarios that the part was to ask.
    """
    return {
        (model, domain): {
            name: pair for name, pair in pairs.items() if name in expected[domain]
        }
        for (model, domain), pairs in counts.items()
        if domain in expected
    }


def manifest_differences(old: Manifest, new: Manifest) -> tuple[str, ...]:
    """Return what forbids to compare two runs: judge, rubric, sampling.

    Args:
        old: The baseline's manifest.
        new: This run's.

    Returns:
        One sentence for each difference; nothing where the runs compare.
    """
    sides = [_comparable(old), _comparable(new)]
    differences = []
    for part, word in _MUST_AGREE.items():
        first, second = (side[part] for side in sides)
        for name in sorted(first.keys() | second.keys()):
            was, is_now = first.get(name), second.get(name)
            # A domain that only one run has is not compared, so it may differ; before
            # there were protocols none was written.
            free = part == "rubrics" or name == "protocol"
            if was != is_now and not (free and None in (was, is_now)):
                differences.append(
                    f"{word} {name}: {_shown(was)} then, {_shown(is_now)} now"
                )
    return tuple(differences)


def adapted_differences(
    old: Mapping[str, Sequence[str]], new: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return what the servers of only one of two runs would not take.

    Args:
        old: Model or judge → parts of requests, of the earlier run's manifest.
        new: Of the later run.
    """

    def left(words: Sequence[str]) -> str:
        return ", ".join(sorted(word for word in words if " as " not in word))

    return tuple(
        f"{name}: asked without {was or 'leaving anything out'} then, without "
        f"{is_now or 'leaving anything out'} now"
        for name in sorted(old.keys() | new.keys())
        if (was := left(old.get(name, ()))) != (is_now := left(new.get(name, ())))
    )


def suite_differences(old: Manifest, new: Manifest) -> tuple[str, ...]:
    """Return which suites are of another version: pairs that changed drop out."""
    before, after = (
        {suite.domain: suite for suite in manifest.suites.values()}
        for manifest in (old, new)
    )
    return tuple(
        f"suite {domain}: {_versions(before[domain], after[domain])}; only unchanged "
        "pairs are compared"
        for domain in sorted(before.keys() & after.keys())
        if before[domain].hash != after[domain].hash
    )


def model_differences(
    old: Manifest, new: Manifest, partners: Mapping[Key, str]
) -> tuple[str, ...]:
    """Return of each model whether it differs from its partner in quantisation only.

    Args:
        old: The earlier run's.
        new: The later one's.
        partners: (model, domain) of the later run → the earlier one's model.
    """
    sentences = []
    for now, then in sorted({(model, then) for (model, _), then in partners.items()}):
        sides = old.entry_of(then), new.entry_of(now)
        if None not in sides and (text := _quantised(*sides)):  # type: ignore[arg-type]
            names = then if then == now else f"{then} and {now}"
            sentences.append(f"{names}: {text}")
    return tuple(sentences)


def prompt_differences(
    old: Manifest, new: Manifest, partners: Mapping[Key, str]
) -> tuple[str, ...]:
    """Return of each model whether it was told otherwise than its partner.

    Args:
        old: The earlier run's.
        new: The later one's.
        partners: (model, domain) of the later run → the earlier one's model.
    """
    if not (old.known and new.known):
        return ()
    pairs = sorted({(model, then) for (model, _), then in partners.items()})
    return tuple(
        f"{now}: told another system prompt then, so a change may be the prompt's"
        for now, then in pairs
        if old.prompt_of(then) != new.prompt_of(now)
    )


def _quantised(old: ModelEntry, new: ModelEntry) -> str:
    """Say how two models differ, where both say how they are quantised, and not alike.

    Nothing else of the weights can be compared; their digests differ in any case.
    """
    was, is_now = old.quantisation, new.quantisation
    if not (was and is_now) or was == is_now:
        return ""
    others = [
        word
        for name, word in _OF_A_MODEL.items()
        if getattr(old, name) != getattr(new, name)
    ]
    unknown = [
        word
        for name, word in _OF_A_MODEL.items()
        if getattr(old, name) is None and name != "system_prompt_hash"  # it has none
    ]
    change = f"quantised as {was} then, {is_now} now"
    if others:
        return f"{change}, and they differ in more: {', '.join(others)}"
    if unknown:
        return f"{change}; {', '.join(unknown)}: not known of either"
    return (
        f"they differ in quantisation only ({was} then, {is_now} now), as far as is "
        "known of them"
    )


def _versions(old: SuiteEntry, new: SuiteEntry) -> str:
    if old.version == new.version:
        return "changed under the same version"
    return f"version {old.version or '–'} then, {new.version or '–'} now"


def _comparable(manifest: Manifest) -> dict[str, Mapping[str, Any]]:
    judges = {
        name: {
            key: getattr(info, key)
            for key in _OF_A_JUDGE
            if key in info.model_fields_set
        }
        for name, info in manifest.judges.items()
    }
    if manifest.cascade is not None:
        cuts = manifest.cascade.low, manifest.cascade.high
        judges["their cascade"] = {"cuts": cuts}
    rubrics = {suite.domain: suite.rubric or None for suite in manifest.suites.values()}
    sampling = {"framings": "both", **manifest.sampling.as_json()}
    # The number of replications changes certainty, not what is measured; a system
    # prompt is what one may want to compare.
    for free in ("replications", "variants", "benign", "seed", "system_prompt"):
        sampling.pop(free, None)
    if manifest.filter_words:  # which decide what counts as a refusal
        sampling["filter words"] = manifest.filter_words
    return {"judges": judges, "rubrics": rubrics, "sampling": sampling}


def _shown(value: Any) -> str:
    return "absent" if value is None else str(value)
