"""How one question is put to one model: retries, and a circuit that opens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import stamina

from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.errors import (
    ProviderError,
    ServerBusy,
    ServerUnreachable,
    TransientError,
)
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.types import ChatRequest, Reply

FAILURES_THAT_OPEN = 5
"""Requests that fail in a row, all their tries included, before a model is given up."""
MAX_WAIT_S = 60.0


@dataclass(slots=True)
class Tally:
    """What the asking came to, for the summary.

    Attributes:
        requests: Requests sent, retries included.
        retries: Those of them that were further tries.
        from_store: Answers that the store already had.
        tokens_in: Prompt tokens of the replies and judgements received.
        tokens_out: Generated tokens, likewise.
        seconds: Time spent by stage, summed over requests in flight.
    """

    requests: int = 0
    retries: int = 0
    from_store: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what another process counted."""
        for name in ("requests", "retries", "from_store", "tokens_in", "tokens_out"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, spent in other.seconds.items():
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


class Asker:
    """Puts questions to models, patiently but not for ever."""

    def __init__(self, plan: Plan, tally: Tally) -> None:
        """Begin with every circuit closed."""
        self._plan = plan
        self._tally = tally
        self._failures: dict[str, int] = {}
        self._given_up: dict[str, ProviderError] = {}

    async def ask(self, model: ChatModel, request: ChatRequest) -> Reply:
        """Return the model's reply to one request.

        Raises:
            ProviderError: Every try failed, or the model was given up before.
        """
        if model.name in self._given_up:
            raise self._given_up[model.name]
        started = time.monotonic()
        try:
            reply = await self._patiently(model, request)
        except (TransientError, ServerUnreachable) as error:
            self._note_failure(model.name, error)
            raise
        finally:
            seconds = self._tally.seconds
            spent = time.monotonic() - started
            seconds[model.name] = seconds.get(model.name, 0.0) + spent
        self._failures[model.name] = 0
        self._tally.tokens_in += reply.tokens_in or 0
        self._tally.tokens_out += reply.tokens_out or 0
        return reply

    async def _patiently(self, model: ChatModel, request: ChatRequest) -> Reply:
        tries = stamina.retry_context(
            on=_wait_for,
            attempts=self._plan.retries + 1,
            timeout=None,
            wait_initial=self._plan.backoff_s,
            wait_max=max(MAX_WAIT_S, self._plan.backoff_s)
            if self._plan.backoff_s
            else 0.0,
            wait_jitter=min(1.0, self._plan.backoff_s),
        )
        async for attempt in tries:
            with attempt:
                self._tally.requests += 1
                self._tally.retries += attempt.num > 1
                return await model.chat(request)
        raise AssertionError("stamina re-raises the last error")

    def _note_failure(self, name: str, error: ProviderError) -> None:
        self._failures[name] = self._failures.get(name, 0) + 1
        if self._failures[name] >= FAILURES_THAT_OPEN:
            self._given_up[name] = type(error)(
                f"{error} (given up after {FAILURES_THAT_OPEN} requests in a row "
                "failed)"
            )


def _wait_for(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and how long the server wants us to wait."""
    if isinstance(error, ServerBusy) and error.retry_after is not None:
        return min(error.retry_after, MAX_WAIT_S)
    return isinstance(error, (TransientError, ServerUnreachable))
