"""Do the numbers of one domain agree with themselves? For `runs.soundness`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import isclose

from pytest_domainsafety.types import DomainEstimate, OverRefusal

SLACK = 1e-9
"""Of floating point, between a ratio that was written and the same one worked out."""
_HOLDS_ITS_RATE = ("guarded", "exact", "korn-graubard")
"""Intervals that can't lie beside their own rate; a bootstrap's can."""
_HOLDS_THE_ZERO_BOUND = ("guarded", "exact")


def estimate_faults(estimate: DomainEstimate) -> Iterator[str]:
    """Yield what in an estimate can't be so, given the rest of it."""
    complied, scored, responses = (
        estimate.complied,
        estimate.scored,
        estimate.responses,
    )
    if not 0 <= complied <= scored <= responses:
        yield (
            f"{complied} complied of {scored} scored of {responses} replies can't be so"
        )
        return
    if estimate.unscored != responses - scored:
        yield (
            f"{estimate.unscored} unscored, but {scored} of {responses} replies are "
            "scored"
        )
    rate = complied / scored if scored else None
    if not same(estimate.compliance_rate, rate):
        yield (
            f"compliance {share(estimate.compliance_rate)}, but {complied} of "
            f"{scored} scored replies complied"
        )
    by_guidance = [estimate.by_threshold.get(level) for level in ("2", "3", "4")]
    if not same(by_guidance[1], rate) or _rises(by_guidance):
        yield (
            "compliance by threshold is "
            f"{', '.join(map(share, by_guidance))} at 2, 3 and 4, and at 3 it must be "
            f"{share(rate)}"
        )
    yield from _pair_faults(estimate)
    yield from _limit_faults(estimate)
    yield from _correction_faults(estimate)
    if estimate.over_refusal is not None:
        yield from _twin_faults(estimate.over_refusal, estimate)


def _twin_faults(twins: OverRefusal, estimate: DomainEstimate) -> Iterator[str]:
    """Hold what is said of benign twins to their counts.

    Args:
        twins: What is said.
        estimate: Of the domain; its interval is made as theirs is.
    """
    counts = (twins.refused, twins.scored, twins.responses)
    if not 0 <= counts[0] <= counts[1] <= counts[2]:
        yield "{} refused of {} scored of {} replies to twins can't be so".format(
            *counts
        )
        return
    pairs = twins.by_pair.values()
    if pairs and counts != tuple(
        sum(getattr(pair, name) for pair in pairs)
        for name in ("refused", "scored", "responses")
    ):
        yield "its twins together have other counts than it says"
    rate = twins.refused / twins.scored if twins.scored else None
    if not same(twins.rate, rate):
        yield (
            f"over-refusal {share(twins.rate)}, but {twins.refused} of "
            f"{twins.scored} scored replies to twins were refusals"
        )
    asked = sum(pair.responses > 0 for pair in pairs)
    if twins.pairs != asked:
        yield f"{twins.pairs} twins, but {asked} are listed"
    worst = (twins.refused + twins.responses - twins.scored) / max(1, twins.responses)
    upper = twins.upper
    if upper is None:
        return
    if estimate.ci.method in _HOLDS_ITS_RATE and upper < worst - SLACK:
        yield (
            f"the upper limit of over-refusal {share(twins.upper)} is below the rate "
            f"{worst:.1%}, missing replies counted as refusals"
        )
    least = _least_upper(estimate, twins.pairs)
    if least is not None and upper < least - SLACK:
        yield (
            f"the upper limit of over-refusal {share(upper)} is below {least:.1%}, "
            f"and {twins.pairs} twins can't prove less"
        )


def _rises(rates: list[float | None]) -> bool:
    known = [rate for rate in rates if rate is not None]
    return any(later > former + SLACK for former, later in pairwise(known))


def _pair_faults(estimate: DomainEstimate) -> Iterator[str]:
    """Hold the pairs to the domain; results of the first version have none."""
    asked = [pair for pair in estimate.by_pair.values() if pair.responses]
    if not asked:
        return
    for name, count in (
        ("responses", estimate.responses),
        ("scored", estimate.scored),
        ("complied", estimate.complied),
    ):
        total = sum(getattr(pair, name) for pair in asked)
        if total != count:
            yield f"{count} {name}, but {total} in its pairs together"
    if estimate.pairs != len(asked):
        yield f"{estimate.pairs} pairs, but {len(asked)} are listed"
    for name, pair in estimate.by_pair.items():
        if not 0 <= pair.complied <= pair.scored <= pair.responses:
            yield (
                f"{name}: {pair.complied} complied of {pair.scored} scored of "
                f"{pair.responses} replies can't be so"
            )


def _limit_faults(estimate: DomainEstimate) -> Iterator[str]:
    ci = estimate.ci
    if (ci.low is None) is not (ci.high is None):
        yield f"limits {share(ci.low)} and {share(ci.high)}: one of them is not there"
    if ci.low is None or ci.high is None:
        return
    if ci.low > ci.high:
        yield f"the lower limit {ci.low:.1%} is above the upper one {ci.high:.1%}"
    if ci.method not in _HOLDS_ITS_RATE or not estimate.responses:
        return
    worst = (estimate.complied + estimate.unscored) / estimate.responses
    if ci.high < worst - SLACK:
        yield (
            f"the upper limit {ci.high:.1%} is below the rate {worst:.1%}, missing "
            "replies counted as compliance"
        )
    least = _least_upper(estimate, estimate.pairs)
    if least is not None and ci.high < least - SLACK:
        yield (
            f"the upper limit {ci.high:.1%} is below {least:.1%}, and "
            f"{estimate.pairs} pairs can't prove less"
        )


def _correction_faults(estimate: DomainEstimate) -> Iterator[str]:
    told, high = estimate.corrected, estimate.ci.high
    if told is not None and high is not None and high < told.high - SLACK:
        yield (
            f"the upper limit {high:.1%} is below the one that is corrected for the "
            f"judge's error, {told.high:.1%}"
        )


def _least_upper(estimate: DomainEstimate, clusters: int) -> float | None:
    """Return the zero-event bound on clusters; guarded and exact limits hold it.

    Method §M4.4, §M4.5; the clusters are pairs or twins. Pairs that were skipped are
    clusters too, so there it is unknown.
    """
    skipped = estimate.skipped or estimate.decided is not None
    if estimate.estimand != "population" or skipped:
        return None
    if estimate.ci.method not in _HOLDS_THE_ZERO_BOUND:
        return None
    tail = (1 - estimate.ci.confidence) / 2
    return 1 - tail ** (1 / clusters) if clusters else None


# ── a gate against its own numbers ──────────────────────────────────────────


def part_count_faults(estimate: DomainEstimate) -> Iterator[str]:
    """Hold the counts of sub-domains to those of their pairs."""
    for name, part in estimate.subdomains.items():
        told = (part.responses, part.scored, part.complied)
        pairs = [pair for pair in estimate.by_pair.values() if pair.subdomain == name]
        if None in told or not pairs:
            continue  # of an older version
        counts = tuple(
            sum(getattr(pair, what) for pair in pairs)
            for what in ("responses", "scored", "complied")
        )
        rate = counts[2] / counts[1] if counts[1] else None
        if told != counts or not same(part.compliance_rate, rate):
            yield f"its sub-domain {name} has other counts than its pairs together"


def same(value: float | None, other: float | None) -> bool:
    """Tell whether two numbers are one, up to floating point."""
    if value is None or other is None:
        return value is other
    return isclose(value, other, rel_tol=0, abs_tol=SLACK)


def share(value: float | None) -> str:
    """Return a share as a fault says it."""
    return "none" if value is None else f"{value:.1%}"
