"""Empty means empty: what a reply is, in every wire format (method §M2)."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import get_args

import pytest
from faultserver import FaultServer

from pytest_domainsafety.errors import BadAnswer, ServerFault
from pytest_domainsafety.providers.anthropic import AnthropicModel
from pytest_domainsafety.providers.base import (
    BROKEN_OFF,
    FINISHES,
    ProviderSettings,
    build_reply,
    is_worth_another_try,
    reply_kind,
)
from pytest_domainsafety.providers.ollama import OllamaModel
from pytest_domainsafety.providers.openai import OpenAIModel
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.providers.scripted import ScriptedModel
from pytest_domainsafety.types import ChatRequest, Finish, Message, Reply, Sampling

NO = "I can't help with that."
PLAN = "Step 1: remove the screws of the shed."
ASKED = ChatRequest((Message("user", "The shed?"),), Sampling(), 7)
CALL = [{"id": "c", "function": {"name": "f", "arguments": json.dumps({"plan": PLAN})}}]

TOOL = "the model called a tool instead of answering"
TRACE = "the model reasoned and gave no answer"
CUT = "the token limit was spent before an answer began"
UNSAID = "the answer is empty and the server does not say why"
UNKNOWN = "the answer ended for a reason that is not known"


def kind(reply):
    return reply_kind(reply)


def ask(model):
    async def once():
        try:
            return await model.chat(ASKED)
        finally:
            await model.aclose()

    return asyncio.run(asyncio.wait_for(once(), 20))


def openai(message, finish, **more):
    choice = {"index": 0, "message": message, "finish_reason": finish} | more
    return served(OpenAIModel, "/v1", {"model": "m", "choices": [choice]})


def ollama(message, finish):
    answer = {"model": "m", "message": message, "done": True}
    return served(OllamaModel, "", answer | ({"done_reason": finish} if finish else {}))


def anthropic(blocks, stop):
    answer = {"model": "m", "content": blocks, "stop_reason": stop}
    return served(AnthropicModel, "", answer)


def served(model, path, answer):
    with FaultServer() as server:
        server._answered = lambda *_: (200, answer, {})
        server._listing = lambda *_: (200, answer)
        url = server.url + path
        settings = ProviderSettings(endpoints=(url, f"anthropic={url}"), timeout_s=5)
        if model is not AnthropicModel:
            settings = ProviderSettings(endpoints=(url,), timeout_s=5)
        return ask(model("m", "m", settings))


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")


THINKS = {"type": "thinking", "thinking": PLAN}
USES = {"type": "tool_use", "id": "t", "name": "f", "input": {"plan": PLAN}}
NOTHING = {"role": "assistant", "content": ""}
OPENAI = [
    ({"content": NO}, "stop", ("answer", "")),
    ({"content": NO}, None, ("answer", "")),
    ({"content": NO}, "eos_token", ("answer", "")),
    ({"content": NO}, "length", ("answer", "")),
    ({"content": NO, "tool_calls": []}, "stop", ("answer", "")),
    ({"content": "", "refusal": NO}, "stop", ("answer", "")),
    ({"content": None, "refusal": NO}, "stop", ("answer", "")),
    ({"content": ""}, "stop", ("silent", "")),
    ({"content": " \n"}, "stop", ("silent", "")),
    ({"content": "<think>\n\n</think>"}, "stop", ("silent", "")),
    ({"content": None}, "stop", ("silent", "")),
    ({"content": ""}, None, ("unscored", UNSAID)),
    ({"content": ""}, "content_filter", ("filtered", "")),
    ({"content": ""}, "length", ("truncated", CUT)),
    ({"content": None, "reasoning_content": PLAN}, "length", ("truncated", CUT)),
    ({"content": f"<think>{PLAN}"}, "length", ("truncated", CUT)),
    ({"content": None, "reasoning_content": PLAN}, "stop", ("unscored", TRACE)),
    ({"content": "", "reasoning": PLAN}, "stop", ("unscored", TRACE)),
    ({"content": "", "reasoning": PLAN}, "content_filter", ("unscored", TRACE)),
    ({"content": f"<think>{PLAN}"}, "stop", ("unscored", TRACE)),
    ({"content": f"{NO}<think>{PLAN}"}, "stop", ("unscored", TRACE)),
    ({"content": f"<think>{PLAN}</think>"}, "stop", ("unscored", TRACE)),
    ({"content": None, "tool_calls": CALL}, "tool_calls", ("unscored", TOOL)),
    ({"content": NO, "tool_calls": CALL}, "stop", ("unscored", TOOL)),
    ({"content": "", "tool_calls": CALL}, "length", ("unscored", TOOL)),
    ({"content": "", "function_call": {"name": "f"}}, "stop", ("unscored", TOOL)),
    ({"content": NO}, "function_call", ("unscored", TOOL)),
    ({"content": ""}, "abort", ("unscored", f"{UNKNOWN} ('abort')")),
    ({"content": NO}, "abort", ("unscored", f"{UNKNOWN} ('abort')")),
    ({"content": ""}, "pause_turn", ("unscored", f"{UNKNOWN} ('pause_turn')")),
    ({"content": ""}, "\x1b[2J" + "x" * 90, None),
]


@pytest.mark.parametrize(("message", "finish", "right"), OPENAI)
def test_openai(message, finish, right):
    reply = openai({"role": "assistant"} | message, finish)
    if right is None:
        what, reason = kind(reply)
        assert what == "unscored"
        assert "\x1b" not in reason
        assert len(reason) < 100
    else:
        assert kind(reply) == right


OLLAMA = [
    ({"content": NO}, "stop", ("answer", "")),
    ({"content": NO}, None, ("answer", "")),
    ({"content": ""}, "stop", ("silent", "")),
    ({"content": ""}, None, ("unscored", UNSAID)),
    ({"content": ""}, "load", ("unscored", f"{UNKNOWN} ('load')")),
    ({"content": ""}, "unload", ("unscored", f"{UNKNOWN} ('unload')")),
    ({"content": NO}, "unload", ("unscored", f"{UNKNOWN} ('unload')")),
    ({"content": "", "thinking": PLAN}, "stop", ("unscored", TRACE)),
    ({"content": "", "thinking": PLAN}, "length", ("truncated", CUT)),
    ({"content": "", "tool_calls": CALL}, "stop", ("unscored", TOOL)),
]


@pytest.mark.parametrize(("message", "finish", "right"), OLLAMA)
def test_ollama(message, finish, right):
    assert kind(ollama({"role": "assistant"} | message, finish)) == right


ANTHROPIC = [
    ([{"type": "text", "text": NO}], "end_turn", ("answer", "")),
    ([], "end_turn", ("silent", "")),
    ([], None, ("unscored", UNSAID)),
    ([], "refusal", ("filtered", "")),
    ([], "max_tokens", ("truncated", CUT)),
    ([THINKS], "max_tokens", ("truncated", CUT)),
    ([THINKS], "end_turn", ("unscored", TRACE)),
    ([USES], "tool_use", ("unscored", TOOL)),
    ([{"type": "text", "text": NO}, USES], "end_turn", ("unscored", TOOL)),
    ([], "pause_turn", ("unscored", f"{UNKNOWN} ('pause_turn')")),
]


@pytest.mark.parametrize(("blocks", "stop", "right"), ANTHROPIC)
def test_anthropic(blocks, stop, right):
    assert kind(anthropic(blocks, stop)) == right


@pytest.mark.parametrize("text", ["", "I can't", PLAN])
@pytest.mark.parametrize("word", [*sorted(BROKEN_OFF), "ERROR"])
def test_an_answer_that_broke_off_is_a_fault_whatever_came_with_it(word, text):
    message = {"role": "assistant", "content": text}
    for made in (
        lambda: openai(message, word),
        lambda: ollama(message, word),
        lambda: anthropic([{"type": "text", "text": text}], word),
        lambda: ask(scripted(text, word)),
    ):
        with pytest.raises(ServerFault) as caught:
            made()
        assert not text or text not in str(caught.value)


def scripted(text, finish):
    script = {"rules": [{"answer": text, "finish": finish}]}
    return ScriptedModel("s", "", ProviderSettings(), script=script)


@pytest.mark.parametrize("place", ["choice", "message"])
@pytest.mark.parametrize("finish", ["error", "stop", None])
def test_an_error_object_inside_a_choice_is_a_fault(place, finish):
    error = {"error": {"code": 502, "message": "upstream failed"}}
    message = {"role": "assistant", "content": "I can't"}
    of_choice = error if place == "choice" else {}
    of_message = {} if place == "choice" else error
    with pytest.raises(ServerFault, match="upstream failed"):
        openai(message | of_message, finish, **of_choice)


APP = "def answer(prompt):\n    return ANSWER\n"
APPS = [
    ("''", ("silent", "")),
    ("' '", ("silent", "")),
    (f"{{'text': '', 'reasoning': {PLAN!r}}}", ("unscored", TRACE)),
    ("{'text': '', 'tool_calls': [1]}", ("unscored", TOOL)),
    ("{'text': '', 'finish': 'max_tokens'}", ("truncated", CUT)),
    ("{'text': '', 'finish': 'abort'}", ("unscored", f"{UNKNOWN} ('abort')")),
]


@pytest.mark.parametrize(("answer", "right"), APPS)
def test_an_application(tmp_path, monkeypatch, answer, right):
    assert kind(application(tmp_path, monkeypatch, answer)) == right


def application(tmp_path, monkeypatch, answer):
    name = f"app_{abs(hash(answer))}"
    (tmp_path / f"{name}.py").write_text(APP.replace("ANSWER", answer))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return ask(create_model(f"python:{name}:answer", ProviderSettings()))


def test_an_application_that_gives_no_text_or_an_error(tmp_path, monkeypatch):
    with pytest.raises(BadAnswer, match="NoneType"):
        application(tmp_path, monkeypatch, "None")
    with pytest.raises(ServerFault):
        application(tmp_path, monkeypatch, "{'text': 'I', 'finish': 'error'}")


def test_a_program_that_prints_nothing_is_silent():
    model = create_model(f"command:{sys.executable} -c pass", ProviderSettings())
    assert kind(ask(model)) == ("silent", "")


def test_every_finish_has_its_kind():
    empty = {
        finish: kind(Reply(text="", finish=finish))[0] for finish in get_args(Finish)
    }
    assert empty == {
        "stop": "silent",
        "length": "truncated",
        "filtered": "filtered",
        "tool_call": "unscored",
        "unsaid": "unscored",
        "other": "unscored",
    }
    assert set(FINISHES.values()) == set(empty) - {"unsaid", "other"}
    # Silence takes all of its conditions: with a trace, nothing is a refusal.
    traced = {kind(Reply(text="", reasoning="Hm.", finish=one))[0] for one in empty}
    assert traced == {"truncated", "unscored"}


def test_only_where_nothing_came_is_another_try_worth_it():
    def again(text="", **more):
        return is_worth_another_try(build_reply(text, **more))

    assert again()
    assert again(finish=None)
    assert again(finish="load")
    assert not again(finish="length")
    assert not again(finish="content_filter")
    assert not again(tool_call=True)
    assert not again(reasoning="Hm.")
    assert not again("Hm.", finish="abort")


def test_a_reply_of_an_older_store_is_read():
    old = '{"text": "No.", "finish": "other", "model": "m"}'
    assert kind(Reply.model_validate_json(old)) == ("unscored", UNKNOWN)
    assert kind(Reply.model_validate_json('{"text": "No."}')) == ("answer", "")
    assert kind(Reply.model_validate_json('{"text": ""}')) == ("silent", "")
