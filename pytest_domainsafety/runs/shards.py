"""Several stores of one divided run, taken together (`domainsafety analyze A B …`).

Each shard ran some of the scenario pairs into a store of its own. What they
share (judge, rubric, sampling) must agree; a pair that none of them ran is
missing, and missing is never a pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_domainsafety.analysis import manifest_differences
from pytest_domainsafety.analysis.cascade import first_step_limits
from pytest_domainsafety.analysis.estimate import Stopped
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.engine.tally import Bill, add_bills
from pytest_domainsafety.errors import SourceError
from pytest_domainsafety.runs.sources import (
    Source,
    load_manifest,
    own_results,
    policy_of,
    stopped_of,
)
from pytest_domainsafety.suite.thresholds import strictest
from pytest_domainsafety.types import (
    CascadeEntry,
    Cost,
    Manifest,
    Results,
    RetoldCounts,
    RetoldEntry,
    SubdomainThreshold,
)
from pytest_domainsafety.types.asked import SamplingEntry
from pytest_domainsafety.types.pair_facts import PairFacts

_UNITED = ("models", "judges", "suites")
_COUNTED = (
    *("requests", "retries", "from_store", "tokens_in", "tokens_out"),
    *("tokens_cached", "estimated"),
)
_OF_ALL = (
    *("sampling", "conditions", "interval", "holm", "filter_words", "versions"),
    *_UNITED,
)
_WORST_LEAK = (False, None, True)
"""Whether a canary was continued: not, unknown, yes."""
_Key = tuple[str, str]


def joint_manifest(sources: Sequence[Source]) -> tuple[Manifest, list[str]]:
    """Return one manifest for several shards.

    Returns:
        The manifest, empty where a source has none or two do not belong together;
        and a sentence for each reason why they do not.
    """
    manifests = [load_manifest(source) for source in sources]
    if len(manifests) == 1:
        return manifests[0], []
    if not all(manifest.known for manifest in manifests):
        return Manifest(), []
    first = manifests[0]
    reasons = [
        f"{source} is not of one run with {sources[0]}: {reason}"
        for source, other in zip(sources[1:], manifests[1:], strict=True)
        for reason in (
            *_digests(first, other),
            *_prompts(first, other),
            *manifest_differences(first, other),
        )
    ]
    return (Manifest(), reasons) if reasons else (_joined(manifests), [])


def joint_looks(sources: Sequence[Source]) -> dict[_Key, Stopped]:
    """Return the gates that shards looked at, each in the one that had all of it.

    Raises:
        SourceError: Several shards had pairs of a domain that one looked at: looks at
            parts of it make no look at the whole.
    """
    own = [own_results(source) for source in sources]
    looked: dict[_Key, Stopped] = {}
    for source, results in zip(sources, own, strict=True):
        for key, gate in stopped_of(results).items():
            model, domain = key
            others = [
                str(other)
                for other, theirs in zip(sources, own, strict=True)
                if other is not source and _asked_of(other, theirs, results, key)
            ]
            if gate.plan is not None and others:
                raise SourceError(
                    f"{source} and {', '.join(others)}: each had pairs of {domain} on "
                    f"{model}, and one looked at its own before all were asked "
                    "(--safety-stop): such parts make no whole; give each domain to "
                    "one shard, or run without --safety-stop"
                )
            if gate.plan is not None:
                looked[key] = gate
    return looked


def _asked_of(
    source: Source, theirs: Results | None, results: Results | None, key: _Key
) -> bool:
    """Whether another run than that of some results asked pairs of a gate."""
    if theirs is not None and results is not None and theirs.run.run == results.run.run:
        return False
    return key[1] in load_manifest(source).expected.get(key[0], {})


def _digests(first: Manifest, other: Manifest) -> Iterator[str]:
    for name in sorted(first.models.keys() & other.models.keys()):
        if first.digest_of(name) != other.digest_of(name):
            yield f"model {name}: other weights under the same name"


def _prompts(first: Manifest, other: Manifest) -> Iterator[str]:
    """Say where models were told something else: parts of a run were told the same."""
    told = [
        (
            manifest.sampling.system_prompt,
            [(entry.name, entry.hash) for entry in manifest.conditions[1:]],
        )
        for manifest in (first, other)
    ]
    if told[0] != told[1]:
        yield "other system prompts"


def _joined(manifests: Sequence[Manifest]) -> Manifest:
    first = manifests[0].as_json()
    joined = {name: first[name] for name in _OF_ALL if name in first}
    for part in _UNITED:
        joined[part] = {
            name: info
            for manifest in manifests
            for name, info in getattr(manifest, part).items()
        }
    joined["run"] = manifests[0].run
    joined["shards"] = list(dict.fromkeys(manifest.run for manifest in manifests))
    missed = (sentence for manifest in manifests for sentence in manifest.unmeasured)
    joined["unmeasured"] = list(dict.fromkeys(missed))
    for part in ("served", "adapted", "marks"):
        words: dict[str, dict[str, None]] = {}
        for manifest in manifests:
            for model, noted in getattr(manifest, part).items():
                words.setdefault(model, {}).update(dict.fromkeys(noted))
        if words:
            joined[part] = {model: list(noted) for model, noted in words.items()}
    labels = next((told.labels for told in manifests if told.labels), None)
    if labels is not None:  # what they tell is of all replies together: read anew
        joined["labels"] = labels.told_nothing().as_json()
    if retold := _retold(manifests):
        joined["retold"] = retold.as_json()
    cascades = [told.cascade for told in manifests if told.cascade is not None]
    if cascades:  # of equal cuts, or they do not compare: the one that errs the most
        joined["cascade"] = max(cascades, key=_worst_error).as_json()
    if budgets := _budgets(manifests):
        joined["budget"] = budgets
    joined |= _facts(manifests)
    if leaks := _leaks(manifests):
        joined["leaks"] = leaks
    if looks := [entry for one in manifests for entry in one.stopped if entry.plan]:
        joined["stopped"] = [entry.as_json() for entry in looks]
        orders: dict[str, dict[str, tuple[str, ...]]] = {}
        for manifest in manifests:
            for model, domains in manifest.looks.items():
                orders.setdefault(model, {}).update(domains)
        joined["looks"] = orders
    joined["started"] = min(manifest.started for manifest in manifests)
    return Manifest.model_validate(joined)


def _worst_error(cascade: CascadeEntry) -> float:
    return sum(first_step_limits(cascade, 0.95))


def _facts(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return what the suites of all shards say of their pairs."""
    facts = PairFacts()
    for manifest in manifests:
        for domain, frames in manifest.law.items():
            for frame, levels in frames.items():
                for firmness, ids in levels.items():
                    facts.add_law(domain, frame, firmness, ids)
        for domain, marked in manifest.core.items():
            facts.add_core(domain, marked)
        for domain, names in manifest.families.items():
            for family, ids in names.items():
                facts.add_family(domain, family, ids)
    return facts.as_manifest()


def _retold(manifests: Sequence[Manifest]) -> RetoldEntry | None:
    """Return what the judges of all shards said in other words, put together.

    What one of them was not asked, or was asked in words of another version, is left,
    as is a pair of which two of them say different things: nothing passes by it.
    """
    entries = [one.retold for one in manifests if one.retold is not None]
    if not entries:
        return None
    first = entries[0]
    told: dict[str, dict[str, dict[str, dict[str, RetoldCounts]]]] = {}
    twice: list[tuple[dict[str, RetoldCounts], str]] = []
    for entry in entries:
        if entry.version != first.version:
            continue
        for model, domains in entry.replies.items():
            for domain, ways in domains.items():
                for name, pairs in ways.items():
                    by_way = told.setdefault(model, {}).setdefault(domain, {})
                    known = by_way.setdefault(name, {})
                    for pair, counts in pairs.items():
                        if known.setdefault(pair, counts) != counts:
                            twice.append((known, pair))
    for known, pair in twice:
        known.pop(pair, None)
    return RetoldEntry(
        version=first.version,
        names=tuple(dict.fromkeys(name for one in entries for name in one.names)),
        left_out=first.left_out,
        gate=any(entry.gate for entry in entries),
        asked=sum(entry.asked for entry in entries),
        saved=sum(entry.saved for entry in entries),
        fault=next((entry.fault for entry in entries if entry.fault), ""),
        replies=told,
    )


def _leaks(manifests: Sequence[Manifest]) -> dict[str, dict[str, bool | None]]:
    """Return what is known of canaries: of two shards that differ, the worse."""
    leaks: dict[str, dict[str, bool | None]] = {}
    for manifest in manifests:
        for model, told in manifest.leaks.items():
            known = leaks.setdefault(model, {})
            for name, leaked in told.items():
                both = (leaked, known.get(name, leaked))
                known[name] = max(both, key=_WORST_LEAK.index)
    return leaks


def joint_owed(sources: Sequence[Source]) -> Manifest:
    """Return what all runs together set out to ask, as a manifest says it.

    Also of runs that do not belong together: what one of them owes is owed.
    """
    expected: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {}
    twins: dict[str, dict[str, None]] = {}
    replications, both = 0, False
    for manifest in map(load_manifest, sources):
        both = both or manifest.analytical
        for domain, names in manifest.twins.items():
            twins.setdefault(domain, {}).update(dict.fromkeys(names))
        for model, domains in manifest.expected.items():
            of_model = expected.setdefault(model, {})
            for domain, scenarios in domains.items():
                of_model.setdefault(domain, {}).update(scenarios)
            replications = max(replications, manifest.replications)
    framings = "both" if both else "operational"
    sampling = SamplingEntry(replications=replications, framings=framings)
    asked = {domain: tuple(names) for domain, names in twins.items()}
    return Manifest(expected=expected, sampling=sampling, twins=asked)


def lost_parts(sources: Sequence[Source]) -> dict[_Key, str]:
    """Return (model, domain) → which share of the pairs of its suites came, if not all.

    Only of several runs, and where nobody chose a part of them by keyword or marker.
    A shard none of whose suites is in another can't be missed here.
    """
    manifests = [load_manifest(source) for source in sources]
    chosen = [manifest.selection for manifest in manifests]
    if len(manifests) < 2 or any(part.keyword or part.markexpr for part in chosen):
        return {}
    files = {
        name: file for manifest in manifests for name, file in manifest.suites.items()
    }
    whole: Counter[str] = Counter()
    for file in files.values():
        whole[file.domain] += file.whole
    return {
        (model, domain): f"{len(scenarios)} of the {whole[domain]} pairs"
        for model, domains in joint_owed(sources).expected.items()
        for domain, scenarios in domains.items()
        if len(scenarios) < whole[domain]
    }


def _budgets(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return the shards' budgets as one; empty where none had any."""
    own = [manifest.budget for manifest in manifests if manifest.budget is not None]
    limits: Counter[str] = Counter()
    spent: Counter[str] = Counter()
    unasked: dict[str, Counter[str]] = {}
    for budget in own:
        limits.update(budget.limits)
        spent.update(budget.spent)
        for model, domains in budget.unasked.items():
            unasked.setdefault(model, Counter()).update(domains)
    if not own:
        return {}
    met = next((budget for budget in own if budget.met), own[0])
    return met.as_json() | {
        "limits": dict(limits),
        "spent": dict(spent),
        "unasked": unasked,
    }


def _bills(costs: Sequence[Cost]) -> dict[str, Any]:
    """Return what models and verdicts took in all shards, and what it cost."""
    by_model: dict[str, Bill] = {}
    by_domain: dict[str, dict[str, Bill]] = {}
    for cost in costs:
        add_bills(by_model, cost.by_model)
        for model, domains in cost.by_domain.items():
            add_bills(by_domain.setdefault(model, {}), domains)
    bills: dict[str, Any] = {"by_model": by_model, "by_domain": by_domain}
    paid = [cost.money for cost in costs if cost.money is not None]
    currencies = {cost.currency for cost in costs}
    if len(paid) == len(costs) and len(currencies) == 1:  # else nobody knows the sum
        bills |= {"money": sum(paid), "currency": costs[0].currency}
    return bills


def joint_cost(sources: Sequence[Source]) -> dict[str, Any]:
    """Return what all shards cost together; empty where one does not say."""
    own = [own_results(source) for source in sources]
    if None in own:
        return {}
    # A run that is named twice was asked once.
    runs = {
        results.run.run or str(place): results.run.cost
        for place, results in enumerate(own)
        if results is not None
    }
    costs = [cost for cost in runs.values() if cost]
    if len(costs) < len(runs):
        return {}
    counts = {name: sum(getattr(cost, name) for cost in costs) for name in _COUNTED}
    return counts | (_bills(costs) if costs else {})


def joint_policy(sources: Sequence[Source]) -> GatePolicy:
    """Return the thresholds by which the shards were judged, the strictest ones."""
    policies = [
        policy_of(own_results(source), load_manifest(source)) for source in sources
    ]
    limits = (item for policy in policies for item in policy.thresholds.items())
    least = (item for policy in policies for item in policy.min_engagements.items())
    most = (item for policy in policies for item in policy.max_over_refusals.items())
    return GatePolicy(
        thresholds=strictest(limits),
        min_engagements=strictest(least, max),
        max_over_refusals=strictest(most),
        subdomain=_strictest_part(policies),
        holm=any(policy.holm for policy in policies),
        allow_silence=bool(policies)
        and all(policy.allow_silence for policy in policies),
    )


def _strictest_part(policies: Sequence[GatePolicy]) -> SubdomainThreshold:
    """Return what the shards held sub-domains to, the strictest where they differ."""
    told = {policy.subdomain for policy in policies} - {"off"}
    shares = [part for part in told if isinstance(part, float | int)]
    if "domain" not in told:
        return min(shares, default="off" if policies else "domain")
    limits = [
        limit
        for policy in policies
        for limit in (policy.threshold, *policy.thresholds.values())
    ]
    least = min(shares, default=None)
    return least if least is not None and least < min(limits) else "domain"
