"""The pace that servers' own words ask for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from faultserver import FaultServer

from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.providers.rate_limits import (
    Pace,
    asked_to_wait,
    read_budgets,
    read_wait,
)
from pytest_domainsafety.types import ChatRequest, Message, Sampling

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("20ms", 0.02),
        ("2026-01-01T00:00:30Z", 30),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
        (str(int(NOW.timestamp()) + 30), 30),
        (str((int(NOW.timestamp()) + 30) * 1000), 30),
        ("2025-12-31T00:00:00Z", 0),
        ("soon", None),
        ("-3", None),
        ("9" * 400, None),
        ("", None),
        (None, None),
    ],
)
def test_until_when(said, seconds):
    assert read_wait(said, NOW) == (None if seconds is None else pytest.approx(seconds))


def left(headers):
    return [tuple(budget) for budget in read_budgets(headers)]


def test_what_is_left():
    openai = {"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "2s"}
    assert left(openai) == [("requests", 3, 2, None)]
    ietf = {"ratelimit-remaining": "0", "ratelimit-reset": "5", "ratelimit-limit": "9"}
    assert left(ietf) == [("requests", 0, 5, 9)]
    assert left({"x-ratelimit-remaining-tokens": "9"}) == [("tokens", 9, 1, None)]
    assert left({"ratelimit-remaining": "0", "ratelimit-limit": "0"}) == []
    assert left({"ratelimit-remaining": "many"}) == []


def test_how_long_a_busy_server_wants_us_to_wait():
    assert asked_to_wait({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert asked_to_wait({"retry-after": "9"}) == 9
    spent = {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6s"}
    assert asked_to_wait(spent) == 6
    assert asked_to_wait({"x-ratelimit-remaining-tokens": "5"}) is None


class Clock:
    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


def held(pace, clock, tokens=1):
    """Return how long a request is held back."""
    before = clock.now

    async def ask():
        async with pace.turn(tokens):
            pass

    asyncio.run(ask())
    return clock.now - before


def budget(left, reset, kind="requests"):
    name = "x-ratelimit-{}-" + kind
    return {name.format("remaining"): str(left), name.format("reset"): reset}


def test_a_server_with_nothing_left_is_asked_when_it_has_some_again(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(clock)
    assert held(pace, clock) == 0
    pace.note(budget(2, "10s"), busy=False)
    assert [held(pace, clock) for _ in range(3)] == [0, 0, 10]
    # After that nothing is known, until it says something.
    assert held(pace, clock) == 0


def test_a_request_waits_for_the_tokens_that_it_may_take(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(clock)
    pace.note(budget(3000, "10s", "tokens"), busy=False)
    assert [held(pace, clock, 2048), held(pace, clock, 2048)] == [0, 10]


def test_a_full_budget_is_enough_whatever_a_request_may_take(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(clock)
    full = budget(1000, "60s", "tokens") | {"x-ratelimit-limit-tokens": "1000"}
    pace.note(full, busy=False)
    assert held(pace, clock, 2048) == 0


def test_after_a_429_all_wait_and_not_each_gets_one(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(clock)
    pace.note({"retry-after": "7"}, busy=True)
    assert held(pace, clock) == 7
    pace.note({"retry-after": "86400"}, busy=True)
    assert held(pace, clock) == 60


def test_a_server_that_always_says_zero_is_not_believed(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(clock)
    for _ in range(3):
        pace.note(budget(0, "60s"), busy=False)
        assert held(pace, clock) == 0


def test_a_run_keeps_within_what_a_server_says():
    """Four at a time and two in 0.3 s: without a pace most would get a 429."""
    refused, times = [], []

    async def ask(model):
        request = ChatRequest((Message("user", "hello"),), Sampling(), 7)
        replies = [await model.chat(request)]
        replies += await asyncio.gather(
            *(model.chat(request) for _ in range(5)), return_exceptions=True
        )
        await model.aclose()
        return replies

    with FaultServer() as server:
        right = server._send

        def send(writer, status, answer, headers=None):
            now = asyncio.get_event_loop().time()
            window = [time for time in times if now - time < 0.3]
            if len(window) >= 2:
                refused.append(now)
                return right(writer, 429, {"error": "slow"}, {"retry-after": "0.3"})
            times.append(now)
            reset = 0.3 - (now - window[0]) if window else 0.3
            limits = budget(1 - len(window), f"{reset + 0.02:.3f}s")
            return right(writer, status, answer, limits)

        server._send = send
        settings = ProviderSettings((f"{server.url}/v1",), timeout_s=5)
        model = OpenAIModel("openai:m", "m", settings, key_variable=None)
        replies = asyncio.run(asyncio.wait_for(ask(model), 20))
    assert sum(not isinstance(reply, Exception) for reply in replies) >= 3
    assert len(refused) <= 3
