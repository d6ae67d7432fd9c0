"""What a run may still spend (``--safety-budget``): looked at before each request.

Whatever is in flight counts with what it is expected to take, so that many requests at
once do not each take the last of a budget; what it took counts once that is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pytest_domainsafety.engine.ledger import Ledger, Spent
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.spending import Usage, prompt_tokens
from pytest_domainsafety.errors import BudgetSpent
from pytest_domainsafety.types import BudgetEntry, ChatRequest

FIRST_ANSWER = 256
"""Tokens that an answer is expected to have while none has come."""
HOUR_S = 3600.0
ROUNDING = 1e-12


class Budget:
    """One process's side of a run's budget.

    Args:
        plan: Its limits, and in how many processes it goes on.
        clock: Seconds that only grow, as those of `plan.began`.

    Attributes:
        over: The kind of the limit that kept something from being asked; empty
            while none did.
        spent: By this process, what is in flight included.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing spent."""
        self._plan = plan
        self._clock = clock
        self.over = ""
        self.spent = Spent()
        self._answers: dict[str, tuple[int, int]] = {}
        self._ledger: Ledger | None = None
        self._limits = dict(plan.budget)
        if plan.budget and plan.process is not None:
            ledger = Ledger(plan.run, plan.process)
            if ledger.is_there:
                self._ledger = ledger
            else:  # another machine: nobody can tell it what the others spend
                for kind in Spent._fields:
                    if kind in self._limits:
                        self._limits[kind] /= plan.share

    def take(self, model: str, request: ChatRequest) -> Spent:
        """Set aside what a request is expected to take.

        Raises:
            BudgetSpent: It would be more than there is; it is not to be sent.
        """
        if not self._limits:
            return Spent()
        if not self.over:
            claim = self._claim(model, request)
            if not self._refused(claim):
                return claim
        raise BudgetSpent(f"not asked: {self.entry().sentence}")

    def settle(self, claim: Spent, model: str, usage: Usage, money: float) -> None:
        """Take what a request took for what was set aside."""
        if not self._limits:
            return
        came, answers = self._answers.get(model, (0, 0))
        self._answers[model] = came + usage.tokens_out, answers + 1
        took = Spent(1, usage.tokens_in + usage.tokens_out, money)
        self.spent = Spent(
            *(
                all_ - was + is_
                for all_, was, is_ in zip(self.spent, claim, took, strict=True)
            )
        )
        if self._ledger is not None:
            self._ledger.note(self.spent)

    def entry(self, **more: Any) -> BudgetEntry:
        """Return what a manifest says of the budget."""
        prices = self._plan.prices
        currency = {"currency": prices.currency} if prices and prices.currency else {}
        return BudgetEntry(
            limits=dict(self._plan.budget), over=self.over, **currency, **more
        )

    def _claim(self, model: str, request: ChatRequest) -> Spent:
        came, answers = self._answers.get(model, (0, 0))
        expected = came / answers if answers else FIRST_ANSWER
        answer = min(expected, request.sampling.max_tokens)
        prompt = prompt_tokens(request)
        prices = self._plan.prices
        money = prices.cost(model, prompt, answer) if prices else 0.0
        return Spent(1, prompt + answer, money)

    def _refused(self, claim: Spent) -> bool:
        """Say whether a request is one too many; if not, it counts from now on."""
        hours = self._limits.get("hours")
        if hours is not None and self._clock() - self._plan.began >= hours * HOUR_S:
            self.over = "hours"
            return True
        mine = self.spent + claim
        if self._ledger is None:
            refused = not self._allows(mine)
        else:
            refused = not self._ledger.note(
                mine, lambda others: self._allows(mine + others)
            )
        if not refused:
            self.spent = mine
        return refused

    def _allows(self, together: Spent) -> bool:
        for kind, spent in together._asdict().items():
            limit = self._limits.get(kind)
            if limit is not None and spent > limit * (1 + ROUNDING):
                self.over = kind
                return False
        return True
