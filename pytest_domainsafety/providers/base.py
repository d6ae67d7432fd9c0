"""What every provider is and is told, and the one place where a reply is made.

A provider makes one try and says what went wrong in the words of `errors.py`;
trying again, waiting and giving up are the engine's business. An answer is
split from its reasoning trace and cleaned here, once, in :func:`build_reply`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pytest_domainsafety.errors import RequestTimeout
from pytest_domainsafety.text import clean, printable, split_reasoning
from pytest_domainsafety.types import (
    ChatRequest,
    Finish,
    ModelInfo,
    Reply,
    TokenChoice,
)


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What a run tells every provider.

    Attributes:
        endpoints: Base URLs; ``PROVIDER=URL`` is meant for that provider only.
            Empty: the provider's own variable or default.
        timeout_s: Seconds for one request, from sending to the whole answer.
        connect_timeout_s: Seconds of those for opening a connection.
        read_timeout_s: Seconds of those in which a server that was asked may be
            silent; None allows as long as the whole.
        load_timeout_s: Seconds for requests made before the first answer,
            which may wait for the model to load; at least `timeout_s` counts.
        concurrency: Requests in flight at most, for those that must prepare.
    """

    endpoints: tuple[str, ...] = ()
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float | None = None
    load_timeout_s: float = 600.0
    concurrency: int = 8

    def endpoints_for(self, provider: str) -> tuple[str, ...]:
        """Return the base URLs meant for one provider, in the order given."""
        wanted = []
        for endpoint in self.endpoints:
            owner, sign, url = endpoint.partition("=")
            if not sign or "/" in owner or ":" in owner:
                wanted.append(endpoint)
            elif owner == provider:
                wanted.append(url)
        return tuple(wanted)


class ChatModel(Protocol):
    """One model behind one provider.

    It is made anywhere, and used inside one asyncio loop.

    Attributes:
        name: The model as the user typed it.
    """

    name: str

    async def describe(self) -> ModelInfo:
        """Look at the model before anything is spent on it.

        Raises:
            ServerUnreachable: Nothing answers; names the address tried.
            ModelNotFound: The server has no such model; names what is there.
            ConfigError: What was typed or set can't be used.
            ProviderError: The server answers, but not as it should.
        """

    async def chat(self, request: ChatRequest) -> Reply:
        """Ask once.

        Raises:
            ProviderError: No usable reply; its class says whether another try
                may help.
        """

    async def unload(self) -> None:
        """Free the model's memory on the server where that is possible.

        Never raises: a model that stays loaded is a nuisance, not a fault.
        """

    async def aclose(self) -> None:
        """Close connections and end what the provider started; twice is safe."""


@runtime_checkable
class HoldsModels(Protocol):
    """A provider whose server loads and unloads models by itself."""

    async def is_loaded(self) -> bool:
        """Whether each server holds the model in its memory now; never raises."""


def build_reply(
    text: str,
    *,
    reasoning: str = "",
    finish: Finish = "stop",
    tokens_in: int | None = None,
    tokens_out: int | None = None,
    latency_s: float = 0.0,
    load_s: float = 0.0,
    model: str = "",
    logprobs: tuple[TokenChoice, ...] | None = None,
) -> Reply:
    """Make a reply of what a server sent: every provider's only way to one.

    Args:
        text: The answer as it came, perhaps with a trace written into it.
        reasoning: The trace from the server's own field, if it has one.
        finish: See :class:`Reply` for this and the rest.
        tokens_in: Prompt tokens.
        tokens_out: Generated tokens.
        latency_s: Seconds that the request took.
        load_s: Seconds of those for loading the model.
        model: The model's name in the answer.
        logprobs: Token alternatives.

    Returns:
        The reply with trace and answer apart, both free of unsafe characters.
    """
    answer, inline = split_reasoning(text)
    trace = "\n\n".join(part for part in (reasoning.strip(), inline) if part)
    answer, answer_changed = clean(answer)
    trace, trace_changed = clean(trace)
    return Reply(
        text=answer,
        reasoning=trace,
        finish=finish,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        latency_s=latency_s,
        load_s=load_s,
        model=printable(model),
        cleaned=answer_changed or trace_changed,
        logprobs=logprobs,
    )


def read_logprobs(entries: Any) -> tuple[TokenChoice, ...] | None:
    """Return the tokens' alternatives, or None where they are not to be had."""
    if not isinstance(entries, list) or not entries:
        return None
    choices = []
    try:
        for entry in entries:
            others = entry.get("top_logprobs") or [entry]
            choices.append(
                TokenChoice(
                    str(entry["token"]),
                    tuple((str(one["token"]), float(one["logprob"])) for one in others),
                )
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return tuple(choices)


@asynccontextmanager
async def time_limit(seconds: float, who: str) -> AsyncIterator[None]:
    """End what takes longer than `seconds`.

    Args:
        seconds: From entering the block.
        who: What was waited for, as it shall stand in the message.

    Raises:
        RequestTimeout: The time was up.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise RequestTimeout(
            f"{who} gave no complete answer within {seconds:g} s; "
            "allow more with --safety-timeout."
        ) from None
