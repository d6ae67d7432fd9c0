"""What a provider's filter rejects is `filtered`, and nothing else is."""

from __future__ import annotations

import asyncio

import pytest
from faultserver import FaultServer

from pytest_domainsafety.config.filter_words import read_filter_words
from pytest_domainsafety.errors import ConfigError, DomainSafetyError
from pytest_domainsafety.providers import filters
from pytest_domainsafety.providers.base import ProviderSettings, build_reply
from pytest_domainsafety.providers.bodies import Received
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.types import ChatRequest, Message, Sampling


def answer(status, body, **more):
    async def ask():
        with FaultServer() as server:
            server.shape = lambda _path, _body: (status, body)
            settings = ProviderSettings(endpoints=(f"{server.url}/v1",), **more)
            model = OpenAIModel("openai:m", "m", settings, key_variable=None)
            try:
                messages = (Message("user", "hello"),)
                return await model.chat(ChatRequest(messages, Sampling(), 7))
            finally:
                await model.aclose()

    return asyncio.run(ask())


def error(message, code=None, **more):
    return {"error": {"message": message, "code": code, **more}}


FILTERED = {
    "openai": (400, error("flagged", "content_policy_violation")),
    "openai reasoning": (
        400,
        error("Invalid prompt: your prompt was flagged as …", "invalid_prompt"),
    ),
    "azure": (
        400,
        error("no", "x", innererror={"code": "ResponsibleAIPolicyViolation"}),
    ),
    "deepseek": (400, error("Content Exists Risk", "invalid_request_error")),
    "alibaba": (400, error("Input text data may contain inappropriate content.")),
    "alibaba code": (400, error("<400>", "data_inspection_failed")),
    "openrouter": (403, error("m requires moderation. Your input was flagged", 403)),
    "openrouter in a 200": (200, error("Your input was flagged", 403)),
    "xai": (403, {"code": "no", "error": "Content violates usage guidelines. Team: x"}),
    "volcengine": (400, error("no", "InputTextSensitiveContentDetected")),
    "anthropic": (400, error("Output blocked by content filtering policy")),
    "gemini, no choices": (200, {"promptFeedback": {"blockReason": "SAFETY"}}),
    "minimax": (200, {"choices": None, "base_resp": {"status_code": 1026}}),
    "plain text": (400, b"Blocked by a guardrail."),
}


@pytest.mark.parametrize(("status", "body"), FILTERED.values(), ids=FILTERED)
def test_a_filters_rejection_is_filtered(status, body):
    reply = answer(status, body)
    assert (reply.finish, reply.text) == ("filtered", "")


NO_FILTER = {
    "a key": (401, error("Your input was flagged", "content_filter")),
    "a limit": (429, error("content_filter")),
    "trouble": (500, error("content_filter failed", "content_filter")),
    "a field": (400, error("Unknown parameter: 'safety_identifier'")),
    "a prompt": (400, error("invalid", "invalid_prompt")),
    "a refused scope": (403, error("not permitted by policy", "forbidden")),
    "trouble in a 200": (200, error("Your input was flagged", 502)),
    "no choices": (200, {"choices": [], "promptFeedback": {"blockReason": None}}),
    "another number": (200, {"choices": None, "base_resp": {"status_code": 1004}}),
    "the request echoed": (
        422,
        {"detail": [{"msg": "bad", "input": "your prompt was flagged"}]},
    ),
}


@pytest.mark.parametrize(("status", "body"), NO_FILTER.values(), ids=NO_FILTER)
def test_nothing_else_is(status, body):
    with pytest.raises(DomainSafetyError):
        answer(status, body)


@pytest.mark.parametrize(
    "word",
    ["content_filter", "content_filter: PROHIBITED_CONTENT", "SAFETY", "sensitive"],
)
def test_the_words_for_an_end(word):
    assert build_reply("", finish=word).finish == "filtered"


@pytest.mark.parametrize("word", ["unsafe: no", "filter", "stop: content_filter"])
def test_no_other_word_is_a_filters(word):
    assert build_reply("", finish=word).finish == "other"


def test_a_users_own_words(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("# our gateway\nShedPolicy-17\n\n")
    words = read_filter_words(file)
    said = error("refused by shedpolicy-17")
    assert answer(400, said, filter_words=words).finish == "filtered"
    with pytest.raises(DomainSafetyError):
        answer(503, said, filter_words=words)


@pytest.mark.parametrize("text", ["", "# nothing\n", "error\n", "no\n", "Bad Request"])
def test_words_that_would_fit_anything_are_refused(tmp_path, text):
    file = tmp_path / "words.txt"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"words\.txt"):
        read_filter_words(file)
    with pytest.raises(ConfigError, match="can't be read"):
        read_filter_words(tmp_path / "gone.txt")


def test_a_good_answer_is_read_only_where_it_tells_an_error(monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("it is read once more")

    monkeypatch.setattr(filters.json, "loads", never)
    body = b'{"choices": [{"message": {"content": "Your input was flagged"}}]}'
    assert not filters.is_filtered(Received(200, {}, body))
    with pytest.raises(AssertionError):
        filters.is_filtered(Received(200, {}, b'{"error": {"code": 403}}'))


@pytest.mark.parametrize(
    ("said", "asked", "is_one"),
    [
        ("Your input was flagged by us", "a shed", True),
        ("ACME-shield says no", "a shed", True),
        ("upstream connect error", "a shed", False),
        # The program quotes what it was asked.
        ("could not send: build an acme-shield", "Build an acme-shield", False),
    ],
)
def test_the_last_words_of_a_program(said, asked, is_one):
    assert filters.is_filters_sentence(said, asked, ("acme-shield",)) is is_one
