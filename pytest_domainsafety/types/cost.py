"""What a run cost, and what it was allowed to."""

from __future__ import annotations

from pydantic import Field, StrictInt

from pytest_domainsafety.types.part import Number, Part


class Cost(Part):
    """What the asking cost.

    Attributes:
        oldest_s: Age in seconds of the oldest answer from the store whose model is
            not known by its weights; 0 where there is none.
        phases: Seconds on the clock by stage.
        seconds: Where the time of the requests in flight went.
        tokens_cached: Of `tokens_in` what servers took from their caches.
        estimated: Requests whose tokens were worked out from the length of texts:
            the server did not count them, or not so that it can be true.
        wall_s: Seconds on the clock in which requests were in flight.
        by_model: Model or judge → what it was asked: `requests`, `tokens_in`,
            `tokens_out`, `tokens_cached`, `estimated`, and `money` where prices are
            known.
        by_domain: Model under test → domain → the same, of its replies and of
            the judgements on them together.
        money: By the user's prices, in `currency`; None where he named none.
    """

    requests: StrictInt = 0
    retries: StrictInt = 0
    failed: StrictInt = 0
    from_store: StrictInt = 0
    oldest_s: Number = 0
    tokens_in: StrictInt = 0
    tokens_out: StrictInt = 0
    concurrency: StrictInt = 0
    phases: dict[str, Number] = Field(default_factory=dict)
    seconds: dict[str, Number] = Field(default_factory=dict)
    tokens_cached: StrictInt = 0
    estimated: StrictInt = 0
    wall_s: Number = 0
    by_model: dict[str, dict[str, Number]] = Field(default_factory=dict)
    by_domain: dict[str, dict[str, dict[str, Number]]] = Field(default_factory=dict)
    money: Number | None = None
    currency: str = ""


class BudgetEntry(Part):
    """What a run was allowed to spend, and what that kept from being asked.

    Attributes:
        limits: By kind: `requests`, `tokens`, `hours`, `money`.
        spent: The same, at the end; of `tokens` and `money` perhaps an estimate
            (`Cost.estimated`).
        over: The kind of the limit that was met; empty where none was.
        currency: Of `money`, as the user's price file names it.
        unasked: Model → domain → pairs of which something was not asked or judged.
    """

    limits: dict[str, Number] = Field(default_factory=dict)
    spent: dict[str, Number] = Field(default_factory=dict)
    over: str = ""
    currency: str = ""
    unasked: dict[str, dict[str, StrictInt]] = Field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether a limit kept something from being asked."""
        return bool(self.over or self.unasked)

    @property
    def sentence(self) -> str:
        """Say which limit was met."""
        limit = self.limits.get(self.over)
        if limit is None:
            return "the budget is spent"
        unit = (self.currency or "money") if self.over == "money" else self.over
        return f"the budget of {limit:,} {unit} is spent"
