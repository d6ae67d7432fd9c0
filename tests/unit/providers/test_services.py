"""Azure, Responses, keys, names of providers, and servers that load their model."""

from __future__ import annotations

import asyncio

import pytest
from faultserver import FaultServer

from pytest_domainsafety.engine import Plan
from pytest_domainsafety.engine.preflight import look_at, provider_settings
from pytest_domainsafety.errors import (
    ConfigError,
    ModelNotFound,
    RequestRefused,
    ServerLoading,
)
from pytest_domainsafety.providers.azure import AzureModel
from pytest_domainsafety.providers.base import ProviderSettings, reply_kind
from pytest_domainsafety.providers.endpoints import read_azure, read_endpoint
from pytest_domainsafety.providers.keys import key_of
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.providers.registry import parse_model_name
from pytest_domainsafety.types import ChatRequest, Message, Sampling

KEY = "k-made-up-0123456789"
SAID = {"message": {"role": "assistant", "content": "No."}, "finish_reason": "stop"}


def request(**more):
    return ChatRequest((Message("user", "hello"),), Sampling(), 7, **more)


class Service:
    """Answers by path; notes what it was asked."""

    def __init__(self, monkeypatch, answer):
        monkeypatch.setattr("faultserver.CHATS", frozenset())
        self.asked = []
        self._answer = answer

    def listing(self, method, path, body):
        self.asked.append((method, path, body))
        return self._answer(method, path, body)


def served(monkeypatch, answer, make, *calls):
    """Run calls on a model against a service; return both."""
    service = Service(monkeypatch, answer)

    async def all_of_them(server):
        model = make(server)
        try:
            return [await call(model) for call in calls]
        finally:
            await model.aclose()

    with FaultServer() as server:
        server._listing = service.listing
        results = asyncio.run(asyncio.wait_for(all_of_them(server), 20))
        service.headers = server.headers
    return service, results


def chat(model):
    return model.chat(request())


def describe(model):
    return model.describe()


# ── Azure ───────────────────────────────────────────────────────────────────

DEPLOYMENT = "/openai/deployments/prod"


def azure_answers(method, path, body):
    right = path.startswith(f"{DEPLOYMENT}/chat/completions?api-version=")
    if right and method == "POST":
        return 200, {"model": "gpt-4.1-2025-04-14", "choices": [SAID]}
    return 404, {"error": {"code": "DeploymentNotFound", "message": "no deployment"}}


@pytest.mark.parametrize(
    ("typed", "endpoint", "version"),
    [
        ("prod", "{}", "2024-10-21"),
        ("prod", "azure={}/", "2024-10-21"),
        ("prod", "{}/openai", "2024-10-21"),
        ("prod", "{}?api-version=2025-01-01", "2025-01-01"),
        ("prod", f"{{}}{DEPLOYMENT}", "2024-10-21"),
        ("prod", f"{{}}{DEPLOYMENT}/chat/completions?api-version=v9", "v9"),
        (f"{{}}{DEPLOYMENT}/chat/completions?api-version=v9", "", "v9"),
    ],
)
def test_azure_by_its_deployment_and_by_its_address(
    monkeypatch, typed, endpoint, version
):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)

    def make(server):
        rest = typed.format(server.url)
        endpoints = (endpoint.format(server.url),) if endpoint else ()
        return AzureModel(f"azure:{rest}", rest, ProviderSettings(endpoints))

    service, (info, reply) = served(monkeypatch, azure_answers, make, describe, chat)
    assert reply.text == "No."
    assert (info.provider, info.identity) == ("azure", "name")
    _, path, body = service.asked[-1]
    assert path == f"{DEPLOYMENT}/chat/completions?api-version={version}"
    assert body["model"] == "prod"
    assert service.headers[-1]["api-key"] == KEY
    assert "authorization" not in service.headers[-1]


def test_azure_by_its_variables(monkeypatch):
    monkeypatch.setenv("OPENAI_API_VERSION", "v7")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "entra-token-0123")
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        AzureModel("azure:prod", "prod", ProviderSettings())

    def make(server):
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url)
        return AzureModel("azure:prod", "prod", ProviderSettings())

    service, _ = served(monkeypatch, azure_answers, make, chat)
    assert service.asked[-1][1].endswith("?api-version=v7")
    assert service.headers[-1]["authorization"] == "Bearer entra-token-0123"


def test_a_deployment_that_is_not_there_is_said_before_the_run(monkeypatch):
    def make(server):
        settings = ProviderSettings((server.url,))
        return AzureModel("azure:other", "other", settings)

    with pytest.raises(ModelNotFound, match="no deployment"):
        served(monkeypatch, azure_answers, make, describe)


def test_addresses_as_people_write_them():
    plain = read_endpoint("http://h:8000/v1")
    assert plain == read_endpoint("http://h:8000/v1/chat/completions/")
    assert read_endpoint("http://h/v1/responses").prefers_responses
    assert read_endpoint("http://h/v1?key=x").chat == "/chat/completions?key=x"
    v1 = read_azure("https://n.openai.azure.com/openai/v1/", "d")
    assert (v1.base, v1.chat) == (
        "https://n.openai.azure.com/openai/v1",
        "/chat/completions",
    )
    foundry = read_azure("https://n.services.ai.azure.com/models", "d")
    assert foundry.chat == "/chat/completions?api-version=2024-10-21"
    own = read_endpoint("https://n.openai.azure.com/openai/deployments/d?api-version=v")
    assert own.azure
    assert own.chat == "/openai/deployments/d/chat/completions?api-version=v"
    assert not read_endpoint("https://azure.com.example/v1").azure
    with pytest.raises(ConfigError, match="deployment 'b'"):
        read_azure("https://n.openai.azure.com/openai/deployments/b", "a")
    with pytest.raises(ConfigError, match="names no deployment"):
        AzureModel("azure:https://n/x", "https://n/x", ProviderSettings())


# ── Responses ───────────────────────────────────────────────────────────────

OUTPUT = [
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "message", "content": [{"type": "output_text", "text": "No."}]},
]


def openai(server, **more):
    settings = ProviderSettings((f"{server.url}/v1",), **more)
    return OpenAIModel("openai:m", "m", settings, key_variable=None)


def only_responses(status, said, answer=None):
    """A server that answers chats with a status, and Responses well."""
    whole = {"model": "m", "status": "completed", "output": OUTPUT} | (answer or {})

    def answers(method, path, body):
        if path == "/v1/chat/completions":
            return status, said
        if path != "/v1/responses":
            return 404, {"error": {"message": "Not found"}}
        if "temperature" in body:
            return 400, {"error": {"message": "no", "param": "temperature"}}
        return 200, whole

    return answers


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, {"error": {"message": "m is only supported in v1/responses"}}),
        (400, {"error": {"message": "Use the Responses API for this model"}}),
        (404, b"404 page not found"),
        (405, {"detail": "Method Not Allowed"}),
    ],
)
def test_responses_where_there_is_no_chat(monkeypatch, status, said):
    answers = only_responses(status, said)
    service, replies = served(monkeypatch, answers, openai, chat, chat)
    for reply in replies:
        assert (reply.text, reply.reasoning, reply.finish) == ("No.", "Hm.", "stop")
        assert reply.adapted == ("chat completions as responses", "temperature")
    paths = [path for _, path, _ in service.asked]
    assert paths.count("/v1/chat/completions") == 1
    body = service.asked[-1][2]
    assert body["input"] == [{"role": "user", "content": "hello"}]
    assert (body["max_output_tokens"], body["store"]) == (2048, False)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"output": [], "status": "completed"}, "silent"),
        (
            {
                "output": [],
                "status": "incomplete",
                "incomplete_details": {"reason": "content_filter"},
            },
            "filtered",
        ),
        (
            {
                "output": OUTPUT[:1],
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
            },
            "truncated",
        ),
        ({"output": OUTPUT[:1]}, "unscored"),
        ({"output": [], "status": "queued"}, "unscored"),
        ({"output": [{"type": "function_call", "arguments": "{}"}]}, "unscored"),
        ({"output": [*OUTPUT, {"type": "mcp_call"}]}, "unscored"),
    ],
)
def test_what_a_response_is(monkeypatch, answer, kind):
    answers = only_responses(404, {"error": {"message": "see /responses"}}, answer)
    _, (reply,) = served(monkeypatch, answers, openai, chat)
    assert reply_kind(reply)[0] == kind


def test_a_model_that_is_nowhere_is_not_found(monkeypatch):
    def answers(method, path, body):
        return 404, {"error": {"message": "The model 'm' does not exist"}}

    with pytest.raises(ModelNotFound, match="does not exist"):
        served(monkeypatch, answers, openai, chat)


def test_an_address_without_its_end_is_told_it(monkeypatch):
    def answers(method, path, body):
        return 404, {"detail": "Not Found"}

    def make(server):
        return OpenAIModel("openai:m", "m", ProviderSettings((server.url,)))

    with pytest.raises(ModelNotFound, match="ends in /v1: http://127"):
        served(monkeypatch, answers, make, describe)


# ── the list of models, and a model that loads ──────────────────────────────


@pytest.mark.parametrize(
    "listed",
    [
        (403, {"error": {"message": "Missing scopes: api.model.read"}}),
        (503, {"error": {"message": "Loading model"}}),
        (401, {"error": {"message": "not with this key"}}),
        (500, b"oops"),
        (200, b"<html>"),
        (200, {"data": [{"id": "another"}]}),
    ],
)
def test_a_list_is_a_hint_and_the_first_chat_decides(monkeypatch, listed):
    def answers(method, path, body):
        return listed if method == "GET" else (200, {"choices": [SAID]})

    service, (info,) = served(monkeypatch, answers, openai, describe)
    assert info.model == "m"
    assert [method for method, _, _ in service.asked] == ["GET", "POST"]

    def refuses(method, path, body):
        return listed if method == "GET" else (401, {"error": {"message": "bad key"}})

    with pytest.raises(RequestRefused, match="bad key"):
        served(monkeypatch, refuses, openai, describe)


def test_with_a_strict_name_the_list_is_a_gate(monkeypatch):
    def answers(method, path, body):
        if method == "GET":
            return 200, {"data": [{"id": "another"}]}
        return 200, {"choices": [SAID]}

    with pytest.raises(ModelNotFound, match="it has another"):
        served(monkeypatch, answers, lambda s: openai(s, strict_name=True), describe)


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"code": 503, "message": "Loading model"}},
        {"error": "Model m is currently loading", "estimated_time": 20.0},
        {"detail": "not ready"},
    ],
)
def test_a_model_that_loads_is_waited_for(monkeypatch, tmp_path, said):
    monkeypatch.setattr("pytest_domainsafety.engine.asking.LOADING_WAIT_S", 0.01)
    left = [5]

    def answers(method, path, body):
        left[0] -= 1
        return (503, said) if left[0] > 0 else (200, {"choices": [SAID]})

    plan = Plan("run", ("openai:m",), (), tmp_path / "s.db", retries=0, timeout_s=5)
    _, (info,) = served(
        monkeypatch, answers, openai, lambda model: look_at(model, plan)
    )
    assert info.model == "m"


def test_but_not_for_ever(monkeypatch, tmp_path):
    monkeypatch.setattr("pytest_domainsafety.engine.asking.LOADING_WAIT_S", 0.01)
    plan = Plan("run", ("openai:m",), (), tmp_path / "s.db", retries=0, timeout_s=0.1)

    def answers(method, path, body):
        return 503, {"error": {"message": "Loading model"}}

    with pytest.raises(ServerLoading, match="Loading model"):
        served(monkeypatch, answers, openai, lambda model: look_at(model, plan))


# ── keys ────────────────────────────────────────────────────────────────────


def test_the_users_own_variable_and_file_hold_the_key(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "usual-key")
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    file = tmp_path / "key"
    file.write_text(f"{KEY}-from-a-file\n")
    assert key_of(ProviderSettings(), "openai", "OPENAI_API_KEY") == "usual-key"
    bare = ProviderSettings(key_variables=("MY_KEY",))
    assert key_of(bare, "openai", "OPENAI_API_KEY") == KEY
    # No server of one's own, and no other vendor's, gets what was not meant for it.
    assert key_of(bare, "ollama", "OLLAMA_API_KEY") is None
    other = ProviderSettings(key_variables=("anthropic=MY_KEY",))
    assert key_of(other, "openai", "OPENAI_API_KEY") == "usual-key"
    own = ProviderSettings(key_files=(f"openai={file}",))
    assert key_of(own, "openai", "OPENAI_API_KEY") == f"{KEY}-from-a-file"


def test_keys_that_are_none_or_anybodys_are_refused(monkeypatch, tmp_path):
    monkeypatch.delenv("NO_KEY", raising=False)
    with pytest.raises(ConfigError, match="NO_KEY: that variable is not set"):
        key_of(ProviderSettings(key_variables=("NO_KEY",)), "openai")
    for text in ("", "two\nlines"):
        (tmp_path / "key").write_text(text)
        with pytest.raises(ConfigError, match="one line"):
            key_of(ProviderSettings(key_files=(str(tmp_path / "key"),)), "openai")
    with pytest.raises(ConfigError, match="can't be read"):
        key_of(ProviderSettings(key_files=(str(tmp_path / "gone"),)), "openai")
    both = provider_settings(
        Plan("r", (), (), tmp_path / "s.db", key_variables=("MY_KEY",)),
        ["openai:m", "anthropic:c", "llama3.3"],
    )
    with pytest.raises(ConfigError, match="anthropic and openai, so say whose"):
        key_of(both, "openai")


# ── names of providers ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "vllm:mistral-7b",
        "vLLM:Qwen/Qwen3-8B",
        "groq:llama-3.3-70b-versatile",
        "openrouter:meta/llama:free",
        "gemini:gemini-2.5-pro",
        "llama.cpp:model",
        "azure_openai:prod",
        "https://host/v1",
        "acme:gpt-4.1",
        "acme:claude-sonnet-4-5",
        "acme:org/model",
        "acme:a:b",
    ],
)
def test_words_that_are_no_provider_are_refused_with_the_list(name):
    with pytest.raises(ConfigError, match="anthropic, azure, command") as caught:
        parse_model_name(name)
    assert "--safety-endpoint" in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "mistral:7b",
        "qwen:0.5b-chat-q4_K_M",
        "gemma3n:e4b",
        "deepseek-r1:latest",
        "my-model:v2",
        "hf.co/org/repo:Q4_K_M",
        "huggingface.co/org/repo:latest",
        "registry:5000/me/model:tag",
        "localhost:5000/me/model",
        "me/model:tag",
        "custom:latest",
        "claude:7b",
        "gpt-oss:20b",
        "gpt-oss:120b-cloud",
        "llama3.3:70b-instruct-q4_K_M",
    ],
)
def test_ollamas_names_have_colons_too(name):
    assert parse_model_name(name) == ("ollama", name)
