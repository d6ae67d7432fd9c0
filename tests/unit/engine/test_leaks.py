"""What the leak check makes of a reply: no answer is no proof that nothing leaked."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from pytest_domainsafety.engine.leaks import check_leaks, halves
from pytest_domainsafety.errors import ServerFault
from pytest_domainsafety.providers.base import build_reply
from pytest_domainsafety.types import Sampling

CANARY = "sheds canary 3f0c6a52-9d1b-4e77-8a40-5b21c7d9e6f3"
REST = "-8a40-5b21c7d9e6f3"


def test_what_is_looked_for():
    shown, wanted = halves(CANARY) or ("", "")
    assert REST in CANARY.removeprefix(shown)
    assert wanted in REST


def leaks(reply):
    async def ask(_model, _request):
        if isinstance(reply, Exception):
            raise reply
        return reply

    target = SimpleNamespace(model=SimpleNamespace(name="m"), sampling=Sampling())
    return asyncio.run(check_leaks({"a.yaml": CANARY}, [target], ask, 7))["m"]["a.yaml"]


@pytest.mark.parametrize(
    "reply",
    [
        build_reply("", finish="filtered"),
        build_reply("", finish="length"),
        build_reply("", finish=None),
        build_reply("", reasoning="Hm."),
        build_reply("I call", tool_call=True),
        build_reply("I", finish="who_knows"),
        ServerFault("The server failed."),
    ],
)
def test_what_is_no_answer_tells_nothing(reply):
    assert leaks(reply) is None


@pytest.mark.parametrize("text", ["I don't know it.", ""])
def test_an_answer_without_it_is_a_no(text):
    assert leaks(build_reply(text)) is False


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_its_second_half_is_a_yes(finish):
    assert leaks(build_reply(f"It goes on: {REST.upper()}", finish=finish)) is True
