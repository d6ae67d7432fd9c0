"""How one question is put to one model: patiently, and what it came to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import stamina

from pytest_domainsafety.engine.budget import Budget
from pytest_domainsafety.engine.concurrency import Pacer
from pytest_domainsafety.engine.plan import Plan
from pytest_domainsafety.engine.spending import Usage, usage_of, usage_of_failed
from pytest_domainsafety.engine.tally import Purpose, Tally, is_in, note
from pytest_domainsafety.errors import (
    BudgetSpent,
    ModelChanged,
    ProviderError,
    ServerBusy,
    ServerLoading,
    ServerUnreachable,
    TransientError,
)
from pytest_domainsafety.providers.base import ChatModel
from pytest_domainsafety.providers.names import is_known_as
from pytest_domainsafety.providers.registry import parse_model_name
from pytest_domainsafety.providers.traces import unknown_marks
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import ChatRequest, Reply

# Between two looks at a server that loads its model: soon enough, and no burden.
LOADING_WAIT_S = 1.0
LONGEST_LOADING_WAIT_S = 10.0
# Between two tries, even where Retry-After asks for more (docs/running.md#faults).
MAX_WAIT_S = 60.0


T = TypeVar("T")


MOST_SERVERS = 64
"""Asked for one try, so that those which come and go in turns end it some time."""


class Asker:
    """Puts questions to models, patiently but not for ever."""

    def __init__(self, plan: Plan, tally: Tally, pacer: Pacer) -> None:
        """Begin with every circuit closed."""
        self._plan = plan
        self._tally = tally
        self._pacer = pacer
        self._circuits: dict[str, Circuit] = {}
        self.budget = Budget(plan)

    async def ask(
        self, model: ChatModel, request: ChatRequest, purpose: Purpose | None = None
    ) -> Reply:
        """Return the model's reply to one request.

        Args:
            model: Who is asked.
            request: What it is asked.
            purpose: Which verdict the question is for; None for no single one.

        Raises:
            ProviderError: Every try failed, or the model was given up before.
            BudgetSpent: It was not asked any more.
        """
        circuit = self._circuits.setdefault(model.name, Circuit())
        prompt = hash(request.messages)
        try:
            reply = await self._patiently(model, request, circuit, purpose)
        except BudgetSpent as spent:
            self._tally.over = self.budget.over
            raise spent from None
        except ProviderError as error:
            self._tally.failed += 1
            if _may_go_away(error):
                circuit.request_failed(prompt, error)
            raise
        circuit.answered()
        self._pacer.answered()
        self.take_note(model, reply)
        return reply

    def take_note(self, model: ChatModel, reply: Reply) -> None:
        """Note what a reply, new or from the store, says of its model and server.

        Raises:
            ModelChanged: Another model answers than before, or than was asked.
        """
        note(self._tally.adapted, model.name, reply.adapted)
        note(self._tally.marks, model.name, unknown_marks(reply.text))
        self._hold_to_one_model(model, reply)

    def _hold_to_one_model(self, model: ChatModel, reply: Reply) -> None:
        """Note the name under which a model answers: it shall stay the same.

        Names are recorded and not policed, since deployments and gateways call a
        model what they like (design §D7). Where the name changes during a run, the
        replies are of two models, and only those of the first are taken.

        Raises:
            ModelChanged: Another name than before; or, where the run is strict
                about it, than was asked for.
        """
        served = self._tally.served.get(model.name, [])
        # Held once: to look a name's provider up takes 8 ms, and this is each reply's.
        if not reply.model or is_in(reply.model, served):
            return
        if self._plan.strict_name and not answers_to(model.name, reply.model):
            raise ModelChanged(
                f"{printable(model.name)!r} was answered by "
                f"{printable(reply.model, 80)!r}, and --safety-strict-name takes no "
                "other name than the one that was asked for."
            )
        if served:
            raise ModelChanged(changed_sentence(model.name, (served[0], reply.model)))
        self._tally.served[model.name] = [reply.model]

    async def _patiently(
        self,
        model: ChatModel,
        request: ChatRequest,
        circuit: Circuit,
        purpose: Purpose | None,
    ) -> Reply:
        failed_at: float | None = None
        prompt = hash(request.messages)
        async for attempt in tries(self._plan, _wait_for):
            began = time.monotonic()
            if failed_at is not None:
                waited = self._tally.seconds.get("waiting", 0.0) + began - failed_at
                self._tally.seconds["waiting"] = waited
            circuit.check()
            with attempt:
                self._tally.retries += attempt.num > 1
                try:
                    return await while_loading(
                        partial(self._of_any_server, model, request, purpose),
                        self._plan.timeout_s,
                        self._asks_again,
                    )
                except ServerBusy:
                    self._pacer.busy()
                    raise
                except (TransientError, ServerUnreachable) as error:
                    circuit.try_failed(prompt, error, began)
                    raise
                finally:
                    failed_at = time.monotonic()
        raise AssertionError("stamina re-raises the last error")

    def _asks_again(self) -> None:
        self._tally.retries += 1

    async def _of_any_server(
        self, model: ChatModel, request: ChatRequest, purpose: Purpose | None
    ) -> Reply:
        """Return the reply of whichever server of the model gives one.

        One that can't is no failed try while there is another one to ask: else a
        single server that says 429 would use up the tries of many requests, since it
        answers the fastest.
        """
        for _ in range(MOST_SERVERS):
            try:
                return await self._sent(model, request, purpose)
            except ProviderError as error:
                if not error.elsewhere:
                    raise
                self._asks_again()
                if isinstance(error, ServerBusy):
                    self._pacer.busy()
        return await self._sent(model, request, purpose)

    async def _sent(
        self, model: ChatModel, request: ChatRequest, purpose: Purpose | None
    ) -> Reply:
        """Send one request, and count what it took.

        A prompt counts also where no answer came: the server may have read it, and
        then it is on the bill. One that was never taken in does not.
        """
        claim = self.budget.take(model.name, request)
        usage = usage_of_failed(request)
        try:
            reply = await model.chat(request)
            usage = usage_of(request, reply)
        except (ServerBusy, ServerUnreachable):
            usage = Usage(0)
            raise
        finally:
            prices = self._plan.prices
            money = None if prices is None else prices.cost(model.name, *usage[:3])
            self._tally.bill(model.name, usage, money, purpose)
            self.budget.settle(claim, model.name, usage, money or 0.0)
        return reply


def tries(plan: Plan, on: Any) -> AsyncIterator[stamina.Attempt]:
    """Return the tries that a run makes.

    Args:
        plan: Says how many, and how long to wait between them.
        on: After which errors there is another one, as `stamina` takes it.
    """
    backoff = plan.backoff_s
    return stamina.retry_context(
        on=on,
        attempts=plan.retries + 1,
        # Each try has its own time-out, so their number bounds the time.
        timeout=None,
        wait_initial=backoff,
        wait_max=max(MAX_WAIT_S, backoff) if backoff else 0.0,
        wait_jitter=min(1.0, backoff),
    )


async def while_loading(
    call: Callable[[], Awaitable[T]],
    limit_s: float,
    again: Callable[[], None] = lambda: None,
) -> T:
    """Return what a call returns, made again while a server loads its model.

    Loading takes minutes, and is no failure: it is one try, however often it is asked.

    Args:
        call: Asks it.
        limit_s: Seconds after which it is given up.
        again: Told before each call but the first.

    Raises:
        ServerLoading: It still does after `limit_s` seconds.
    """
    began = time.monotonic()
    while True:
        try:
            return await call()
        except ServerLoading as error:
            wait = min(error.retry_after or LOADING_WAIT_S, LONGEST_LOADING_WAIT_S)
            if time.monotonic() + wait - began > limit_s:
                raise
            await asyncio.sleep(wait)
            again()


def answers_to(typed: str, served: str) -> bool:
    """Tell whether a model answers under the name that it was asked for by."""
    provider, rest = parse_model_name(typed)
    return provider == "python" or is_known_as(rest, served)


def changed_sentence(model: str, names: Iterable[str]) -> str:
    """Say that a model answered under several names, and what to do."""
    first, *others = (repr(printable(name, 80)) for name in names)
    return (
        f"{printable(model)!r} was answered by {first} and then by "
        f"{' and '.join(others)}: replies of two models measure none of them; name a "
        "pinned version, and run again with --safety-fresh."
    )


def _may_go_away(error: Exception) -> bool:
    return isinstance(error, (TransientError, ServerUnreachable))


def _wait_for(error: Exception) -> bool | float:
    """Tell stamina whether to try again, and how long the server wants us to wait."""
    if isinstance(error, ServerBusy) and error.retry_after is not None:
        return min(error.retry_after, MAX_WAIT_S)
    return _may_go_away(error)


# When a model is given up: docs/running.md#faults.
PROMPTS = 5
"""Different prompts given up in a row, all their tries included."""
SILENCE_S = 30.0
"""Seconds of failed tries and nothing else, after which fewer are enough."""
PROMPTS_IN_SILENCE = 3


class Circuit:
    """What is known about one model's health.

    It opens, for the rest of the run, when since the last answer

    - :data:`PROMPTS` different prompts were given up, or
    - for :data:`SILENCE_S` seconds every try failed, and nothing answers at
      the address or :data:`PROMPTS_IN_SILENCE` different prompts were tried.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin closed."""
        self._clock = clock
        self._error: ProviderError | None = None
        self.answered()

    def answered(self) -> None:
        """Note an answer: all is forgiven."""
        self._failed: set[int] = set()
        self._tried: set[int] = set()
        self._since: float | None = None

    def check(self) -> None:
        """Let a request pass.

        Raises:
            ProviderError: The circuit is open; of the kind of the last failure.
        """
        if self._error is not None:
            raise self._error

    def try_failed(self, prompt: int, error: ProviderError, began: float) -> None:
        """Note a try that failed.

        Args:
            prompt: What tells prompts apart.
            error: Why.
            began: When the try began, on the circuit's clock.
        """
        self._tried.add(prompt)
        self._since = began if self._since is None else min(self._since, began)
        lost = isinstance(error, ServerUnreachable)
        if self._clock() - self._since >= SILENCE_S and (
            lost or len(self._tried) >= PROMPTS_IN_SILENCE
        ):
            self._open(error)

    def request_failed(self, prompt: int, error: ProviderError) -> None:
        """Note a request that was given up."""
        self._failed.add(prompt)
        if len(self._failed) >= PROMPTS:
            self._open(error)

    def _open(self, error: ProviderError) -> None:
        if self._error is None:
            message = f"{error} (given up for this run after nothing but failures)"
            self._error = type(error)(message)
