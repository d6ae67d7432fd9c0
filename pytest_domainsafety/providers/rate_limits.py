"""What servers say of their limits, and a pace that keeps within them.

A server that tells how many requests or tokens are left is not asked for more until it
has some again: a 429 costs a request, and on some servers a penalty. What it says is
believed once it has proved to mean something: it had something left, or said 429.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

LONGEST_HOLD_S = 60.0
"""That a request is held back, whatever a server says of its day's limit."""
# Azure tells what is left and not until when; it counts in windows of seconds.
UNSAID_S = 1.0
# Beyond these a number is a date in seconds, or in milliseconds.
DATE_S, DATE_MS = 1e9, 1e12


class Budget(NamedTuple):
    """What is left of one of a server's limits.

    Attributes:
        kind: `requests` or `tokens`.
        left: How many.
        limit: How many there are at most; None where that is not said.
        reset_s: Seconds until there are all of them again.
    """

    kind: str
    left: float
    reset_s: float
    limit: float | None = None


# Limit, rest and renewal: OpenAI's and most others', Anthropic's, the IETF's drafts.
_HEADERS = (
    ("requests", "x-ratelimit-{}-requests"),
    ("tokens", "x-ratelimit-{}-tokens"),
    ("requests", "anthropic-ratelimit-requests-{}"),
    ("tokens", "anthropic-ratelimit-tokens-{}"),
    ("tokens", "anthropic-ratelimit-input-tokens-{}"),
    ("tokens", "anthropic-ratelimit-output-tokens-{}"),
    ("requests", "ratelimit-{}"),
    ("requests", "x-ratelimit-{}"),
)


def read_budgets(headers: Mapping[str, str]) -> Iterator[Budget]:
    """Yield what an answer's headers say of limits; what can't be read is nothing."""
    for kind, pattern in _HEADERS:
        left = _number(headers.get(pattern.format("remaining")))
        limit = _number(headers.get(pattern.format("limit")))
        if left is None or limit == 0:
            continue
        reset = read_wait(headers.get(pattern.format("reset")))
        yield Budget(kind, left, UNSAID_S if reset is None else reset, limit)


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a server that is busy wants us to wait, if it says so."""
    exact = _number(headers.get("retry-after-ms"))
    if exact is not None:
        return exact / 1000
    told = read_wait(headers.get("retry-after"))
    if told is not None:
        return told
    resets = [budget.reset_s for budget in read_budgets(headers) if budget.left <= 0]
    return max(resets, default=None)


_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|[dhms])")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def read_wait(value: str | None, now: datetime | None = None) -> float | None:
    """Read until when to wait: seconds, ``6m0.5s``, a date, or a date as a number.

    Returns:
        Seconds from `now`, never negative; None where nothing usable is said.
    """
    text = (value or "").strip()[:64]
    now = now or datetime.now(UTC)
    number = _number(text)
    if number is not None:
        if number >= DATE_S:
            number = number / (1000 if number >= DATE_MS else 1) - now.timestamp()
        return max(0.0, number)
    if text and not _DURATION.sub("", text):
        return sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(text))
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


def _number(value: str | None) -> float | None:
    text = (value or "").strip()
    plain = text.isascii() and len(text) < 20 and text.replace(".", "", 1).isdigit()
    return float(text) if plain else None


class Pace:
    """When one server may be asked again.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no limit known."""
        self._clock = clock
        self._in_flight = 0
        self._believed: set[str] = set()
        self._left: dict[str, float] = {}
        self._until: dict[str, float] = {}
        self._limits: dict[str, float | None] = {}

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[None]:
        """Wait until the server has something left for a request, and take it.

        Args:
            tokens: That the request may take: vendors set so many aside.
        """
        give_up = self._clock() + LONGEST_HOLD_S
        while (wait := min(self._wait(tokens), give_up - self._clock())) > 0:
            await asyncio.sleep(wait)
        for kind, taken in (("requests", 1), ("tokens", tokens)):
            if kind in self._left:
                self._left[kind] -= taken
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _wait(self, tokens: int) -> float:
        now = self._clock()
        waits = [0.0]
        for kind, needed in (("requests", 1), ("tokens", tokens)):
            if kind not in self._left:
                continue
            if now >= self._until[kind]:
                del self._left[kind]
            elif kind in self._believed and self._left[kind] < min(
                needed, self._limits.get(kind) or needed
            ):
                waits.append(self._until[kind] - now)
        return max(waits)

    def note(self, headers: Mapping[str, str], *, busy: bool) -> None:
        """Note what an answer says.

        Args:
            headers: The answer's.
            busy: Whether it was a 429.
        """
        # Most servers say nothing, and to look for each header takes its time.
        if not busy and "ratelimit" not in " ".join(headers).casefold():
            return
        others = max(0, self._in_flight - 1)
        tightest: dict[str, Budget] = {}
        for budget in read_budgets(headers):
            if budget.left > 0 or busy:
                self._believed.add(budget.kind)
            known = tightest.setdefault(budget.kind, budget)
            if budget.left < known.left:
                tightest[budget.kind] = budget
        wait = asked_to_wait(headers) if busy else None
        if wait is not None:
            self._believed.add("requests")
            tightest["requests"] = Budget("requests", 0, wait)
        for kind, budget in tightest.items():
            # Those in flight may not be counted yet.
            self._left[kind] = budget.left - (others if kind == "requests" else 0)
            self._until[kind] = self._clock() + budget.reset_s
            self._limits[kind] = budget.limit
