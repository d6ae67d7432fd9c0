"""OpenAI's protocol and its dialects."""

from __future__ import annotations

import asyncio

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import (
    ConfigError,
    ModelNotFound,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.names import is_known_as
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.types import ChatRequest, Message, Sampling

KEY = "sk-very-secret"


def made(server, name="m", **more):
    settings = ProviderSettings(endpoints=(f"{server.url}/v1",), timeout_s=5)
    return OpenAIModel(f"openai:{name}", name, settings, **more)


def request(text="hello", sampling=None, **more):
    return ChatRequest((Message("user", text),), sampling or Sampling(), 7, **more)


def closing(model, *works):
    async def all_of_them():
        try:
            return [await work for work in works]
        finally:
            await model.aclose()

    return asyncio.run(asyncio.wait_for(all_of_them(), 20))


def test_the_request_says_all_there_is_to_say(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    schema = {"type": "object"}
    with FaultServer() as server:
        model = made(server)
        closing(model, model.chat(request(response_schema=schema, logprobs=3)))
    (sent,) = server.requests
    assert (sent["seed"], sent["max_tokens"], sent["temperature"]) == (7, 2048, 0.7)
    assert sent["response_format"]["json_schema"]["schema"] == schema
    assert (sent["logprobs"], sent["top_logprobs"]) == (True, 3)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_a_line_break_behind_the_key_is_no_part_of_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    with FaultServer() as server:
        model = made(server)
        closing(model, model.chat(request()))
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_the_key_is_in_no_message(monkeypatch):
    for key in (f"{KEY}\n{KEY}", f"{KEY}…", "sk-…", f"{KEY}\x1b"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with FaultServer() as server, pytest.raises(ConfigError) as caught:
            made(server)
        assert KEY not in str(caught.value)
        assert "sk-" not in str(caught.value)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    place = ProviderSettings(endpoints=(f"http://me:{KEY}@127.0.0.1:9/v1",))
    model = OpenAIModel("openai:m", "m", place)
    with pytest.raises(ServerUnreachable) as caught:
        closing(model, model.describe())
    assert KEY not in str(caught.value)
    assert "OPENAI_BASE_URL" in str(caught.value)


def test_preflight():
    with FaultServer("a", "b") as server:
        model = made(server, "b")
        (info,) = closing(model, model.describe())
        assert info.provider == "openai"
        assert not info.remote
        assert server.requests == []
        # Its list is a hint: the first chat decides, and says what there is.
        missing = made(server, "c")
        server.script("not_found")
        with pytest.raises(ModelNotFound, match="'c'; it has a, b"):
            closing(missing, missing.describe())
        unlisted = made(server, "d")
        assert closing(unlisted, unlisted.describe())[0].model == "d"


def test_a_server_without_a_list_is_fine():
    with FaultServer() as server:
        settings = ProviderSettings(endpoints=(f"{server.url}/other",))
        model = OpenAIModel("openai:m", "m", settings)
        (info,) = closing(model, model.describe())
    assert info.model == "m"


def test_the_newer_name_of_the_token_limit_is_learnt_once():
    with FaultServer() as server:
        server.legacy_limit = True
        model = made(server)
        closing(model, model.chat(request()), model.chat(request()))
    used = ["max_completion_tokens" in sent for sent in server.requests]
    assert used == [False, True, True]


def test_a_server_without_json_schema_is_asked_without():
    schema = {"type": "object"}
    with FaultServer() as server:
        server.legacy_limit = server.no_schema = True
        model = made(server)
        asked = [request(response_schema=schema) for _ in range(2)]
        closing(model, *map(model.chat, asked))
    used = ["response_format" in sent for sent in server.requests]
    assert used == [True, True, True, False, False]
    assert server.requests[2]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_the_servers_own_trace_is_apart(field):
    with FaultServer() as server:
        server.extra = {field: "Hm."}
        model = made(server)
        (reply,) = closing(model, model.chat(request()))
    assert (reply.text, reply.reasoning) == ("I can't help with that.", "Hm.")


@pytest.mark.parametrize(
    ("asked", "name", "same"),
    [
        ("gpt-4.1", "gpt-4.1", True),
        ("gpt-4.1", "gpt-4.1-2025-04-14", True),
        ("gpt-4", "gpt-4-0613", True),
        ("claude-x", "claude-x-20250514", True),
        ("model", "org/Model", True),
        ("m1", "models/m1", True),
        ("m1:free", "m1", True),
        ("org/m1:free", "org/m1", True),
        ("m1", "m1:free", True),
        ("m1", "m1:latest", True),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ("gpt-4.1", "gpt-4.1-mini-2025-04-14", False),
        ("gpt-4.1-mini", "gpt-4.1", False),
        ("gpt-4.1", "gpt-4.10", False),
        ("gpt-4.1", "gpt-3.5", False),
        ("llama3:8b", "llama3:70b", False),
        ("prod-chat", "gpt-4.1-2025-04-14", False),
    ],
)
def test_names_of_one_model(asked, name, same):
    assert is_known_as(asked, name) == same


@pytest.mark.parametrize("answered", ["gpt-4.1-2025-04-14", "gpt-4.1-mini", "other"])
def test_a_served_name_is_recorded_and_not_policed(answered):
    with FaultServer("prod-chat") as server:
        right = server._openai
        server._openai = lambda *told: right(*told) | {"model": answered}
        model = made(server, "prod-chat")
        _, reply = closing(model, model.describe(), model.chat(request()))
    assert reply.model == answered


@pytest.mark.parametrize(
    ("listed", "asked", "accepted"),
    [
        ("models/m1", "m1", True),
        ("m1", "m1:free", True),
        ("gpt-4.1-2025-04-14", "gpt-4.1", True),
        ("gpt-4.1-mini", "gpt-4.1", False),
        ("m2", "m1", False),
    ],
)
def test_the_list_of_models_is_read_by_what_is_meant(listed, asked, accepted):
    with FaultServer(listed) as server:
        model = made(server, asked)
        if accepted:
            assert closing(model, model.describe())[0].model == asked
        else:
            server.script("not_found")
            with pytest.raises(ModelNotFound, match=f"it has {listed}"):
                closing(model, model.describe())
