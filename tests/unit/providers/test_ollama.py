"""Ollama's own ways, against a server that has them."""

from __future__ import annotations

import asyncio

import pytest
from faultserver import DIGEST, FaultServer

from pytest_domainsafety.errors import (
    ConfigError,
    ModelNotFound,
    PromptTooLong,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.ollama import OllamaModel, parse_host
from pytest_domainsafety.types import ChatRequest, Message, Sampling


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


def made(*servers, name="m", **more):
    urls = tuple(server.url for server in servers)
    settings = ProviderSettings(endpoints=urls, timeout_s=5, **more)
    return OllamaModel(name, name, settings)


def request(text="hello", sampling=None, **more):
    return ChatRequest((Message("user", text),), sampling or Sampling(), 7, **more)


def closing(model, work):
    async def both():
        try:
            return await work
        finally:
            await model.aclose()

    return run(both())


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("localhost", "http://127.0.0.1:11434"),
        (":56789", "http://127.0.0.1:56789"),
        ("[::]:1234", "http://127.0.0.1:1234"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("gpu-box", "http://gpu-box:11434"),
        ("http://gpu-box", "http://gpu-box:80"),
        ("https://gpu-box/", "https://gpu-box:443"),
        ("https://gpu-box:8443/ollama", "https://gpu-box:8443/ollama"),
        (' "10.0.0.1:99" ', "http://10.0.0.1:99"),
    ],
)
def test_what_ollama_host_means(value, url):
    assert parse_host(value) == url


def test_the_variable_is_read(monkeypatch):
    with FaultServer() as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        model = OllamaModel("m", "m", ProviderSettings())
        info = closing(model, model.describe())
    assert info.endpoints == (server.url,)


def test_preflight_tells_what_there_is_to_know():
    with FaultServer() as server:
        server.show = {"system": "Be nice.", "capabilities": ["thinking"]}
        model = made(server)
        info = closing(model, model.describe())
    assert info.digest == DIGEST
    assert info.provider == "ollama"
    assert (info.family, info.quantisation) == ("llama", "Q4_K_M")
    assert info.context_length == 8192
    assert info.system_prompt == "Be nice."
    assert info.capabilities == ("thinking",)
    assert info.server == "ollama 0.13.5"
    assert info.template_hash is not None
    assert not info.remote


@pytest.mark.parametrize(
    ("name", "shown"),
    [("m", {"remote_host": "https://ollama.com"}), ("big:120b-cloud", {})],
)
def test_a_model_in_somebodys_cloud_is_remote(name, shown):
    with FaultServer(name) as server:
        server.show = shown
        model = made(server, name=name)
        assert closing(model, model.describe()).remote


def test_a_missing_model_says_what_is_there_and_what_to_type():
    with FaultServer("llama3.3:latest", "gemma3:27b") as server:
        model = made(server, name="lama3.3")
        with pytest.raises(ModelNotFound) as caught:
            closing(model, model.describe())
    assert "llama3.3:latest" in str(caught.value)
    assert "ollama pull lama3.3" in str(caught.value)


def test_an_unreachable_server_names_address_and_variable():
    settings = ProviderSettings(endpoints=("127.0.0.1:9",))
    model = OllamaModel("m", "m", settings)
    with pytest.raises(ServerUnreachable, match=r"127\.0\.0\.1:9.*OLLAMA_HOST"):
        closing(model, model.describe())


def test_every_request_carries_the_same_runner_options():
    with FaultServer() as server:
        model = made(server)
        sampling = Sampling(num_ctx=4096, temperature=0.5, max_tokens=9, think=False)
        schema = {"type": "object"}

        async def two():
            await model.chat(request("a", sampling, response_schema=schema))
            await model.chat(request("b", sampling, logprobs=5))
            await model.aclose()

        run(two())
    first, second = server.requests
    assert first["options"] == second["options"]
    assert first["options"] == {
        "temperature": 0.5,
        "num_predict": 9,
        "seed": 7,
        "num_ctx": 4096,
    }
    assert first["truncate"] is first["shift"] is first["think"] is False
    assert first["format"] == schema
    assert (second["logprobs"], second["top_logprobs"]) == (True, 5)
    assert "format" not in second


def test_thinking_is_left_to_the_server_unless_said():
    with FaultServer() as server:
        model = made(server)
        closing(model, model.chat(request()))
    assert "think" not in server.requests[0]


def test_a_word_that_may_be_meant_for_a_provider_is_doubted():
    with FaultServer("other:latest") as server:
        gone = "http://127.0.0.1:9"
        for name, doubted in [
            ("acme:some-model", True),
            ("ollama:acme:some-model", False),
            ("mistral:7b", False),
            ("llama3.3:latest", False),
            ("me/model:tag", False),
        ]:
            rest = name.removeprefix("ollama:")
            for url in (server.url, gone):
                model = OllamaModel(name, rest, ProviderSettings((url,), timeout_s=5))
                with pytest.raises((ModelNotFound, ServerUnreachable)) as caught:
                    closing(model, model.describe())
                said = "is meant to be a provider, there is none" in str(caught.value)
                assert said == doubted, name


@pytest.mark.parametrize(
    ("status", "said", "field"),
    [
        (400, '"m" does not support thinking', "think"),
        (400, 'invalid format: expected "json" or a JSON schema', "format"),
        (500, "failed to load model vocabulary required for format", "format"),
        (500, "llama: failed to parse grammar", "format"),
        (400, "logprobs are not supported by this engine", "logprobs"),
    ],
)
def test_what_it_does_not_take_is_left_out(status, said, field):
    with FaultServer() as server:
        server.shape = lambda _path, body: (
            (status, {"error": said}) if field in body else None
        )
        model = made(server)
        asked = request(sampling=Sampling(think=True), response_schema={}, logprobs=3)

        async def twice():
            replies = [await model.chat(asked), await model.chat(asked)]
            await model.aclose()
            return replies

        first, second = asyncio.run(twice())
    assert first.adapted == second.adapted == (field,)
    assert len(server.requests) == 3
    assert all(one["truncate"] is False for one in server.requests)


@pytest.mark.parametrize(("think", "level"), [(True, "medium"), (False, "low")])
def test_gpt_oss_knows_levels_only(think, level):
    with FaultServer() as server:
        server.show = {"details": {"family": "gptoss"}}
        model = made(server)

        async def both():
            await model.describe()
            await model.chat(request(sampling=Sampling(think=think)))
            await model.aclose()

        run(both())
    assert server.requests[0]["think"] == level


def test_the_servers_own_trace_is_apart():
    with FaultServer() as server:
        content = {"role": "assistant", "content": "No.", "thinking": "Hm."}
        server.extra = {"message": content}
        model = made(server)
        reply = closing(model, model.chat(request()))
    assert (reply.text, reply.reasoning) == ("No.", "Hm.")
    assert reply.load_s == 0.5


@pytest.mark.parametrize(
    ("characters", "read", "cut"),
    [
        (5000, 4096, True),  # an old server filled the window
        (30000, 2050, True),  # … or kept half of it
        (5000, 1200, False),
        (300, 3, False),  # it fits whatever the count says
        (30000, 0, False),  # a server that does not count
    ],
)
def test_a_cut_prompt_is_noticed_by_its_count(characters, read, cut):
    with FaultServer() as server:
        server.extra = {"prompt_eval_count": read}
        model = made(server)
        work = model.chat(request("x" * characters, Sampling(num_ctx=4096)))
        if cut:
            with pytest.raises(PromptTooLong, match="safety-num-ctx"):
                closing(model, work)
        else:
            assert closing(model, work).text


def test_a_name_without_a_tag_is_the_latest():
    with FaultServer("m:latest") as server:
        server.extra = {"model": "m:latest"}
        model = made(server)
        assert closing(model, model.chat(request())).model == "m:latest"


def test_unloading_is_asked_for_and_never_fails():
    with FaultServer() as server:
        model = made(server)
        closing(model, model.unload())
        assert server.requests[0]["keep_alive"] == 0
    gone = OllamaModel("m", "m", ProviderSettings(endpoints=("127.0.0.1:9",)))
    closing(gone, gone.unload())


def test_several_servers_share_the_work_and_one_may_be_down():
    with FaultServer() as one, FaultServer() as two:
        settings = ProviderSettings(endpoints=("127.0.0.1:9", one.url, two.url))
        model = OllamaModel("m", "m", settings)

        async def work():
            await model.describe()
            got = []
            for _ in range(2):  # at first the dead one is tried, then it rests
                got += await asyncio.gather(
                    *(model.chat(request(str(n))) for n in range(30)),
                    return_exceptions=True,
                )
            await model.aclose()
            return got

        got = run(work())
        assert one.requests
        assert two.requests
    assert not [reply for reply in got[30:] if isinstance(reply, Exception)]


def test_two_servers_must_hold_the_same_model(monkeypatch):
    with FaultServer() as one, FaultServer() as two:
        monkeypatch.setattr("faultserver.DIGEST", "00" * 32)
        listing = two._listing
        two._listing = lambda *asked: (
            _other_digest(listing(*asked))
            if asked[1] == "/api/tags"
            else listing(*asked)
        )
        model = made(one, two)
        with pytest.raises(ConfigError, match="not the same on"):
            closing(model, model.describe())


def _other_digest(answer):
    answer[1]["models"][0]["digest"] = "11" * 32
    return answer
