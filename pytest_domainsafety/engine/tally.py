"""What the asking of one process came to, counted; and over all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_domainsafety.engine.spending import Usage

# Of one model: enough to see what it is.
MOST_NOTED = 12


@dataclass(slots=True)
class Tally:
    """What the asking came to, for the summary.

    Attributes:
        requests: Requests sent, retries included.
        retries: Those of them that were further tries.
        failed: Requests that failed for good, all their tries included.
        from_store: Answers that the store already had.
        oldest_s: Age in seconds of the oldest of them whose model is not known by
            its weights; 0 where there is none.
        tokens_in: Prompt tokens of the requests, those from a cache included.
        tokens_out: Generated tokens, likewise.
        tokens_cached: Of `tokens_in` what servers took from their caches.
        estimated: Requests whose tokens are estimates (`spending`).
        money: By the user's prices; None where he named none.
        by_model: Model or judge → what it was asked, in :data:`SPENT`.
        by_domain: Model under test → domain → the same, of its replies and the
            judgements on them.
        over: The kind of the budget that is spent; empty where none is.
        wall_s: Seconds on the clock in which something was in flight; of several
            processes the longest.
        concurrency: Requests in flight, as it was at the end.
        phases: Seconds on the clock in which a stage was served, by stage
            (`target NAME`, `judge NAME`); of several processes the longest.
        seconds: Where the time of the requests in flight went, summed over
            them: `asking`, `judging`, and of both `waiting` to try again.
        served: Model or judge as typed → the name under which a server answered
            for it; several where processes were answered by several models.
        adapted: Model or judge → what of its requests a server would not take as it
            was meant (`providers.dialect`).
        marks: Model → what in its answers looks like the mark of a trace and is
            none that is known.
    """

    requests: int = 0
    retries: int = 0
    failed: int = 0
    from_store: int = 0
    oldest_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    estimated: int = 0
    money: float | None = None
    concurrency: int = 0
    wall_s: float = 0.0
    over: str = ""
    by_model: dict[str, Bill] = field(default_factory=dict)
    by_domain: dict[str, dict[str, Bill]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    served: dict[str, list[str]] = field(default_factory=dict)
    adapted: dict[str, list[str]] = field(default_factory=dict)
    marks: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what another process counted."""
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.oldest_s = max(self.oldest_s, other.oldest_s)
        self.wall_s = max(self.wall_s, other.wall_s)
        self.over = self.over or other.over
        if other.money is not None:
            self.money = (self.money or 0.0) + other.money
        add_bills(self.by_model, other.by_model)
        for model, domains in other.by_domain.items():
            add_bills(self.by_domain.setdefault(model, {}), domains)
        for name, spent in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
        for name, spent in other.phases.items():
            self.phases[name] = max(self.phases.get(name, 0.0), spent)
        for model, names in other.served.items():
            known = self.served.setdefault(model, [])
            known += (name for name in names if not is_in(name, known))
        for mine, others in ((self.adapted, other.adapted), (self.marks, other.marks)):
            for model, words in others.items():
                note(mine, model, words)

    def bill(
        self,
        model: str,
        usage: Usage,
        money: float | None = None,
        purpose: Purpose | None = None,
    ) -> None:
        """Count one request.

        Args:
            model: Who was asked.
            usage: What it took.
            money: What that cost; None where prices are not known.
            purpose: Which verdict it was for; None for no single one.
        """
        spent: Bill = dict(zip(SPENT, (1, *usage), strict=True))
        if money is not None:
            spent["money"] = money
            self.money = (self.money or 0.0) + money
        for name in SPENT:
            setattr(self, name, getattr(self, name) + int(spent[name]))
        add_bills(self.by_model, {model: spent})
        if purpose is not None:
            target, domain = purpose
            add_bills(self.by_domain.setdefault(target, {}), {domain: spent})

    def cost(self) -> dict[str, Any]:
        """Return what it cost, for the manifest."""
        cost = asdict(self)
        for name in ("served", "adapted", "marks", "over"):
            del cost[name]
        if self.money is None:
            del cost["money"]
        return cost

    def names(self) -> dict[str, Any]:
        """Return what was noted of models, for the manifest: nothing that is empty."""
        noted = {"adapted": self.adapted, "marks": self.marks}
        return {"served": self.served} | {k: v for k, v in noted.items() if v}

    @property
    def changed(self) -> dict[str, list[str]]:
        """Return the models that answered under several names: replies of several."""
        return {model: names for model, names in self.served.items() if names[1:]}


Bill = dict[str, float]
"""What something was asked: numbers by :data:`SPENT`; `money` where it is known."""
SPENT = ("requests", "tokens_in", "tokens_out", "tokens_cached", "estimated")
"""Of a bill: how many requests, and of them what `spending.Usage` has, in its order."""
Purpose = tuple[str, str]
"""(model under test, domain) that a question is asked for."""


def add_bills(
    bills: dict[str, Bill], others: Mapping[str, Mapping[str, float]]
) -> None:
    """Add other bills to some, by name."""
    for name, other in others.items():
        bill = bills.setdefault(name, dict.fromkeys(SPENT, 0))
        for what, number in other.items():
            bill[what] = bill.get(what, 0) + number


def is_in(name: str, names: Iterable[str]) -> bool:
    """Whether a name is among others, however it is capitalised."""
    return name.casefold() in map(str.casefold, names)


def note(noted: dict[str, list[str]], model: str, words: Iterable[str]) -> None:
    """Add words to what is noted of a model, each once, some at most."""
    for word in words:
        known = noted.setdefault(model, [])
        if word not in known and len(known) < MOST_NOTED:
            known.append(word)


SUMMED = (
    "requests",
    "retries",
    "failed",
    "from_store",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "estimated",
    "concurrency",
)
