"""What every provider is and is told, and the one place where a reply is made.

A provider makes one try and says what went wrong in the words of `errors.py`;
trying again, waiting and giving up are the engine's business. An answer is
split from its reasoning trace and cleaned here, once, in :func:`build_reply`,
and here alone it is said what a reply is: an answer, silence, or none of both
(:func:`reply_kind`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pytest_domainsafety.errors import BadAnswer, RequestTimeout, ServerFault
from pytest_domainsafety.providers.filters import FINISHES as FILTER_FINISHES
from pytest_domainsafety.providers.filters import is_filters_word
from pytest_domainsafety.providers.traces import split_trace
from pytest_domainsafety.text import clean, printable
from pytest_domainsafety.types import (
    ChatRequest,
    Finish,
    ModelInfo,
    Reply,
    ReplyKind,
    TokenChoice,
)

__all__ = ["ChatModel", "HoldsModels", "ProviderSettings", "build_reply"]

MAX_REPLY_BYTES = 16 * 2**20
"""A model's longest reply has some 100 kB; an answer without an end has none."""


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
        key_variables: Variables that hold keys, as ``PROVIDER=NAME`` or ``NAME``.
        key_files: Files that hold keys, likewise.
        filter_words: In small letters: by what else a content filter is known.
        strict_name: Whether a model must be on its server's list.
        providers: Whose models the run asks.
        crash_folder: Where the traceback of what nobody foresaw is kept; None
            keeps none.
        max_reply_bytes: Of one answer at most, as it comes and decoded; a longer
            one is no answer.
        command_env: Variables of the environment that a program gets besides the
            few that all of them get.
        command_folder: Where programs run; None gives each an empty folder.
    """

    endpoints: tuple[str, ...] = ()
    timeout_s: float = 600.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float | None = None
    load_timeout_s: float = 600.0
    concurrency: int = 8
    key_variables: tuple[str, ...] = ()
    key_files: tuple[str, ...] = ()
    filter_words: tuple[str, ...] = ()
    strict_name: bool = False
    providers: tuple[str, ...] = ()
    crash_folder: Path | None = None
    max_reply_bytes: int = MAX_REPLY_BYTES
    command_env: tuple[str, ...] = ()
    command_folder: Path | None = None

    def endpoints_for(self, provider: str) -> tuple[str, ...]:
        """Return the base URLs meant for one provider, in the order given."""
        return tuple(
            value
            for value, owner in map(_owned, self.endpoints)
            if owner in (None, provider)
        )


def meant_for(
    values: Iterable[str], provider: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the values that are meant for one provider, and those for nobody's own.

    Args:
        values: As ``PROVIDER=VALUE`` or ``VALUE``.
        provider: Its registered name.
    """
    owned = [_owned(value) for value in values]
    own = tuple(value for value, owner in owned if owner == provider)
    return own, tuple(value for value, owner in owned if owner is None)


def _owned(typed: str) -> tuple[str, str | None]:
    """Return a value and the provider that it is meant for, None for whoever it is."""
    owner, sign, value = typed.partition("=")
    if not sign or "/" in owner or ":" in owner:
        return typed, None
    return value, owner


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


# The words of all wire formats, since gateways mix them: OpenAI's, Ollama's,
# Anthropic's, TGI's `eos_token`, Mistral's `model_length`, Cohere's `complete`.
FINISHES: dict[str, Finish] = {
    **dict.fromkeys(
        (
            "stop",
            "end_turn",
            "stop_sequence",
            "eos",
            "eos_token",
            "complete",
            "completed",
        ),
        "stop",
    ),
    **dict.fromkeys(
        (
            "length",
            "max_tokens",
            "max_output_tokens",
            "model_length",
            "model_context_window_exceeded",
        ),
        "length",
    ),
    **dict.fromkeys(FILTER_FINISHES, "filtered"),
    **dict.fromkeys(
        ("tool_call", "tool_calls", "tool_use", "function_call"), "tool_call"
    ),
}
# The server says of its own answer that it failed: OpenRouter's and Mistral's
# `error`, GLM's `network_error`, DeepSeek's `insufficient_system_resource`.
BROKEN_OFF = frozenset({"error", "network_error", "insufficient_system_resource"})
# Characters of a server's own word for the finish that are kept and shown.
LONGEST_WORD = 40
# Summed over a run they still fit the 64 bits of SQLite.
MOST_TOKENS = 2**40


def build_reply(
    text: str,
    *,
    reasoning: str = "",
    finish: str | None = "stop",
    tool_call: bool = False,
    source: str = "The server",
    tokens_in: int | None = None,
    tokens_cached: int | None = None,
    tokens_out: int | None = None,
    latency_s: float = 0.0,
    load_s: float = 0.0,
    model: str = "",
    logprobs: tuple[TokenChoice, ...] | None = None,
    adapted: tuple[str, ...] = (),
) -> Reply:
    """Make a reply of what a server sent: every provider's only way to one.

    Args:
        text: The answer as it came, perhaps with a trace written into it.
        reasoning: The trace from the server's own field, if it has one.
        finish: The server's own word for why generation ended; None where it
            gives none.
        tool_call: Whether the answer calls a tool, whatever `finish` says.
        source: Who answered, as it shall stand in a message.
        tokens_in: Prompt tokens, those from the server's cache included.
        tokens_cached: Those of them that it had read before.
        tokens_out: Generated tokens.
        latency_s: Seconds that the request took.
        load_s: Seconds of those for loading the model.
        model: The model's name in the answer.
        logprobs: Token alternatives.
        adapted: What of the request the server would not take as it was meant.

    Returns:
        The reply with trace and answer apart, both free of unsafe characters.

    Raises:
        ServerFault: The server says that it broke the answer off.
    """
    word = printable(str(finish or ""), LONGEST_WORD)
    folded = word.casefold()
    if folded in BROKEN_OFF:
        raise ServerFault(f"{source} broke its answer off (finish {word!r}).")
    ended: Finish = FINISHES.get(folded, "other") if word else "unsaid"
    if is_filters_word(folded):
        ended = "filtered"
    split = split_trace(text)
    trace = "\n\n".join(part for part in (reasoning.strip(), split.trace) if part)
    answer, answer_changed = clean(split.answer)
    trace, trace_changed = clean(trace)
    read = count_of(tokens_in)
    return Reply(
        text=answer,
        reasoning=trace,
        finish="tool_call" if tool_call or split.tool_call else ended,
        finish_word=word,
        tokens_in=read,
        tokens_cached=count_of(tokens_cached, most=-1 if read is None else read),
        tokens_out=count_of(tokens_out),
        latency_s=latency_s,
        load_s=load_s,
        model=printable(model),
        cleaned=answer_changed or trace_changed,
        logprobs=logprobs,
        adapted=adapted,
    )


def check_length(length: int, limit: int, who: str) -> None:
    """Refuse an answer that is too long to be one.

    Raises:
        BadAnswer: It is longer than `limit` bytes.
    """
    if length > limit:
        raise BadAnswer(
            f"{who} answered with more than {limit:,} bytes; "
            "allow more with --safety-max-reply-bytes."
        )


def count_of(value: Any, most: int = MOST_TOKENS) -> int | None:
    """Return a count of tokens, or None for what is none or no store can keep."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= most else None


def reply_kind(reply: Reply) -> tuple[ReplyKind, str]:
    """Say what a reply is (method §M2): empty means empty.

    ``silent`` is a refusal, so it takes all of: no text, no trace, no tool call,
    and a server that says that the model stopped of itself.

    Returns:
        The kind; and for what is ``truncated`` or ``unscored`` the reason, which
        quotes nothing.
    """
    if reply.finish == "tool_call":
        # Its arguments are text that the user gets and no judge would see.
        return "unscored", "the model called a tool instead of answering"
    if reply.finish == "other":
        word = f" ({reply.finish_word!r})" if reply.finish_word else ""
        return "unscored", f"the answer ended for a reason that is not known{word}"
    if reply.text:
        return "answer", ""
    if reply.finish == "length":
        return "truncated", "the token limit was spent before an answer began"
    if reply.reasoning:
        return "unscored", "the model reasoned and gave no answer"
    if reply.finish == "filtered":
        return "filtered", ""
    if reply.finish == "unsaid":
        return "unscored", "the answer is empty and the server does not say why"
    return "silent", ""


def is_worth_another_try(reply: Reply) -> bool:
    """Tell whether nothing at all came, by chance perhaps: silence, or a lost answer.

    Not a trace or a tool call: to sample until the model does something else
    would count what it does then for what it did.
    """
    empty = not (reply.text or reply.reasoning) and reply.finish != "tool_call"
    return empty and reply_kind(reply)[0] in ("silent", "unscored")


def read_logprobs(entries: Any) -> tuple[TokenChoice, ...] | None:
    """Return the tokens' alternatives, or None where they are not to be had."""
    if not isinstance(entries, list) or not entries:
        return None
    choices = []
    try:
        for entry in entries:
            alternatives = entry.get("top_logprobs") or [entry]
            choices.append(
                TokenChoice(
                    str(entry["token"]),
                    tuple(
                        (str(alternative["token"]), float(alternative["logprob"]))
                        for alternative in alternatives
                    ),
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
        raise RequestTimeout(out_of_time(who, seconds)) from None


def cancels_us(error: BaseException) -> bool:
    """Whether our own task is being cancelled; others raise CancelledError, too."""
    task = asyncio.current_task()
    cancelling = task is not None and task.cancelling() > 0
    return cancelling and isinstance(error, asyncio.CancelledError)


def out_of_time(who: str, seconds: float, where: str = "") -> str:
    """Say that something took too long, and in which line it is if that is known."""
    at = f" (it is at {where})" if where else ""
    return (
        f"{who} gave no complete answer within {seconds:g} s{at}; "
        "allow more with --safety-timeout."
    )
