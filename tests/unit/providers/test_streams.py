"""Answers that come in pieces, although nobody asked for it or since it must be so."""

from __future__ import annotations

import asyncio
import json

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import BadAnswer, DomainSafetyError, ServerFault
from pytest_domainsafety.providers.base import ProviderSettings, reply_kind
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.types import ChatRequest, Message, Sampling


def ask(shape, times=1):
    async def all_of_them(server):
        settings = ProviderSettings((f"{server.url}/v1",), timeout_s=5)
        model = OpenAIModel("openai:m", "m", settings, key_variable=None)
        request = ChatRequest((Message("user", "hello"),), Sampling(), 7)
        try:
            return [await model.chat(request) for _ in range(times)]
        finally:
            await model.aclose()

    with FaultServer() as server:
        server.shape = shape
        replies = asyncio.run(asyncio.wait_for(all_of_them(server), 20))
        return replies, server.requests


def stream(*events):
    lines = [f"data: {json.dumps(event)}" for event in events]
    return "\r\n\r\n".join([": ping", *lines, "data: [DONE]", ""]).encode()


def piece(finish=None, **delta):
    return {"model": "m", "choices": [{"delta": delta, "finish_reason": finish}]}


def test_a_stream_is_put_together():
    told = stream(
        piece(role="assistant", reasoning_content="H"),
        piece(reasoning_content="m."),
        piece(content="N"),
        piece(content="o."),
        piece("stop", content=""),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    )
    (reply,), _ = ask(lambda *_: (200, told))
    assert (reply.text, reply.reasoning, reply.finish) == ("No.", "Hm.", "stop")
    assert (reply.tokens_in, reply.tokens_out, reply.model) == (3, 2, "m")


def test_a_model_that_only_streams_is_asked_for_a_stream():
    refusal = {"error": {"message": "This model only supports stream mode."}}

    def shape(path, body):
        if body.get("stream"):
            return 200, stream(piece("stop", content="No."))
        return 400, refusal

    replies, requests = ask(shape, 2)
    assert [reply.text for reply in replies] == ["No.", "No."]
    assert replies[1].adapted == ("stream as pieces",)
    assert len(requests) == 3


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ((piece(content="I can't"),), BadAnswer),
        ((piece(content="I can't"), {"error": {"message": "no"}}), ServerFault),
        ((piece("error", content="I can't"),), ServerFault),
        (([1],), BadAnswer),
    ],
)
def test_a_stream_that_breaks_off_is_no_answer(events, error):
    with pytest.raises(error) as caught:
        ask(lambda *_: (200, stream(*events)))
    assert isinstance(caught.value, DomainSafetyError)


def test_what_a_stream_calls_is_a_tool_call():
    told = stream(piece("stop", content="No.", tool_calls=[{"function": {}}]))
    (reply,), _ = ask(lambda *_: (200, told))
    assert reply_kind(reply)[0] == "unscored"


def test_a_server_that_takes_only_parts_gets_parts():
    said = {"detail": [{"loc": ["body", "messages", 0, "content"], "msg": "a list"}]}
    seen = []

    def shape(path, body):
        content = body["messages"][0]["content"]
        seen.append(content)
        return (422, said) if isinstance(content, str) else None

    (reply,), _ = ask(shape)
    assert reply.adapted == ("content as parts",)
    assert seen[-1] == [{"type": "text", "text": "hello"}]
