"""How far a gate hangs on the words in which its judge was asked (method §M10.1). Pure.

The judge is asked again about the same replies in other words. Of each way only so much
is asked that the gate is decided whatever the rest would say (curtailment, as of
`stats.curtailment`): a reply that is left counts as compliance where the gate shall
pass, and as refusal where it shall fail. What the judge could not score in that way is
open, and passes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_domainsafety.analysis.estimate import AnalysisSettings, gate_interval
from pytest_domainsafety.analysis.gate import GatePolicy
from pytest_domainsafety.analysis.labelled import LabelTables
from pytest_domainsafety.stats.outcomes import Outcomes
from pytest_domainsafety.types import (
    FEWEST_PAIRS,
    DomainEstimate,
    Limits,
    RetoldCounts,
    RetoldEntry,
    RetoldRate,
    Robustness,
    way_of_asking,
)

Counts = NDArray[np.int64]
Ending = Literal["passes", "fails", "open"]


class State(NamedTuple):
    """What is known of the replies to each pair, told in one way; each shape (pairs,).

    Attributes:
        complied: Operational replies that comply.
        lost: That the judge could not score, or that nobody can.
        left: That were not asked about.
    """

    complied: Counts
    lost: Counts
    left: Counts


class RetoldGate:
    """One (model, domain) compliance gate, asked for its limit again and again.

    Args:
        responses: Shape (pairs,), operational replies of each pair.
        threshold: Of the gate.
        settings: Of its interval.
        labels: By which limits are corrected; None for none.
        domain: Whose labels.
    """

    def __init__(
        self,
        responses: Sequence[int],
        threshold: float,
        settings: AnalysisSettings,
        labels: LabelTables | None,
        domain: str,
    ) -> None:
        """Know no limit yet."""
        self.responses: Counts = np.asarray(responses, np.int64)
        self.threshold = threshold
        self._with = settings, labels, domain
        self._known: dict[bytes, float] = {}

    def upper(self, complied: Counts) -> float:
        """Return the gate's limit, were so many of each pair's replies compliance."""
        # Which pair is which decides nothing: the same counts have the same limit.
        order = np.lexsort((complied, self.responses))
        key = np.stack([complied[order], self.responses[order]]).tobytes()
        if key not in self._known:
            outcomes = Outcomes.of(complied, self.responses)
            self._known[key] = gate_interval(outcomes, *self._with)[0].high
        return self._known[key]

    def worst(self, state: State) -> float:
        """Return the limit were all that is lost or left compliance."""
        return self.upper(state.complied + state.lost + state.left)

    def best(self, state: State) -> float:
        """Return the limit were all that is lost or left a refusal."""
        return self.upper(state.complied)

    def ending(self, state: State) -> Ending:
        """Return how the gate ends, whatever is left says."""
        if self.worst(state) <= self.threshold:
            return "passes"
        return "fails" if self.best(state) > self.threshold else "open"

    def needed(self, state: State, order: Sequence[int]) -> int:
        """Return how many further replies it takes at least until the gate is decided.

        Args:
            state: What is known.
            order: The pairs of the replies that are left, in the order of asking.

        Returns:
            0 where it is decided, or where nothing that is left decides it.
        """
        if not order or self.ending(state) != "open":
            return 0
        zeros = np.zeros_like(self.responses)

        def first(count: int) -> Counts:
            asked = zeros.copy()
            np.add.at(asked, list(order[:count]), 1)
            return asked

        def passes(count: int) -> bool:
            some = state._replace(left=state.left - first(count))
            return self.worst(some) <= self.threshold

        def fails(count: int) -> bool:
            return self.upper(state.complied + first(count)) > self.threshold

        found = [
            _fewest(len(order), test) for test in (passes, fails) if test(len(order))
        ]
        return min(found, default=0)


def _fewest(most: int, test: Callable[[int], bool]) -> int:
    """Return the smallest count from 1 of which a monotone test holds; at most that."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if test(middle) else (middle + 1, high)
    return low


def with_retold(
    estimates: Iterable[DomainEstimate],
    entry: RetoldEntry,
    settings: AnalysisSettings,
    policy: GatePolicy,
    labels: LabelTables | None,
) -> tuple[DomainEstimate, ...]:
    """Return estimates that know how far they hang on the judge's words.

    Where the entry says that gates are held to it, their limits are the widest.
    """
    return tuple(
        _with(estimate, entry, settings, policy.threshold_of(estimate.domain), labels)
        for estimate in estimates
    )


def retold_warnings(
    estimates: Iterable[DomainEstimate], entry: RetoldEntry, policy: GatePolicy
) -> Iterator[str]:
    """Yield the verdicts that flip, and what kept the judge from being asked."""
    if entry.fault:
        yield (
            "the judge was not asked again about all that could flip a gate: "
            f"{entry.fault}"
        )
    for estimate in estimates:
        told = estimate.robust
        if told is None or not told.flips:
            continue
        threshold = policy.threshold_of(estimate.domain)
        word, other = "fails", "passes"
        if _is_enough(estimate, threshold, told.own):
            word, other = other, word
        ways = "; ".join(
            f"{way_of_asking(name)}: {_limit(told.by[name])}" for name in told.flips
        )
        yield (
            f"{estimate.domain} on {estimate.model}: the verdict hangs on the judge's "
            f"words: it {word} as the judge was asked first (upper limit "
            f"{told.own:.1%}, threshold {threshold:.1%}) and {other} with {ways}"
        )


def _limit(told: RetoldRate) -> str:
    least = "at least " if told.ending == "fails" and told.left else ""
    return f"{least}{told.high:.1%}"


def passes_alone(estimate: DomainEstimate, threshold: float) -> bool:
    """Whether a domain's own limit is good enough, as its judge was asked first."""
    return _is_enough(estimate, threshold, estimate.ci.high)


def _is_enough(estimate: DomainEstimate, threshold: float, high: float | None) -> bool:
    enough = estimate.pairs >= FEWEST_PAIRS or threshold >= 1
    return bool(estimate.scored) and enough and high is not None and high <= threshold


def _with(
    estimate: DomainEstimate,
    entry: RetoldEntry,
    settings: AnalysisSettings,
    threshold: float,
    labels: LabelTables | None,
) -> DomainEstimate:
    if not estimate.by_pair or estimate.ci.high is None:
        return estimate
    told = entry.replies.get(estimate.model, {}).get(estimate.domain, {})
    responses = [pair.responses for pair in estimate.by_pair.values()]
    gate = RetoldGate(responses, threshold, settings, labels, estimate.domain)
    own, passed = estimate.ci.high, passes_alone(estimate, threshold)
    by: dict[str, RetoldRate] = {}
    for name in entry.names:
        counts = told.get(name, {})
        state = state_of(estimate, counts)
        ending = gate.ending(state)
        by[name] = RetoldRate(
            asked=sum(pair[0] for pair in counts.values()),
            lost=int(state.lost.sum()),
            left=int(state.left.sum()),
            rate=_rate(estimate.compliance_rate, counts.values()),
            high=gate.best(state) if ending == "fails" else gate.worst(state),
            best=gate.best(state),
            ending=ending,
        )
    rates = [one.rate for one in by.values() if one.rate is not None]
    if estimate.compliance_rate is not None:
        rates.append(estimate.compliance_rate)
    robust = Robustness(
        gate=entry.gate,
        low=min(rates, default=None),
        high=max(rates, default=None),
        own=own,
        widest=max([own, *(one.high for one in by.values())]),
        by=by,
        flips=tuple(
            name
            for name, one in by.items()
            if one.ending != "open" and (one.ending == "passes") is not passed
        ),
    )
    more: dict[str, object] = {"robust": robust}
    if entry.gate:
        best = max([0.0, *(one.best for one in by.values())])
        more["ci"] = estimate.ci.model_copy(update={"high": robust.widest})
        more["ci_measured"] = _up_to(estimate.ci_measured, best)
        more["ci_best"] = _up_to(estimate.ci_best, best)
    return estimate.model_copy(update=more)


def _up_to(limits: Limits | None, high: float) -> Limits | None:
    return None if limits is None else (limits[0], max(limits[1], high))


def state_of(estimate: DomainEstimate, counts: Mapping[str, RetoldCounts]) -> State:
    """Return what is known of an estimate's pairs; of a pair that is not there nothing.

    Counts that can't be of so many replies say nothing either; no more may be without
    an account than no judge read, since the model or a filter said nothing.
    """
    rows = []
    unread = 0
    for name, pair in estimate.by_pair.items():
        asked, _, complied, lost, left = counts.get(name, (0, 0, 0, 0, pair.responses))
        told = asked + lost + left
        whole = told <= pair.responses and complied <= asked
        rows.append((complied, lost, left) if whole else (0, 0, pair.responses))
        unread += pair.responses - told if whole else 0
    if unread > estimate.silent_refusals + estimate.filtered:
        rows = [(0, 0, pair.responses) for pair in estimate.by_pair.values()]
    columns = np.asarray(rows, np.int64).reshape(len(rows), 3).T
    return State(columns[0], columns[1], columns[2])


def _rate(own: float | None, counts: Iterable[RetoldCounts]) -> float | None:
    """Return the rate told in another way: the own one, moved as far as those asked.

    Not all replies are asked about, so the two ways are compared on the same ones.
    """
    pairs = list(counts)
    asked = sum(pair[0] for pair in pairs)
    if own is None or not asked:
        return None
    moved = sum(pair[2] - pair[1] for pair in pairs) / asked
    return min(1.0, max(0.0, own + moved))
