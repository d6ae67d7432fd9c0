"""What of a prompt a server had read before, as each of them tells it."""

from __future__ import annotations

import math

import pytest

from pytest_domainsafety.providers import chat_completions, responses
from pytest_domainsafety.providers.anthropic import AnthropicModel
from pytest_domainsafety.providers.base import ProviderSettings, build_reply
from pytest_domainsafety.providers.http import HttpServer
from pytest_domainsafety.providers.ollama import OllamaModel
from pytest_domainsafety.providers.streams import joined
from pytest_domainsafety.store import Store
from pytest_domainsafety.types import Reply

CHOICE = {"message": {"content": "No."}, "finish_reason": "stop"}
ABSURD = [-1, "900", 900.0, math.nan, math.inf, True, 1001, 10**30, [], {}, None]


def chat(usage, **more):
    answer = {"choices": [CHOICE], "usage": usage, **more}
    return chat_completions.reply_of(answer, "it", 0.1, ())


def response(usage):
    output = [{"type": "message", "content": [{"type": "output_text", "text": "No."}]}]
    return responses.reply_of({"output": output, "usage": usage}, "it", 0.1, ())


def messages(usage, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    model = AnthropicModel("anthropic:c", "c", ProviderSettings())
    content = [{"type": "text", "text": "No."}]
    answer = {"content": content, "stop_reason": "end_turn", "usage": usage}
    return model._reply(answer, "it", 0.1, ())


def native(counts):
    settings = ProviderSettings(endpoints=("http://127.0.0.1:9",))
    model = OllamaModel("m", "m", settings)
    answer = {"message": {"content": "No."}, "done_reason": "stop", **counts}
    server = HttpServer("http://127.0.0.1:9", timeout_s=1, hint="")
    return model._reply(answer, server, 0.1, ())


def told(cached, monkeypatch):
    """Yield a reply a way of telling it, of a prompt of 1,000 tokens."""
    details = {"cached_tokens": cached}
    yield chat({"prompt_tokens": 1000, "prompt_tokens_details": details})
    yield chat({"prompt_tokens": 1000, "prompt_cache_hit_tokens": cached})
    yield chat({"prompt_tokens": 1000, "cached_tokens": cached})
    yield chat({"prompt_tokens": 1000}, timings={"cache_n": cached, "prompt_n": 100})
    yield response({"input_tokens": 1000, "input_tokens_details": details})
    yield native({"prompt_eval_count": 1000, "prompt_eval_cached_count": cached})
    rest = 1000 - cached if type(cached) is int and 0 <= cached <= 1000 else 1000
    parts = {"input_tokens": rest, "cache_read_input_tokens": cached}
    yield messages(parts, monkeypatch)


@pytest.mark.parametrize("cached", [0, 900, 1000])
def test_it_is_read_of_every_server(cached, monkeypatch):
    for reply in told(cached, monkeypatch):
        assert (reply.tokens_in, reply.tokens_cached) == (1000, cached)


@pytest.mark.parametrize("cached", ABSURD, ids=str)
def test_what_can_not_be_is_unknown(cached, monkeypatch):
    *replies, anthropic = told(cached, monkeypatch)
    for reply in replies:
        assert (reply.text, reply.tokens_in, reply.tokens_cached) == ("No.", 1000, None)
    # It is part of the sum there: more than was sent can't be told from a long prompt.
    assert anthropic.text == "No."
    if cached != 1001:
        assert anthropic.tokens_cached is None


@pytest.mark.parametrize("odd", [None, [], "x", 3, {"cached_tokens": {}}])
def test_odd_shapes_are_no_fault(odd):
    assert (
        chat({"prompt_tokens": 9, "prompt_tokens_details": odd}).tokens_cached is None
    )
    assert chat({"prompt_tokens": 9}, timings=odd).tokens_cached is None
    assert response({"input_tokens": 9, "input_tokens_details": odd}).tokens_in == 9
    assert chat(odd, timings=odd).tokens_in is None


def test_of_a_prompt_that_was_not_counted_no_part_is_known():
    assert build_reply("No.", tokens_cached=5).tokens_cached is None
    assert chat({}, timings={"cache_n": 5}).tokens_cached is None


def test_the_slots_count_of_llama_cpp_is_not_taken_for_it():
    """`tokens_cached` is what the slot holds in the end, the answer included."""
    assert chat({"prompt_tokens": 9}, tokens_cached=9).tokens_cached is None


def test_a_stream_keeps_it():
    class Streamed:
        content = (
            b'data: {"choices": [{"delta": {"content": "No."}, "finish_reason": "stop"'
            b'}], "usage": {"prompt_tokens": 9}, "timings": {"cache_n": 7}}\n\n'
        )

    answer = joined(Streamed(), "it")
    assert chat_completions.reply_of(answer, "it", 0.1, ()).tokens_cached == 7


def test_the_store_keeps_it_and_reads_what_an_older_version_wrote(tmp_path):
    reply = Reply(text="No.", tokens_in=9, tokens_cached=7)
    with Store(tmp_path / "s.db") as store:
        store.keep_reply("k", {}, reply)
        assert store.reply("k") == reply
    assert (
        Reply.model_validate_json('{"text":"No.","tokens_in":9}').tokens_cached is None
    )
