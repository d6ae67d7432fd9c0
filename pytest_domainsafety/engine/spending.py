"""What one request cost: tokens as the server counts them, or as the texts tell.

A server's counts are not taken on trust: one that says nothing, 0 or nonsense would
make a budget look unspent. What can't be true of the texts that went and came is
worked out from their length, and counted as an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from pytest_domainsafety.judging.llm import BYTES_A_TOKEN
from pytest_domainsafety.types import ChatRequest, Reply

MOST_BYTES_A_TOKEN = 16
"""Of UTF-8, over a whole text; more would be no tokens of a language model. A server
that leaves what its cache held out of its count comes under it, too."""
MOST_TOKENS = 2**24
"""Of one request or answer; windows of today's models end a little below."""
TOKENS_A_MESSAGE = 4
"""That a chat template puts around it."""


class Usage(NamedTuple):
    """What one request cost.

    Attributes:
        tokens_in: Of the prompt, those from a cache included.
        tokens_out: Of the answer, its trace included.
        cached: Of `tokens_in` what the server took from its cache.
        estimated: Whether a count was worked out from a text's length.
    """

    tokens_in: int
    tokens_out: int = 0
    cached: int = 0
    estimated: bool = False


def tokens_of(texts: Iterable[str]) -> int:
    """Return about how many tokens some messages are; rather too many."""
    sizes = [len(text.encode(errors="replace")) for text in texts]
    return math.ceil(sum(sizes) / BYTES_A_TOKEN) + TOKENS_A_MESSAGE * len(sizes)


def prompt_tokens(request: ChatRequest) -> int:
    """Return about how many tokens a request's prompt is."""
    return tokens_of(message.content for message in request.messages)


def usage_of(request: ChatRequest, reply: Reply) -> Usage:
    """Return what a request cost that was answered."""
    asked = [message.content for message in request.messages]
    came = [reply.text, reply.reasoning]
    tokens_in, in_estimated = _held(reply.tokens_in, asked)
    tokens_out, out_estimated = _held(reply.tokens_out, came)
    cached = reply.tokens_cached or 0
    if in_estimated or not 0 <= cached <= tokens_in:
        cached = 0  # what is not known to come from a cache costs as any
    return Usage(tokens_in, tokens_out, cached, in_estimated or out_estimated)


def usage_of_failed(request: ChatRequest) -> Usage:
    """Return what a request cost that came to no answer: its prompt was read."""
    return Usage(prompt_tokens(request), estimated=True)


def _held(count: int | None, texts: list[str]) -> tuple[int, bool]:
    """Return a count that can be true of texts, and whether it is an estimate."""
    size = sum(len(text.encode(errors="replace")) for text in texts)
    least = size // MOST_BYTES_A_TOKEN
    if count is not None and least <= count <= MOST_TOKENS and (count or not size):
        return count, False
    return tokens_of(text for text in texts if text), bool(size) or count is not None
