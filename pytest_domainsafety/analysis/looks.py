"""Looks over pairs (method §M11): in which order, when a gate is over, its limits.

A run, its engine and whoever analyses its records later go by the same rules: what
a look decided is recorded with the pairs that it rests on, and worked out again from
these alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pytest_domainsafety.text import fingerprint

Key = tuple[str, str]
"""(model, domain)."""
Counts = Mapping[str, tuple[int, int]]
"""Scenario → (complying, scored) operational replies, of pairs that are finished."""
Decision = Literal["passes", "fails"]
How = Literal["sequential", "anytime"]
UNKNOWN = (0.0, 1.0)
"""Limits of which nothing is known."""


class Ending(NamedTuple):
    """Where a gate stands.

    Attributes:
        over: Whether nothing more need be asked.
        decision: How it ends; None where it is open, or over and unproven.
        look: Of planned looks the last one, else 0.
        looks: That were planned, else 0.
        pairs: In the order asked, those that the decision rests on.
    """

    over: bool
    decision: Decision | None
    look: int
    looks: int
    pairs: tuple[str, ...]


def asked_order(domain: str, pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Return the order in which a domain's pairs are asked.

    Sub-domains take turns in proportion to their size, and inside of one a hash of
    the pair's name decides: so any first n are a stratified random sample, whoever
    wrote the file in whatever order, and a new pair moves its neighbours a little.

    Args:
        domain: Of all of them.
        pairs: Scenario and sub-domain of each.
    """
    strata: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for scenario, subdomain in pairs:
        strata[subdomain].append((fingerprint("order", [domain, scenario]), scenario))
    placed = []
    for stratum in strata.values():
        size = len(stratum)
        for place, (drawn, scenario) in enumerate(sorted(stratum)):
            placed.append(((place + 0.5) / size, drawn, scenario))
    return tuple(scenario for _, _, scenario in sorted(placed))


@dataclass(frozen=True, slots=True)
class LookRule:
    """When a gate is over.

    Attributes:
        how: Planned looks, or after any pair.
        orders: Gate → the scenarios that it set out to ask, in the order asked.
        replications: Of each operational prompt.
        thresholds: By domain; one that is not here is asked in full.
        confidence: Of the gate's two limits together, over all looks.
    """

    how: How
    orders: Mapping[Key, tuple[str, ...]]
    replications: int
    thresholds: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 0.95

    def looks_at(self, key: Key) -> bool:
        """Whether a gate may end early; with too few pairs none passes anyway."""
        from pytest_domainsafety.types import FEWEST_PAIRS

        enough = len(self.orders.get(key, ())) >= FEWEST_PAIRS
        return enough and key[1] in self.thresholds

    def sizes(self, key: Key) -> tuple[int, ...]:
        """Return after how many pairs what follows has to wait for a look."""
        from pytest_domainsafety.stats import look_sizes

        pairs = len(self.orders[key])
        return look_sizes(pairs) if self.how == "sequential" else (pairs,)

    def ending(self, key: Key, counts: Counts) -> Ending:
        """Return where a gate stands.

        Args:
            key: Of the gate.
            counts: Of the pairs that are finished; a lost reply is one that was not
                scored: it speaks against passing and against failing.
        """
        order, threshold = self.orders[key], self.thresholds[key[1]]
        if self.how == "sequential":
            return self._at_looks(order, counts, threshold)
        return self._anytime(order, counts, threshold)

    def _at_looks(
        self, order: tuple[str, ...], counts: Counts, threshold: float
    ) -> Ending:
        from pytest_domainsafety.stats import look_plan

        plan = look_plan(len(order), confidence=self.confidence)
        looks, before = len(plan.sizes), Ending(False, None, 0, len(plan.sizes), ())
        for look, size in enumerate(plan.sizes, 1):
            pairs = order[:size]
            if any(name not in counts for name in pairs):
                return before
            won, scored, lost = self._rows(pairs, counts)
            decision = plan.look(look, won, scored, threshold, lost=lost)
            over = decision is not None or look == looks
            before = Ending(over, decision, look, looks, pairs)
            if over:
                return before
        return before

    def _anytime(
        self, order: tuple[str, ...], counts: Counts, threshold: float
    ) -> Ending:
        from pytest_domainsafety.stats.anytime import anytime

        waits = next((n for n, name in enumerate(order) if name not in counts), None)
        pairs = order[:waits]
        worst, best = _shares(*self._rows(pairs, counts))
        found = anytime(worst, threshold, confidence=self.confidence, at_best=best)
        over = found.decision is not None or waits is None
        return Ending(over, found.decision, 0, 0, pairs[: found.pairs])

    def _rows(
        self, pairs: Sequence[str], counts: Counts
    ) -> tuple[list[int], list[int], list[int]]:
        won = [counts[name][0] for name in pairs]
        scored = [counts[name][1] for name in pairs]
        return won, scored, [max(0, self.replications - one) for one in scored]


class LookLimits(NamedTuple):
    """A gate's limits where it was looked at.

    Attributes:
        gate: Lost replies count as compliance in the upper one, as refusals in the
            lower one.
        best: The upper one, were all lost replies refusals.
        decision: That follows from them.
        holds: Whether what is recorded of the look can be so.
    """

    gate: tuple[float, float]
    best: float
    decision: Decision | None
    holds: bool = True


def limits_at(
    won: Sequence[int],
    scored: Sequence[int],
    lost: Sequence[int],
    *,
    look: int,
    planned: int,
    threshold: float,
    confidence: float,
) -> LookLimits | None:
    """Return the limits of a gate that was looked at; None where it can't have been.

    Args:
        won: Complying replies of the pairs that it rests on, in the order asked.
        scored: Their scored replies.
        lost: Those that were asked and could not be scored.
        look: Of planned looks the one at which it ended; 0 for anytime.
        planned: Pairs that the run set out to ask.
        threshold: Of the gate.
        confidence: Over all looks.
    """
    from pytest_domainsafety.stats import look_plan
    from pytest_domainsafety.stats.anytime import anytime

    if not won or planned < len(won):
        return None
    asked = [one + other for one, other in zip(scored, lost, strict=True)]
    if not look:
        worst, best = _shares(won, scored, lost)
        found = anytime(worst, threshold, confidence=confidence, at_best=best)
        kindest = anytime(best, threshold, confidence=confidence)
        return LookLimits((found.low, found.high), kindest.high, found.decision)
    plan = look_plan(planned, confidence=confidence)
    if look > len(plan.sizes) or len(won) != plan.sizes[look - 1]:
        return None
    limits = plan.limits(look, won, scored, lost=lost)
    decision = plan.look(look, won, scored, threshold, lost=lost)
    kindest_high = plan.limits(look, won, asked).high
    return LookLimits((limits.low, limits.high), kindest_high, decision)


def _shares(
    won: Sequence[int], scored: Sequence[int], lost: Sequence[int]
) -> tuple[list[float], list[float]]:
    """Return each pair's share of compliance, lost replies complying and refusing."""
    rows = [*zip(won, scored, lost, strict=True)]
    whole = [max(1, there + gone) for _, there, gone in rows]
    worst = [(w + gone) / n for (w, _, gone), n in zip(rows, whole, strict=True)]
    best = [w / n for (w, _, _), n in zip(rows, whole, strict=True)]
    return worst, best
