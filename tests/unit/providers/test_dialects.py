"""What a server refuses is left out for the rest of the run, however it says so."""

from __future__ import annotations

import asyncio
import json

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import (
    DomainSafetyError,
    PromptTooLong,
    RequestRefused,
    ServerBusy,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.types import ChatRequest, Message, Sampling

SCHEMA = {"type": "object"}
BOTH = ("seed", "temperature")
LIMITS = ("max_tokens", "max_completion_tokens")


def made(server, **more):
    settings = ProviderSettings(endpoints=(f"{server.url}/v1",), timeout_s=5, **more)
    return OpenAIModel("openai:m", "m", settings, key_variable=None)


def asked(**more):
    messages = (Message("system", "Be brief."), Message("user", "hello"))
    sampling = Sampling(think=False)
    return ChatRequest(messages, sampling, 7, SCHEMA, 3)._replace(**more)


def answers(model, *requests):
    async def all_of_them():
        try:
            return [await one_of(model, request) for request in requests]
        finally:
            await model.aclose()

    return asyncio.run(asyncio.wait_for(all_of_them(), 20))


async def one_of(model, request):
    try:
        return await model.chat(request)
    except DomainSafetyError as error:
        return error


def has(body, field):
    if field == "system":
        return any(message["role"] == "system" for message in body["messages"])
    return field in body


def refusing(fields, say, status=400):
    """Return a shape of answers: one field after the other is refused."""

    def shape(path, body):
        bad = next((field for field in fields if has(body, field)), None)
        return None if bad is None else (status, say(bad))

    return shape


def nested(body):
    """As gateways do: an error in a text in an error."""
    inner = json.dumps({"error": body})
    return {"error": {"message": "Provider returned error", "metadata": {"raw": inner}}}


SAYS = {
    "param": lambda f: {"error": {"message": "Unsupported value.", "param": f}},
    "param with a path": lambda f: {"error": {"message": "No.", "param": f"body.{f}"}},
    "OpenAI": lambda f: {
        "error": {"message": f"Unsupported parameter: '{f}'", "param": None}
    },
    "FastAPI": lambda f: {
        "detail": [{"type": "extra_forbidden", "loc": ["body", f], "input": 7}]
    },
    "Mistral": lambda f: {
        "object": "error",
        "message": {"detail": [{"loc": ["body", f], "msg": "Extra inputs"}]},
    },
    "Gemini": lambda f: [
        {"error": {"code": 400, "message": f'Unknown name "{f}": Cannot find field.'}}
    ],
    "a list of what is taken": lambda f: {
        "message": f"Unknown field {f}. Known: model, temperature, max_tokens, seed."
    },
    "a gateway": lambda f: nested({"message": f"{f} is not supported", "param": f}),
    "a text in a text": lambda f: nested({"message": f"{f} is not supported"}),
    "a sentence": lambda f: {"error": f"{f} may only be 1 with this model"},
    "plain text": lambda f: f"'{f}' is deprecated for this model.".encode(),
    "a page": lambda f: f"<html><b>400</b> unexpected keyword argument '{f}'".encode(),
    "the request echoed": lambda f: {
        "detail": [{"msg": f"{f}: not permitted", "input": {"temperature": 1, "n": 2}}]
    },
    "nothing in particular": lambda _: {"error": {"message": "Unsupported parameter."}},
}


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "fields", [("seed",), ("temperature",), ("seed", "temperature")]
)
@pytest.mark.parametrize("say", SAYS.values(), ids=SAYS)
def test_a_refused_field_is_left_out_for_the_rest_of_the_run(say, fields, status):
    with FaultServer() as server:
        server.shape = refusing(fields, say, status)
        first, second = answers(made(server), asked(), asked())
    assert first.text
    for reply in (first, second):
        assert set(fields) <= set(reply.adapted)
    last, once = server.requests[-1], server.requests[-2]
    assert not any(field in last for field in fields)
    # The second one goes through at once, and is asked no more than it must lose.
    assert last == once
    if say is not SAYS["nothing in particular"]:
        kept = {"temperature", "seed", "max_tokens", "response_format"} - set(fields)
        assert kept <= set(last)


@pytest.mark.parametrize(
    "field",
    ["logprobs", "response_format", "chat_template_kwargs", "stream", "max_tokens"],
)
def test_so_is_every_other_part_that_is_not_needed(field):
    names = (
        ("max_tokens", "max_completion_tokens") if field == "max_tokens" else (field,)
    )
    with FaultServer() as server:
        server.shape = refusing(names, SAYS["OpenAI"])
        (reply,) = answers(made(server), asked())
    assert reply.adapted == (field,)
    assert not any(name in server.requests[-1] for name in names)


def test_another_form_is_tried_before_a_part_is_left_out():
    with FaultServer() as server:
        server.shape = refusing(("max_tokens",), SAYS["param"])
        (reply,) = answers(made(server), asked())
    assert server.requests[-1]["max_completion_tokens"] == 2048
    assert reply.adapted == ("max_tokens as max_completion_tokens",)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, {"error": {"message": "System role not supported"}}),
        (400, {"error": "Developer instruction is not enabled for models/gemma"}),
        (400, {"error": {"message": "no", "param": "messages[0].role"}}),
        (422, {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "enum"}]}),
        (500, {"error": {"message": "Jinja: Conversation roles must alternate"}}),
        (500, b"TemplateError: Only user and assistant roles are supported!"),
    ],
)
def test_without_a_system_role_its_text_comes_first(status, said):
    with FaultServer() as server:
        server.shape = refusing(("system",), lambda _: said, status)
        first, second = answers(made(server), asked(), asked())
    assert len(server.requests) == 3
    (message,) = server.requests[-1]["messages"]
    assert message == {"role": "user", "content": "Be brief.\n\nhello"}
    assert first.adapted == second.adapted == ("system role",)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, {"error": {"message": "Failed to parse grammar"}}),
        (500, {"error": {"message": "failed to initialize grammar sampler"}}),
        (400, {"error": {"message": "This response_format type is unavailable now"}}),
        (400, {"error": {"message": "json_schema is not supported by this model"}}),
    ],
)
def test_without_a_schema_it_is_asked_without(status, said):
    with FaultServer() as server:
        server.shape = refusing(("response_format",), lambda _: said, status)
        (reply,) = answers(made(server), asked())
    assert reply.adapted == ("response_format",)


def test_what_leaving_out_does_not_mend_teaches_nothing():
    said = {"error": {"message": "temperature, seed: a policy refuses this request"}}
    with FaultServer() as server:
        server.shape = lambda _path, body: (
            (400, said) if "bad" in body["messages"][-1]["content"] else None
        )
        bad = asked(messages=(Message("user", "bad"),))
        refused, reply = answers(made(server), bad, asked())
    assert isinstance(refused, RequestRefused)
    assert "a policy" in str(refused)
    assert reply.adapted == ()
    assert {"temperature", "seed"} <= set(server.requests[-1])


def test_a_prompt_that_is_too_long_is_that():
    text = "This model's maximum context length is 10; reduce max_tokens or messages."
    with FaultServer() as server:
        server.shape = lambda _path, _body: (400, {"error": {"message": text}})
        (error,) = answers(made(server), asked())
    assert isinstance(error, PromptTooLong)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 429, 503])
def test_trouble_that_names_a_field_is_still_trouble(status):
    with FaultServer() as server:
        server.shape = refusing(("seed",), SAYS["OpenAI"], status)
        (error,) = answers(made(server), asked())
    assert isinstance(error, RequestRefused | ServerBusy)
    assert len(server.requests) == 1


def test_a_field_that_is_refused_under_load_is_learnt_once():
    """Eight at a time; the server is busy between refusal and second try."""
    busy = {"error": {"message": "slow down"}}
    seen = []

    def shape(path, body):
        seen.append(body)
        if "seed" in body:
            return 400, SAYS["param"]("seed")
        return (429, busy) if len(seen) <= 16 else None

    async def many(model):
        try:
            first = await asyncio.gather(
                *(model.chat(asked()) for _ in range(8)), return_exceptions=True
            )
            return first, await model.chat(asked())
        finally:
            await model.aclose()

    with FaultServer() as server:
        server.shape = shape
        first, last = asyncio.run(many(made(server)))
    assert any(isinstance(one, ServerBusy) for one in first)
    assert last.adapted == ("seed",)
    # What was learnt while it was busy is not asked for again.
    assert all("seed" not in body for body in seen[16:])


@pytest.mark.parametrize("status", [429, 503])
def test_a_guess_is_not_learnt_from_a_busy_server(status):
    """No refusal named a field, so all of them went: an answer alone proves that."""
    vague = {"error": {"message": "Unsupported parameter."}}
    left = [1]

    def shape(path, body):
        if left:
            left.pop()
            return 400, vague
        return (status, {"error": {"message": "slow down"}}) if not calm else None

    calm = []
    with FaultServer() as server:
        server.shape = shape
        model = made(server)

        async def twice():
            try:
                first = await one_of(model, asked())
                calm.append(True)
                return first, await one_of(model, asked())
            finally:
                await model.aclose()

        busy, reply = asyncio.run(twice())
    assert isinstance(busy, ServerBusy)
    assert reply.adapted == ()
    assert {"temperature", "seed"} <= set(server.requests[-1])


def test_a_guess_that_was_answered_is_learnt():
    vague = {"error": {"message": "Unsupported parameter."}}
    with FaultServer() as server:
        server.shape = lambda _, body: (400, vague) if "seed" in body else None
        first, second = answers(made(server), asked(), asked())
    assert "seed" in first.adapted
    assert second.adapted == first.adapted
    assert len(server.requests) == 3
