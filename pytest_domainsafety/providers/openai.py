"""Any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
import os
import time
from http import HTTPStatus
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ModelNotFound,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    hosted_identity,
    is_known_as,
    read_logprobs,
    time_limit,
)
from pytest_domainsafety.providers.connections import Answer, read_address
from pytest_domainsafety.providers.http import (
    HttpServer,
    check_status,
    error_code,
    error_text,
    parse_json,
)
from pytest_domainsafety.providers.pool import Pool
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply

DEFAULT_URL = "https://api.openai.com/v1"
HINT = "start the server, or set OPENAI_BASE_URL to where it runs (ending in /v1)"
FILTER_WORDS = ("content_filter", "content_policy", "responsibleaipolicy")
# In the order in which they are tried when a server refuses one of them.
TOKEN_LIMITS = ("max_tokens", "max_completion_tokens")
SCHEMA_WORDS = ("response_format", "json_schema")
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


class OpenAIModel:
    """One model on one or several OpenAI-compatible servers.

    Args:
        name: As the user typed it.
        rest: The model's name to the server.
        settings: Endpoints are base URLs as far as ``/v1``; without any,
            OPENAI_BASE_URL, else OpenAI's own.
        provider: The registered name to report.
        key_variable: The variable that holds the key; None sends none.
    """

    def __init__(
        self,
        name: str,
        rest: str,
        settings: ProviderSettings,
        provider: str = "openai",
        *,
        key_variable: str | None = "OPENAI_API_KEY",
    ) -> None:
        """Prepare; nothing is asked yet."""
        self.name = name
        self._model = rest
        self._settings = settings
        self._provider = provider
        endpoints = settings.endpoints_for(provider) or (
            os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL,
        )
        key = os.environ.get(key_variable) if key_variable else None
        self._pool = Pool(
            [
                HttpServer(
                    endpoint,
                    timeout_s=settings.connect_timeout_s,
                    read_timeout_s=settings.read_timeout_s,
                    headers={"authorization": f"Bearer {key}"} if key else None,
                    hint=HINT,
                )
                for endpoint in endpoints
            ]
        )
        self._limit_field = TOKEN_LIMITS[0]
        self._schemas = True
        self._loaded = False

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; the list of models is optional."""
        async with time_limit(
            self._settings.timeout_s, f"The server, asked about {self.name!r},"
        ):
            results = await asyncio.gather(
                *(self._find_entry(server) for server in self._pool.servers),
                return_exceptions=True,
            )
        entries = [result for result in results if isinstance(result, dict)]
        for error in (
            result for result in results if isinstance(result, BaseException)
        ):
            if not (entries and isinstance(error, ServerUnreachable)):
                raise error
        entry = entries[0]
        servers = self._pool.servers
        meta = entry.get("meta") if isinstance(entry.get("meta"), dict) else {}
        length = entry.get("max_model_len") or (meta or {}).get("n_ctx")
        return ModelInfo(
            name=self.name,
            provider=self._provider,
            model=self._model,
            # No weights' hash is to be had: what the server says of the model
            # stands in for it, without the times that change by themselves.
            digest=fingerprint(
                "model", [self._model, servers[0].shown, entry.get("root"), meta]
            ),
            context_length=length if isinstance(length, int) and length > 0 else None,
            endpoints=tuple(server.shown for server in servers),
            server=printable(str(entry.get("owned_by") or "OpenAI-compatible"), 80),
            remote=any(not _is_local(server.base) for server in servers),
            identity=hosted_identity(
                self._model, "openai.com", (server.base for server in servers)
            ),
        )

    async def entry(self) -> dict[str, Any]:
        """Return what the first server's list says of the model, perhaps nothing."""
        return await self._find_entry(self._pool.servers[0])

    async def _find_entry(self, server: HttpServer) -> dict[str, Any]:
        """Return the server's entry for the model; empty where it lists none."""
        response = await server.send("GET", "/models")
        if response.status_code in {404, 405, 501}:
            return {}
        check_status(response, server.shown, self._model)
        data = parse_json(response, server.shown).get("data")
        if not isinstance(data, list) or not data:
            return {}
        entries = {
            str(entry.get("id")): entry for entry in data if isinstance(entry, dict)
        }
        if self._model in entries:
            return entries[self._model]
        for name, entry in entries.items():
            if self._model in (entry.get("aliases") or ()) or is_known_as(
                self._model, name
            ):
                return entry
        if _lists_no_deployments(server):
            return {}
        names = ", ".join(sorted(printable(name, 80) for name in entries)[:20])
        raise ModelNotFound(
            f"{server.shown} has no model {printable(self._model)!r}; it has {names}."
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        settings = self._settings
        limit = settings.timeout_s
        if not self._loaded:
            limit = max(limit, settings.load_timeout_s)
        started = time.perf_counter()
        with self._pool.choose() as server:
            async with time_limit(limit, f"{server.shown} (model {self.name!r})"):
                response = await self._post(server, request)
            seconds = time.perf_counter() - started
            if _is_filtered(response):
                return build_reply("", finish="filtered", latency_s=seconds)
            check_status(response, server.shown, self._model)
            answer = parse_json(response, server.shown)
            reply = self._reply(answer, server, seconds)
        self._loaded = True
        return reply

    async def _post(self, server: HttpServer, request: ChatRequest) -> Answer:
        """Send the request, and again without what the server says it can't do."""
        # Twice more at most: once for each thing that has to be learnt of a server.
        for _ in range(2):
            used, schemas = self._limit_field, self._schemas
            response = await self._send(server, request)
            if response.status_code not in REFUSED:
                return response
            body = response.content.decode(errors="replace").casefold()
            other = next(field for field in TOKEN_LIMITS if field != used)
            if other in body and used in body:
                self._limit_field = other
            elif schemas and any(word in body for word in SCHEMA_WORDS):
                # Whoever reads the answer checks it all the same.
                self._schemas = False
            else:
                return response
        return await self._send(server, request)

    async def _send(self, server: HttpServer, request: ChatRequest) -> Answer:
        body = self._body(request, self._limit_field)
        return await server.send("POST", "/chat/completions", body)

    def _body(self, request: ChatRequest, limit_field: str) -> dict[str, Any]:
        sampling = request.sampling
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [message._asdict() for message in request.messages],
            "temperature": sampling.temperature,
            "seed": request.seed,
            "stream": False,
            limit_field: sampling.max_tokens,
        }
        if request.response_schema is not None and self._schemas:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": True,
                    "schema": request.response_schema,
                },
            }
        if request.logprobs:
            body |= {"logprobs": True, "top_logprobs": request.logprobs}
        if sampling.think is not None and not _is_hosted_openai(self._pool.servers[0]):
            # vLLM, SGLang and llama.cpp hand this to the chat template.
            body["chat_template_kwargs"] = {"enable_thinking": sampling.think}
        return body

    def _reply(
        self, answer: dict[str, Any], server: HttpServer, seconds: float
    ) -> Reply:
        try:
            choice = answer["choices"][0]
            message = choice["message"]
            text = message.get("content")
            refusal = message.get("refusal")
        except (KeyError, IndexError, TypeError, AttributeError):
            raise BadAnswer(
                f"{server.shown} sent an answer without a message."
            ) from None
        if choice.get("error") or message.get("error"):
            raise ServerFault(
                f"{server.shown} broke its answer off: "
                f"{error_text(choice if choice.get('error') else message)}."
            )
        trace = message.get("reasoning_content") or message.get("reasoning") or ""
        parts = (text, refusal)
        if not all(isinstance(part, str | None) for part in (*parts, trace)):
            raise BadAnswer(f"{server.shown} sent a message that is not text.")
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        logprobs = choice.get("logprobs")
        return build_reply(
            "\n\n".join(part for part in parts if part),
            reasoning=trace,
            finish=choice.get("finish_reason"),
            tool_call=bool(message.get("tool_calls") or message.get("function_call")),
            source=server.shown,
            tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            latency_s=seconds,
            model=str(answer.get("model") or ""),
            logprobs=read_logprobs(
                logprobs.get("content") if isinstance(logprobs, dict) else None
            ),
        )

    async def unload(self) -> None:
        """Do nothing: the protocol has no word for it."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def _is_filtered(response: Answer) -> bool:
    """Tell whether an upstream content filter rejected the request."""
    if response.status_code not in {400, 403}:
        return False
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return False
    error = body.get("error") if isinstance(body, dict) else None
    code = error_code(body).casefold()
    if isinstance(error, dict) and isinstance(error.get("innererror"), dict):
        code += str(error["innererror"].get("code") or "").casefold()
    return any(word in code for word in FILTER_WORDS)


def _is_local(url: str) -> bool:
    """Tell whether an address is on this machine or in a private network."""
    host = read_address(url).host
    private = ("127.", "10.", "192.168.", *(f"172.{n}." for n in range(16, 32)))
    return (
        host in {"localhost", "::1"}
        or (host.replace(".", "").isdigit() and host.startswith(private))
        or "." not in host
        or host.endswith((".local", ".internal", ".lan"))
    )


def _lists_no_deployments(server: HttpServer) -> bool:
    """Azure lists the models there are to deploy, not the names of deployments."""
    return server.host.endswith(".azure.com")


def _is_hosted_openai(server: HttpServer) -> bool:
    return server.host == "api.openai.com"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
