"""Providers under the loudest logging: no prompt, no reply, no key in any line."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import ProviderError
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.ollama import OllamaModel
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.types import ChatRequest, Message, Sampling

CANARY = "canary-5d1e"
KEY = "sk-very-secret"


def models(server):
    settings = ProviderSettings(endpoints=(f"{server.url}/v1",), timeout_s=5)
    plain = ProviderSettings(endpoints=(server.url,), timeout_s=5)
    return (
        OpenAIModel("openai:m", "m", settings),
        OllamaModel("m", "m", plain),
    )


async def ask(model):
    try:
        messages = (Message("system", CANARY), Message("user", CANARY))
        return await model.chat(ChatRequest(messages, Sampling(), 7))
    finally:
        await model.aclose()


@pytest.mark.parametrize("place", range(2), ids=["openai", "ollama"])
def test_logs_hold_no_text_and_no_key(place, caplog, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    with FaultServer() as server:
        with suppress(ProviderError):
            asyncio.run(asyncio.wait_for(ask(models(server)[place]), 20))
        assert CANARY in str(server.requests)
    assert caplog.records  # the libraries below do log
    assert CANARY not in caplog.text
    assert KEY not in caplog.text
