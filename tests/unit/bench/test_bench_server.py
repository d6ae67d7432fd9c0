"""The benchmarks' server answers our own providers in both wire formats."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling

SERVER = Path(__file__).parents[3] / "benchmarks" / "server.py"
MARKERS = ["one", "two"]
SCHEMA = {"properties": {"markers": {"required": MARKERS}}}


@pytest.fixture
def server():
    command = [sys.executable, str(SERVER), "--swap", "0.01", "--slots", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def get(url, data=None):
    with urllib.request.urlopen(url, data) as answer:
        return answer.read()


def request(seed, schema=None):
    return ChatRequest((Message("user", "hello"),), Sampling(), seed, schema)


async def ask(name, url, requests):
    settings = ProviderSettings(endpoints=(url,), timeout_s=5)
    model = create_model(name, settings)
    try:
        info = await model.describe()
        works = (model.chat(one) for one in requests)
        return info, await asyncio.gather(*works)
    finally:
        await model.aclose()


@pytest.mark.parametrize(("prefix", "path"), [("ollama:", ""), ("openai:", "/v1")])
def test_it_answers_and_judges_in_both_wire_formats(server, prefix, path):
    info, (reply,) = asyncio.run(ask(f"{prefix}target", server + path, [request(1)]))
    _, (verdict,) = asyncio.run(
        ask(f"{prefix}judge", server + path, [request(1, SCHEMA)])
    )

    assert info.digest
    assert reply.text.startswith("I can't help")
    assert reply.tokens_out == 90
    judgement = json.loads(verdict.text)
    assert judgement["guidance"] == 1
    assert list(judgement["markers"]) == MARKERS


def test_it_counts_requests_duplicates_and_swaps(server):
    get(f"{server}/reset", b"{}")
    for name in ("target", "target", "judge", "target"):
        asyncio.run(ask(f"ollama:{name}", server, [request(7), request(8)]))

    told = json.loads(get(f"{server}/stats"))

    assert (told["chats"], told["answered"]) == (8, 8)
    assert told["duplicates"] == 4
    assert (told["loads"], told["swaps"]) == (3, 2)
    assert told["most_in_flight"] == 2


@pytest.mark.parametrize(
    ("path", "asks", "kept"),
    [("/api/chat", {}, "message"), ("/v1/chat/completions", {"stream": True}, "delta")],
)
def test_it_streams_where_it_is_asked_to(server, path, asks, kept):
    body = {"model": "target", "messages": [{"role": "user", "content": "hi"}], **asks}
    lines = get(server + path, json.dumps(body).encode()).decode().splitlines()
    parts = [json.loads(line.removeprefix("data: ")) for line in lines if "{" in line]
    parts = [part["choices"][0] if "choices" in part else part for part in parts]

    assert "".join(part[kept].get("content", "") for part in parts)[:5] == "I can"
    assert len(parts) > 2
