"""Servers whose JSON has odd types where text, lists or numbers belong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

import pytest
from damaged_files import ODD, damaged

from pytest_domainsafety.errors import DomainSafetyError
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.http import HttpServer
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, ModelInfo, Reply, Sampling

SEEDS = 60
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": None}
SERVERS: dict[str, dict[str, Any]] = {
    "ollama:m": {
        "/api/version": {"version": "0.9"},
        "/api/tags": {"models": [{"name": "m:latest", "model": "m:latest"}]},
        "/api/ps": {"models": [{"name": "m:latest", "model": "m:latest"}]},
        "/api/show": {
            "details": {
                "family": "f",
                "parameter_size": "1B",
                "quantization_level": "Q4",
            },
            "model_info": {"general.architecture": "f", "f.context_length": 4096},
            "template": "{{ .Prompt }}",
            "system": "Be kind.",
            "capabilities": ["completion", "thinking"],
        },
        "/api/chat": {
            "model": "m",
            "message": {"role": "assistant", "content": "No.", "thinking": "hm"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 4,
            "load_duration": 5,
            "logprobs": [
                {
                    "token": "N",
                    "logprob": -0.1,
                    "top_logprobs": [{"token": "N", "logprob": -0.1}],
                }
            ],
        },
    },
    "openai:m": {
        "/models": {
            "data": [
                {
                    "id": "m",
                    "owned_by": "me",
                    "root": "r",
                    "max_model_len": 4096,
                    "meta": {"n_ctx": 1},
                }
            ]
        },
        "/chat/completions": {
            "model": "m",
            "choices": [
                {
                    "finish_reason": "stop",
                    "message": {
                        "role": "assistant",
                        "content": "No.",
                        "reasoning_content": "hm",
                    },
                    "logprobs": {
                        "content": [
                            {
                                "token": "N",
                                "logprob": -0.1,
                                "top_logprobs": [{"token": "N", "logprob": -0.1}],
                            }
                        ]
                    },
                }
            ],
            "usage": USAGE,
        },
    },
    "anthropic:m": {
        "/v1/models": {"data": [{"id": "m", "display_name": "M"}]},
        "/v1/models/m": {"id": "m", "display_name": "M"},
        "/v1/messages": {
            "model": "m",
            "type": "message",
            "content": [{"type": "text", "text": "No."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 4},
        },
    },
}


class Told(NamedTuple):
    """What a server says."""

    content: bytes
    status_code: int = 200
    headers: Mapping[str, str] = {"content-type": "application/json"}


REQUEST = ChatRequest(
    messages=(Message("user", "hello"),), sampling=Sampling(), seed=7, logprobs=3
)


def asked(name: str, documents: dict[str, Any], monkeypatch) -> list[Any]:
    """Return what a model says of itself and to a request, or why not."""

    async def send(self, method, path, body=None):
        for end in sorted(documents, key=len, reverse=True):
            if path.endswith(end) or end.endswith(path):
                return Told(json.dumps(documents[end]).encode())
        return Told(b"{}", 404)

    async def forward(self, method, path, body=None, headers=None):
        return await send(self, method, path)

    monkeypatch.setattr(HttpServer, "send", send)
    monkeypatch.setattr(HttpServer, "forward", forward)  # by a vendor's own package
    settings = ProviderSettings(endpoints=("http://127.0.0.1:9",))

    async def all_of_it():
        model = create_model(name, settings)
        try:
            return [await model.describe(), await model.chat(REQUEST)]
        except DomainSafetyError as error:
            return [error]
        finally:
            await model.aclose()

    return asyncio.run(all_of_it())


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-made-up")


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_sound_is_read(monkeypatch, name):
    info, reply = asked(name, SERVERS[name], monkeypatch)
    assert isinstance(info, ModelInfo)
    assert isinstance(reply, Reply)
    assert reply.text == "No."


@pytest.mark.parametrize("name", SERVERS)
def test_odd_types_are_unknown_or_one_sentence(monkeypatch, name):
    for seed in range(SEEDS):
        random = Random(seed)
        documents = json.loads(json.dumps(SERVERS[name]))
        place = random.choice(sorted(documents))
        for _ in range(random.choice((1, 1, 3))):
            documents[place] = damaged(documents[place], random)
        for told in asked(name, documents, monkeypatch):
            assert "\n" not in str(told) or isinstance(told, ModelInfo | Reply)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:12] or "empty")
def test_what_ollama_knows_of_a_model_may_be_anything(monkeypatch, odd):
    base = SERVERS["ollama:m"]
    known = base["/api/show"]
    shows = [known | {key: odd} for key in known]
    shows += [known | {"details": {key: odd}} for key in known["details"]]
    shows += [known | {"model_info": {key: odd}} for key in known["model_info"]]
    for show in shows:
        info, reply = asked("ollama:m", base | {"/api/show": show}, monkeypatch)
        assert isinstance(info, ModelInfo)
        assert reply.text == "No."
