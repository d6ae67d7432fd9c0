"""Every fault of a server becomes the error that says what may be done about it."""

from __future__ import annotations

import asyncio

import pytest
from faultserver import FAULTS, OK, FaultServer

from pytest_domainsafety.errors import (
    BadAnswer,
    ModelNotFound,
    PromptTooLong,
    ProviderError,
    RequestRefused,
    RequestTimeout,
    ServerBusy,
    ServerFault,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling

PROMPT = "word " * 200  # 1,000 characters: more than the window below
NATIVE = {
    "reset": {ServerFault, BadAnswer},
    "half": {BadAnswer},
    "html": {BadAnswer},
    "busy": {ServerBusy},
    "busy_after": {ServerBusy},
    "limit": {ServerBusy},
    "limit_after": {ServerBusy},
    "error": {ServerFault},
    "stream_error": {ServerFault},
    "hang": {RequestTimeout},
    "slow": {RequestTimeout},
    "filtered_400": {RequestRefused},
    "truncated": {PromptTooLong},
    "overflow": {PromptTooLong},
    "list": {BadAnswer},
    "not_found": {ModelNotFound},
    "redirect": {BadAnswer},
}
REPLIES = {
    "empty": "stop",
    "length": "length",
    "filtered": "stop",
    "wrong_model": "stop",  # recorded, and held to one name by the engine
}
OPENAI_REPLIES = {
    **REPLIES,
    "filtered": "filtered",
    "filtered_400": "filtered",
    "truncated": "stop",
}


def request(text=PROMPT, **more):
    sampling = Sampling(num_ctx=512, **more)
    return ChatRequest((Message("user", text),), sampling, 7)


def made(server, provider, wait_s=1.0):
    path = "/v1" if provider == "openai" else ""
    settings = ProviderSettings(
        endpoints=(server.url + path,), timeout_s=wait_s, load_timeout_s=wait_s
    )
    return create_model(f"{provider}:m", settings)


def ask(model, *requests):
    async def all_of_them():
        try:
            return await asyncio.gather(
                *(model.chat(one) for one in requests), return_exceptions=True
            )
        finally:
            await model.aclose()

    return asyncio.run(all_of_them())


def test_every_fault_has_its_place():
    assert set(NATIVE) | set(REPLIES) == set(FAULTS)


@pytest.mark.parametrize("provider", ["ollama", "openai"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_alone(provider, fault):
    replies = OPENAI_REPLIES if provider == "openai" else REPLIES
    with FaultServer() as server:
        server.script(fault)
        (got,) = ask(made(server, provider), request())
    if fault in replies:
        assert not isinstance(got, Exception), got
        assert got.finish == replies[fault]
        assert (got.text == "") == (fault not in ("truncated", "wrong_model"))
    else:
        assert type(got) in NATIVE[fault]
        assert PROMPT[:20] not in str(got)


@pytest.mark.parametrize("provider", ["ollama", "openai"])
@pytest.mark.parametrize("fault", sorted(NATIVE))
def test_the_next_request_is_served(provider, fault):
    """No fault leaves a connection behind that spoils a later answer."""
    with FaultServer() as server:
        model = made(server, provider)
        server.script(fault, OK, OK)

        async def one_after_the_other():
            got = []
            for _ in range(3):
                try:
                    got.append((await model.chat(request())).text)
                except ProviderError as error:
                    got.append(error)
            await model.aclose()
            return got

        got = asyncio.run(one_after_the_other())
    assert got[1:] == ["I can't help with that."] * 2


@pytest.mark.parametrize("provider", ["ollama", "openai"])
@pytest.mark.parametrize(
    ("fault", "seconds"), [("busy", None), ("busy_after", 7.0), ("limit_after", 3.0)]
)
def test_the_servers_own_wish_is_kept(provider, fault, seconds):
    with FaultServer() as server:
        server.script(fault)
        (got,) = ask(made(server, provider), request())
    assert got.retry_after == seconds


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_many_at_once_each_get_their_own_answer(provider):
    with FaultServer() as server:
        server.answer = lambda messages: messages[-1]["content"]
        wanted = [f"prompt {number}" for number in range(200)]
        replies = ask(made(server, provider, wait_s=60.0), *map(request, wanted))
    assert [reply.text for reply in replies] == wanted


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_a_cancelled_request_closes_its_connection(provider):
    with FaultServer() as server:
        model = made(server, provider)
        server.script("hang")

        async def cancel():
            task = asyncio.create_task(model.chat(request()))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while not server.cancelled:
                await asyncio.sleep(0.01)
            text = (await model.chat(request())).text
            await model.aclose()
            return text

        assert asyncio.run(asyncio.wait_for(cancel(), 5)).startswith("I can't")


@pytest.mark.parametrize("provider", ["ollama", "openai"])
def test_silence_is_limited_apart_from_the_whole(provider):
    """A body that comes byte by byte is slow, but not silent."""
    with FaultServer() as server:
        server.script("hang", "slow")
        path = "/v1" if provider == "openai" else ""
        name = "openai:m" if provider == "openai" else "m"
        settings = ProviderSettings(
            endpoints=(server.url + path,), timeout_s=60, read_timeout_s=0.5
        )

        async def ask():
            model = create_model(name, settings)
            try:
                with pytest.raises(RequestTimeout):
                    await model.chat(request("hello"))
                assert (await model.chat(request("hello"))).text
            finally:
                await model.aclose()

        asyncio.run(ask())


def test_wild_text_is_cleaned_and_split_once():
    with FaultServer() as server:
        server.answer = lambda _: "<think>hm\x1b</think>No\ud83d\x00."
        (reply,) = ask(made(server, "ollama"), request("caf\ud83d"))
    assert reply.text == "No\ufffd\ufffd."
    assert reply.reasoning == "hm\ufffd"
    assert reply.cleaned
