"""Several servers for one model: least in flight first, failing ones set aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pytest_domainsafety.errors import (
    ProviderError,
    RequestTimeout,
    ServerBusy,
    ServerUnreachable,
    TransientError,
)
from pytest_domainsafety.providers.http import HttpServer

# After one failure; doubled with each further one in a row.
FIRST_REST_S = 1.0
# So that a server that comes back is asked again within a minute.
LONGEST_REST_S = 60.0


@dataclass(slots=True)
class _Member:
    server: HttpServer
    in_flight: int = 0
    failures: int = 0
    rests_until: float = 0.0

    def rest(self, now: float, error: ProviderError) -> None:
        """Let it rest after a failure, for as long as it asks for if it does."""
        seconds = FIRST_REST_S * 2 ** (self.failures - 1)
        if isinstance(error, ServerBusy) and error.retry_after is not None:
            seconds = max(seconds, error.retry_after)
        self.rests_until = max(self.rests_until, now + min(seconds, LONGEST_REST_S))


class Pool:
    """Chooses the server of each request.

    A server that can't be reached, fails, times out or asks for patience rests for a
    second, or for as long as it asks, twice as long each time until it answers again;
    while all rest, the one whose rest ends first is tried, so that a lone server is
    always asked.

    Args:
        servers: At least one.
        clock: Seconds that only grow.
    """

    def __init__(
        self, servers: list[HttpServer], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with every server in good health."""
        self._members = [_Member(server) for server in servers]
        self._clock = clock

    @property
    def servers(self) -> list[HttpServer]:
        """All servers, the resting ones included."""
        return [member.server for member in self._members]

    @contextmanager
    def choose(self) -> Iterator[HttpServer]:
        """Lend the best server for one request, and note how it fared.

        Raises:
            ProviderError: What went wrong inside the block; it says whether another
                server can be asked instead, at once.
        """
        awake = self._awake()
        if awake:
            member = min(awake, key=lambda member: member.in_flight)
        else:
            member = min(self._members, key=lambda member: member.rests_until)
        member.in_flight += 1
        known = member.failures
        try:
            yield member.server
        except (ServerUnreachable, TransientError) as error:
            # What was in flight together fails together: once.
            member.failures = max(member.failures, known + 1)
            member.rest(self._clock(), error)
            # Not after a time-out: that has cost a request's whole time already.
            late = isinstance(error, RequestTimeout)
            error.elsewhere = not late and bool(self._awake())
            raise
        else:
            member.failures = 0
            member.rests_until = 0.0
        finally:
            member.in_flight -= 1

    def _awake(self) -> list[_Member]:
        """Return who may be asked.

        One that has rested is tried with a single request: if it still hangs, no more
        than that one waits for it.
        """
        now = self._clock()
        return [
            member
            for member in self._members
            if member.rests_until <= now and not (member.failures and member.in_flight)
        ]

    async def aclose(self) -> None:
        """Close every server's connections."""
        for server in self.servers:
            await server.aclose()
