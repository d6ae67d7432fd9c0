"""Anthropic's Messages, over plain HTTP and by the vendor's own package."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import (
    ConfigError,
    ModelNotFound,
    RequestRefused,
    ServerBusy,
    ServerUnreachable,
)
from pytest_domainsafety.providers import anthropic as provider
from pytest_domainsafety.providers.anthropic import AnthropicModel
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.text import fingerprint
from pytest_domainsafety.types import ChatRequest, Message, Sampling

KEY = "k-made-up-0123456789"
BLOCKS = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "No."}]
ENTRY = {"type": "model", "id": "c", "created_at": "2026-01-01T00:00:00Z"}
ANSWER = {
    "type": "message",
    "role": "assistant",
    "model": "c-2025",
    "content": BLOCKS,
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


@pytest.fixture(params=["http", "sdk"], autouse=True)
def way(request, monkeypatch):
    """Both ways; the second one where the package is installed."""
    if request.param == "sdk" and find_spec("anthropic") is None:
        pytest.skip("the package anthropic is not installed")
    monkeypatch.setattr(provider, "is_installed", lambda: request.param == "sdk")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setattr("faultserver.CHATS", frozenset())
    return request.param


def refusal(status, text):
    kind = "invalid_request_error"
    return status, {"type": "error", "error": {"type": kind, "message": text}}


def run(answer, calls, sampling=None, **settings):
    """Return (method, path, body) of what was asked, its headers, and the results."""
    asked = []

    def listing(method, path, body):
        asked.append((method, path.partition("?")[0], body))
        return answer(method, path, body)

    async def all_of_them(server):
        settings.setdefault("endpoints", (server.url,))
        model = AnthropicModel("anthropic:c", "c", ProviderSettings(**settings))
        try:
            return [
                await (model.describe() if call == "describe" else model.chat(call))
                for call in calls
            ]
        finally:
            await model.aclose()

    with FaultServer() as server:
        server._listing = listing
        results = asyncio.run(asyncio.wait_for(all_of_them(server), 30))
        return asked, server.headers, results


def request(**sampling):
    messages = (Message("system", "Be brief."), Message("user", "hello"))
    return ChatRequest(messages, Sampling(**sampling), 7)


def well(method, path, body):
    return 200, ENTRY if method == "GET" else ANSWER


def test_it_is_asked_and_read():
    asked, headers, (info, reply) = run(well, ["describe", request()])
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/v1/models/c"),
        ("POST", "/v1/messages"),
    ]
    body = asked[1][2]
    assert (body["system"], body["temperature"]) == ("Be brief.", 0.7)
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    sent = headers[1].get("x-api-key") or headers[1]["authorization"]
    assert sent.removeprefix("Bearer ") == KEY
    assert (reply.text, reply.reasoning, reply.finish) == ("No.", "Hm.", "stop")
    assert (reply.tokens_in, reply.tokens_out, reply.model) == (3, 2, "c-2025")
    assert info.remote


def test_a_shared_system_message_is_marked_to_be_kept_and_all_is_counted():
    """Without the mark the vendor keeps nothing; the tokens come in three parts."""
    usage = {
        "input_tokens": 100,
        "output_tokens": 2,
        "cache_read_input_tokens": 900,
        "cache_creation_input_tokens": 24,
    }
    told = ANSWER | {"usage": usage}
    shared = request()._replace(shared=True)
    asked, _, (reply, plain) = run(lambda *_: (200, told), [shared, request()])
    (block,) = asked[0][2]["system"]
    assert block == {
        "type": "text",
        "text": "Be brief.",
        "cache_control": {"type": "ephemeral"},
    }
    assert asked[1][2]["system"] == "Be brief."
    assert (reply.tokens_in, reply.tokens_cached) == (1024, 900)
    assert reply.adapted == plain.adapted == ()


@pytest.mark.parametrize(
    "complaint",
    [
        "system.0.cache_control: Extra inputs are not permitted",
        "system: Input should be a valid string",
        "Prompt caching is not supported by this model",
    ],
)
def test_a_gateway_that_knows_no_mark_is_asked_without_it(complaint):
    def picky(method, path, body):
        if method == "POST" and isinstance(body["system"], list):
            return refusal(400, complaint)
        return well(method, path, body)

    shared = request()._replace(shared=True)
    asked, _, (reply, again) = run(picky, [shared, shared])
    assert [type(body["system"]) for *_, body in asked] == [list, str, str]
    assert reply.text == "No."
    assert reply.adapted == again.adapted == ("cache_control",)


def digests_of(entry, *names):
    """Return the digests of models, of all of which one server says the same."""

    async def digest(url, name):
        model = AnthropicModel(f"anthropic:{name}", name, ProviderSettings((url,)))
        try:
            return (await model.describe()).digest
        finally:
            await model.aclose()

    with FaultServer() as server:
        server._listing = lambda method, *_: (200, entry if method == "GET" else ANSWER)
        return [asyncio.run(digest(server.url, name)) for name in names]


@pytest.mark.parametrize("entry", [ENTRY, {"data": []}, {"id": None}, {}])
def test_two_models_are_two_whatever_a_gateway_lists(entry):
    first, second, again = digests_of(entry, "model-a", "model-b", "model-a")
    assert first != second
    assert first == again


@pytest.mark.parametrize("name", ["c", "c-20260101"])
def test_what_the_vendor_lists_is_the_models_digest(name):
    known = ENTRY | {"id": name}
    expected = fingerprint("model", [name, ENTRY["created_at"]])
    assert digests_of(known, "c") == [expected]


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        (("{}",), True),
        (("{}/v1/",), True),
        (("{}/v1/messages",), True),
        (("anthropic={}",), True),
        (("anthropic={}", "http://127.0.0.1:9"), True),
    ],
)
def test_the_endpoint_is_the_one_that_was_named(settings, used):
    def go(url):
        endpoints = tuple(one.format(url) for one in settings)
        return AnthropicModel(
            "anthropic:c",
            "c",
            ProviderSettings(endpoints, providers=("anthropic", "ollama"))
            if "anthropic=" in settings[0]
            else ProviderSettings(endpoints, providers=("anthropic",)),
        )

    model = go("http://127.0.0.1:7")
    assert [server.shown for server in model._pool.servers] == ["http://127.0.0.1:7"]
    asyncio.run(model.aclose())


def test_a_key_goes_nowhere_by_mistake():
    both = ProviderSettings(("http://gpu1:11434",), providers=("anthropic", "ollama"))
    with pytest.raises(ConfigError, match="say whose it is: --safety-endpoint ollama="):
        AnthropicModel("anthropic:c", "c", both)


def test_without_a_key_it_is_said(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="ANTHROPIC_API_KEY"):
        AnthropicModel("anthropic:c", "c", ProviderSettings())


def test_what_it_refuses_is_left_out():
    def answer(method, path, body):
        if "temperature" in body:
            return refusal(400, "temperature: is deprecated for this model")
        if body.get("thinking", {}).get("type") == "enabled":
            return refusal(400, "thinking.type.enabled is not supported; use adaptive")
        return 200, ANSWER

    asked, _, (plain, thinks) = run(answer, [request(), request(think=True)])
    assert plain.adapted == ("temperature",)
    assert "thinking as adaptive" in thinks.adapted
    assert asked[-1][2]["thinking"] == {"type": "adaptive"}


def test_a_filters_rejection_is_filtered():
    _, _, (reply,) = run(
        lambda *_: refusal(400, "Output blocked by content filtering policy"),
        [request()],
    )
    assert reply.finish == "filtered"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, RequestRefused), (404, ModelNotFound), (429, ServerBusy)],
)
def test_trouble_is_in_the_houses_words(status, kind):
    with pytest.raises(kind, match=f"answered {status}: no such luck"):
        run(lambda *_: refusal(status, "no such luck"), [request()])


def test_the_list_is_a_hint():
    def answer(method, path, body):
        return refusal(403, "not yours") if method == "GET" else (200, ANSWER)

    asked, _, (info,) = run(answer, ["describe"])
    assert info.model == "c"
    assert [method for method, _, _ in asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("refusal", "filtered")],
)
def test_why_it_ended(reason, finish):
    told = ANSWER | {"stop_reason": reason}
    _, _, (reply,) = run(lambda *_: (200, told), [request()])
    assert reply.finish == finish


def test_where_nothing_answers_it_is_said():
    with pytest.raises(ServerUnreachable, match="ANTHROPIC_BASE_URL"):
        run(well, [request()], endpoints=("http://127.0.0.1:9",))
