"""Ollama, by its native API: the only one that can set the context window.

The package `ollama` unloads models. All else is sent over the same connections
without it: its `chat` has no `truncate` and `shift`, it drops the Retry-After
header and the fields `system`, `remote_model` and `remote_host` of a model, it
validates every answer into objects that we would take apart again, and importing
it takes about 0.2 s, which a run would spend before its first request.

Answers are not streamed. A stalled stream could be told from a slow one, but
the long silence is before the first token (a queue, a model that loads), where
a stream is silent too; each request has a total time-out, and closing the
connection makes the server stop generating. In return one request is one JSON
object, whatever its length.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from http import HTTPStatus
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    DomainSafetyError,
    ModelNotFound,
    PromptTooLong,
    ServerBusy,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    read_logprobs,
    time_limit,
)
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.dialect import Dialect, Forms, Part
from pytest_domainsafety.providers.filters import is_filtered
from pytest_domainsafety.providers.http import (
    HttpServer,
    check_status,
    metadata_hash,
    parse_json,
)
from pytest_domainsafety.providers.pool import Pool
from pytest_domainsafety.providers.provider_words import doubt
from pytest_domainsafety.text import clean, fingerprint, printable
from pytest_domainsafety.types import (
    ChatRequest,
    ModelInfo,
    Reply,
)

DEFAULT_PORT = 11434
SMALLEST_DEFAULT_WINDOW = 4096
# A prompt of more was cut (`_check_window`): English has about four.
MOST_CHARACTERS_A_TOKEN = 10
# A courtesy that must not hold a run up.
UNLOAD_LIMIT_S = 10.0
# In a second: the unit of Ollama's durations.
_FAR_TOO_MUCH = 2**63
"""No count of anything: a server that says so knows no better."""
NANOSECONDS = 1e9
HINT = "start it with 'ollama serve', or set OLLAMA_HOST to where it runs"


def parse_host(value: str) -> str:
    """Return the base URL that a value of OLLAMA_HOST means to a client.

    A server's ``0.0.0.0`` (every address) is reached at 127.0.0.1; so is
    ``localhost``, which may mean IPv6 where Ollama listens on IPv4 only.

    Args:
        value: ``host``, ``host:port``, ``:port`` or a URL, as Ollama takes them.
    """
    text = value.strip().strip("\"'").rstrip("/")
    scheme, sign, rest = text.partition("://")
    if not sign:
        scheme, rest = "http", text
    authority, slash, path = rest.partition("/")
    login, at, authority = authority.rpartition("@")
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(\d+))?", authority)
    if match is None:
        bare_ipv6 = authority.count(":") > 1 and "]" not in authority
        host, port = (f"[{authority}]" if bare_ipv6 else authority), None
    else:
        host, port = match[1], match[2]
    if host in {"", "0.0.0.0", "localhost", "[::]", "[::0]"}:
        host = "127.0.0.1"
    number = port or ("443" if scheme == "https" else "80" if sign else DEFAULT_PORT)
    return f"{scheme}://{login}{at}{host}:{number}{slash}{path}"


# What a model, or an older Ollama, may refuse; a prompt that is cut is no such thing.
PARTS = (
    Part("think", words=("thinking",)),
    Part("format", words=("grammar", "json schema"), late=True),
    Part("logprobs", words=("top_logprobs",)),
)


class OllamaModel:
    """One model on one or several Ollama servers.

    Args:
        name: As the user typed it.
        rest: The model's name to Ollama; without a tag it means ``:latest``.
        settings: Endpoints as :func:`parse_host` takes them; without any,
            OLLAMA_HOST (a list is separated by commas), else 127.0.0.1:11434.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Prepare; nothing is asked yet."""
        self.name = name
        self._model = rest
        self._settings = settings
        endpoints = settings.endpoints_for("ollama") or tuple(
            filter(None, os.environ.get("OLLAMA_HOST", "").split(","))
        )
        key = os.environ.get("OLLAMA_API_KEY")
        self._pool = Pool(
            [
                HttpServer(
                    parse_host(endpoint),
                    timeout_s=settings.connect_timeout_s,
                    read_timeout_s=settings.read_timeout_s,
                    headers={"authorization": f"Bearer {key}"} if key else None,
                    hint=HINT + _doubt(name),
                    max_bytes=settings.max_reply_bytes,
                )
                for endpoint in endpoints or ("",)
            ]
        )
        self._doubt = _doubt(name)
        self._family = ""
        self._loaded = False
        self._dialect = Dialect(PARTS)

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; several servers must hold one digest."""
        limit = self._settings.timeout_s
        async with time_limit(limit, f"Ollama, asked about {self.name!r},"):
            results = await asyncio.gather(
                *(self._info(server) for server in self._pool.servers),
                return_exceptions=True,
            )
        infos = [result for result in results if isinstance(result, ModelInfo)]
        for error in (
            result for result in results if isinstance(result, BaseException)
        ):
            # One that is down or busy may come back; anything else is a fault now.
            if not (infos and isinstance(error, (ServerUnreachable, ServerBusy))):
                raise error
        if len({info.digest for info in infos}) > 1:
            raise ConfigError(
                f"The model {printable(self._model)!r} is not the same on "
                f"{', '.join(info.endpoints[0] for info in infos)}; "
                f"'ollama pull {printable(self._model)}' on each of them."
            )
        self._family = infos[0].family or ""
        shown = tuple(server.shown for server in self._pool.servers)
        return infos[0].model_copy(update={"endpoints": shown})

    async def _info(self, server: HttpServer) -> ModelInfo:
        version = await self._get(server, "GET", "/api/version")
        digests = await self._digests(server)
        shown = await self._show(server, digests)
        details = _object(shown.get("details"))
        metadata = _object(shown.get("model_info"))
        architecture = metadata.get("general.architecture", "")
        length = metadata.get(f"{architecture}.context_length")
        digest = digests.get(_tagged(self._model))
        template = _text(shown.get("template")) or ""
        remote = bool(shown.get("remote_model") or shown.get("remote_host"))
        remote = remote or _tagged(self._model).endswith("cloud")
        return ModelInfo(
            name=self.name,
            provider="ollama",
            model=self._model,
            digest=digest or metadata_hash([metadata, template]),
            family=_text(details.get("family")),
            quantisation=_text(details.get("quantization_level")),
            parameters=_text(details.get("parameter_size")),
            context_length=_count(length) or None,
            template_hash=fingerprint("template", template) if template else None,
            system_prompt=_text(shown.get("system")),
            capabilities=tuple(
                filter(None, map(_text, _list(shown.get("capabilities"))))
            ),
            endpoints=(server.shown,),
            server=f"ollama {printable(str(version.get('version', '?')), 40)}",
            remote=remote,
            # The digest is of a file here; what a cloud serves under it is its own.
            identity="weights" if digest and not remote else "name",
        )

    async def _digests(self, server: HttpServer) -> dict[str, str]:
        """Return the digest of each model on a server, by full name.

        Raises:
            BadAnswer: It is no Ollama that answers.
        """
        models = (await self._get(server, "GET", "/api/tags")).get("models")
        if not isinstance(models, list) or not all(isinstance(m, dict) for m in models):
            raise BadAnswer(
                f"{server.shown} does not answer as Ollama does; "
                "for an OpenAI-compatible server write '--safety-model openai:NAME'."
            )
        entries = (
            (str(entry.get("model") or entry.get("name")), entry) for entry in models
        )
        return {name: str(entry.get("digest") or "") for name, entry in entries}

    async def _show(
        self, server: HttpServer, digests: dict[str, str]
    ) -> dict[str, Any]:
        body = {"model": self._model}
        response = await server.send("POST", "/api/show", body)
        if response.status_code == HTTPStatus.NOT_FOUND:
            names = ", ".join(sorted(printable(name, 80) for name in digests)[:20])
            model = printable(self._model)
            raise ModelNotFound(
                f"Ollama at {server.shown} has no model {model!r}; "
                f"it has {names or 'none at all'}. "
                f"To get it, type: ollama pull {model}{self._doubt}"
            )
        check_status(response, server.shown, self._model)
        return parse_json(response, server.shown)

    async def _get(self, server: HttpServer, method: str, path: str) -> dict[str, Any]:
        response = await server.send(method, path)
        check_status(response, server.shown, self._model)
        return parse_json(response, server.shown)

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        settings = self._settings
        limit = settings.timeout_s
        if not self._loaded:
            limit = max(limit, settings.load_timeout_s)
        started = time.perf_counter()
        with self._pool.choose() as server:
            async with time_limit(limit, f"{server.shown} (model {self.name!r})"):
                response, adapted = await self._send(server, request)
            if is_filtered(response, settings.filter_words):
                seconds = time.perf_counter() - started
                return build_reply(
                    "", finish="filtered", latency_s=seconds, adapted=adapted
                )
            check_status(response, server.shown, self._model)
            answer = parse_json(response, server.shown)
            seconds = time.perf_counter() - started
            reply = self._reply(answer, server, seconds, adapted)
        self._loaded = True
        _check_window(request, reply, self._model)
        return reply

    async def _send(
        self, server: HttpServer, request: ChatRequest
    ) -> tuple[Answer, tuple[str, ...]]:
        """Send the request, and again without what the server says it can't do."""
        there = {
            "think": request.sampling.think is not None,
            "format": request.response_schema is not None,
            "logprobs": bool(request.logprobs),
        }
        words = self._settings.filter_words

        async def post(forms: Forms) -> Answer:
            return await server.send("POST", "/api/chat", self._body(request, forms))

        return await self._dialect.send(
            post,
            [name for name, is_there in there.items() if is_there],
            settled=lambda answer: is_filtered(answer, words),
        )

    def _body(self, request: ChatRequest, forms: Forms) -> dict[str, Any]:
        sampling = request.sampling
        options: dict[str, Any] = {
            "temperature": sampling.temperature,
            "num_predict": sampling.max_tokens,
            "seed": request.seed,
        }
        if sampling.num_ctx is not None:
            options["num_ctx"] = sampling.num_ctx
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [message._asdict() for message in request.messages],
            "stream": False,
            "options": options,
            # A prompt that does not fit shall be an error, not cut in silence.
            "truncate": False,
            "shift": False,
        }
        if sampling.think is not None and forms["think"] is not None:
            body["think"] = self._think(on=sampling.think)
        if request.response_schema is not None and forms["format"] is not None:
            body["format"] = request.response_schema
        if request.logprobs and forms["logprobs"] is not None:
            body |= {"logprobs": True, "top_logprobs": request.logprobs}
        return body

    def _think(self, *, on: bool) -> bool | str:
        """Return the switch that the model understands: gpt-oss knows levels only."""
        if self._family.replace("-", "") == "gptoss":
            return "medium" if on else "low"
        return on

    def _reply(
        self,
        answer: dict[str, Any],
        server: HttpServer,
        seconds: float,
        adapted: tuple[str, ...],
    ) -> Reply:
        message = answer.get("message")
        if not isinstance(message, dict) or not answer.get("done", True):
            raise BadAnswer(f"{server.shown} sent an answer without a message.")
        text, trace = message.get("content") or "", message.get("thinking") or ""
        if not isinstance(text, str) or not isinstance(trace, str):
            raise BadAnswer(f"{server.shown} sent a message that is not text.")
        model = answer.get("model")
        return build_reply(
            text,
            reasoning=trace,
            finish=answer.get("done_reason"),
            tool_call=bool(message.get("tool_calls")),
            source=server.shown,
            tokens_in=_count(answer.get("prompt_eval_count")),
            tokens_cached=_count(answer.get("prompt_eval_cached_count")),
            tokens_out=_count(answer.get("eval_count")),
            latency_s=seconds,
            load_s=(_count(answer.get("load_duration")) or 0) / NANOSECONDS,
            model=str(model or ""),
            logprobs=read_logprobs(answer.get("logprobs")),
            adapted=adapted,
        )

    async def is_loaded(self) -> bool:
        """Whether every server holds the model now, as `/api/ps` says; never raises."""
        for server in self._pool.servers:
            try:
                async with time_limit(self._settings.timeout_s, server.shown):
                    running = await self._get(server, "GET", "/api/ps")
            except DomainSafetyError:
                return False
            entries = running.get("models")
            if not isinstance(entries, list) or _tagged(self._model) not in {
                _tagged(str(entry.get("model")))
                for entry in entries
                if isinstance(entry, dict)
            }:
                return False
        return True

    async def unload(self) -> None:
        """Ask every server to free the model's memory."""
        from ollama import AsyncClient, ResponseError

        for server in self._pool.servers:
            # Shares the server's connections, so it must not be closed by itself.
            client = AsyncClient(server.base, transport=server.transport, timeout=None)
            try:
                async with time_limit(UNLOAD_LIMIT_S, server.shown), server.faults():
                    await client.chat(self._model, messages=[], keep_alive=0)
            except (
                DomainSafetyError,
                ResponseError,
                ConnectionError,
                ValueError,
            ):
                continue  # a courtesy: what is asked next will say what is wrong

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def _doubt(name: str) -> str:
    # The registry knows this module by its name, and imports it when it is asked for.
    from pytest_domainsafety.providers.registry import providers

    return doubt(name, providers())


def _tagged(model: str) -> str:
    """Return a model's name with its tag: none means ``latest``."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < _FAR_TOO_MUCH else None


# What a server says of a model is a courtesy: of another type it is unknown.


def _text(value: Any) -> str | None:
    return clean(value)[0] or None if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _check_window(request: ChatRequest, reply: Reply, model: str) -> None:
    """Notice a prompt that was cut although we asked for an error.

    Older servers do not know `truncate`: they fill the window, or keep about
    half of it. The count of prompt tokens is the only tell. It is looked at
    only where the prompt may really be too long.

    Raises:
        PromptTooLong: The server cannot have read the whole prompt.
    """
    window = request.sampling.num_ctx or SMALLEST_DEFAULT_WINDOW
    tokens = reply.tokens_in
    characters = sum(len(message.content) for message in request.messages)
    if not tokens or characters <= window:
        return
    filled = request.sampling.num_ctx is not None and tokens >= window
    if filled or tokens * MOST_CHARACTERS_A_TOKEN < characters:
        raise PromptTooLong(
            f"The server read {tokens} tokens of a prompt of {characters} characters "
            f"to {printable(model)!r} and cut the rest (context window {window}); "
            "raise --safety-num-ctx or shorten the prompt."
        )
