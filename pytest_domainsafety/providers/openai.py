"""Any server that speaks OpenAI's protocol: chat completions, or else Responses."""

from __future__ import annotations

import asyncio
import os
import re
import time
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pytest_domainsafety.errors import (
    DomainSafetyError,
    ModelNotFound,
    RequestRefused,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers import chat_completions, responses
from pytest_domainsafety.providers.base import ProviderSettings, build_reply, time_limit
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.connections import read_address
from pytest_domainsafety.providers.dialect import Dialect, Forms
from pytest_domainsafety.providers.endpoints import Endpoint, read_endpoint
from pytest_domainsafety.providers.filters import is_filtered
from pytest_domainsafety.providers.http import (
    HttpServer,
    check_status,
    error_text,
    metadata_hash,
    parse_json,
)
from pytest_domainsafety.providers.keys import key_of
from pytest_domainsafety.providers.names import hosted_identity, is_known_as
from pytest_domainsafety.providers.pool import Pool
from pytest_domainsafety.providers.streams import is_stream, joined
from pytest_domainsafety.text import printable
from pytest_domainsafety.types import ChatRequest, Message, ModelInfo, Reply, Sampling

DEFAULT_URL = "https://api.openai.com/v1"
HINT = "start the server, or set OPENAI_BASE_URL to where it runs (ending in /v1)"
# A server without a list of models, or without a kind of request.
ABSENT = frozenset({404, 405, 501})
_NAMES_RESPONSES = re.compile(
    rb"v1/responses|responses api|/responses\b", re.IGNORECASE
)
PROBE = ChatRequest(
    (Message("user", "Say that you are ready."),), Sampling(max_tokens=256), 1
)
"""Asked before the run of a model that no list vouches for: the first chat decides."""


class _Listing(NamedTuple):
    """What a server's list says of a model.

    Attributes:
        entry: Its entry; empty where there is none.
        vouched: Whether it need not be asked for; also of a server without a list.
        names: Of the models that are there.
    """

    entry: dict[str, Any]
    vouched: bool
    names: tuple[str, ...] = ()


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

    hint = HINT

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
        self._key_variable = key_variable
        endpoints = self._endpoints()
        self._pool = Pool([self._server(endpoint) for endpoint in endpoints])
        self._paths = dict(zip(self._pool.servers, endpoints, strict=True))
        self._over_responses = any(one.prefers_responses for one in endpoints)
        self._chat = Dialect(chat_completions.PARTS)
        self._responses = Dialect(responses.PARTS)
        self._answered = False

    def _endpoints(self) -> list[Endpoint]:
        named = self._settings.endpoints_for(self._provider) or (
            os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL,
        )
        return [read_endpoint(url) for url in named]

    def _headers(self, endpoint: Endpoint) -> dict[str, str]:
        if self._key_variable is None:
            return {}
        variables = [self._key_variable]
        if endpoint.azure:
            variables.insert(0, "AZURE_OPENAI_API_KEY")
        key = key_of(self._settings, self._provider, *variables)
        if key is None:
            return {}
        return (
            {"api-key": key} if endpoint.azure else {"authorization": f"Bearer {key}"}
        )

    def _server(self, endpoint: Endpoint) -> HttpServer:
        return HttpServer(
            endpoint.base,
            timeout_s=self._settings.connect_timeout_s,
            read_timeout_s=self._settings.read_timeout_s,
            headers=self._headers(endpoint),
            hint=self.hint,
            max_bytes=self._settings.max_reply_bytes,
        )

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; the list of models is a hint alone."""
        async with time_limit(
            self._settings.timeout_s, f"The server, asked about {self.name!r},"
        ):
            results = await asyncio.gather(
                *(self._look(server) for server in self._pool.servers),
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
            digest=metadata_hash(
                [self._model, servers[0].shown, entry.get("root"), meta]
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
        return (await self._list(self._pool.servers[0])).entry

    async def _look(self, server: HttpServer) -> dict[str, Any]:
        """Return a server's entry for the model; empty where it lists none."""
        try:
            listing = await self._list(server)
        except ServerUnreachable:
            raise
        except DomainSafetyError:
            # Busy, loading, or for the keys of others: no word on the model.
            listing = _Listing({}, vouched=False)
        if listing.vouched:
            return listing.entry
        names = ", ".join(sorted(printable(name, 80) for name in listing.names)[:20])
        missing = ModelNotFound(
            f"{server.shown} has no model {printable(self._model)!r}; it has {names}."
        )
        if self._settings.strict_name and names:
            raise missing
        try:
            await self._ask(server, PROBE)
        except (ModelNotFound, RequestRefused) as error:
            if names and isinstance(error, ModelNotFound):
                raise missing from None
            raise
        return listing.entry

    async def _list(self, server: HttpServer) -> _Listing:
        path = self._paths[server].models
        if path is None:
            return _Listing({}, vouched=False)
        response = await server.send("GET", path)
        if response.status_code in ABSENT:
            # An address that ends too early has neither a list nor a chat.
            return _Listing({}, vouched=not self._ends_early(server))
        check_status(response, server.shown, self._model)
        data = parse_json(response, server.shown).get("data")
        if not isinstance(data, list) or not data:
            return _Listing({}, vouched=True)
        entries = {
            str(entry.get("id")): entry for entry in data if isinstance(entry, dict)
        }
        if self._model in entries:
            return _Listing(entries[self._model], vouched=True)
        for name, entry in entries.items():
            if self._model in (entry.get("aliases") or ()) or is_known_as(
                self._model, name
            ):
                return _Listing(entry, vouched=True)
        return _Listing({}, vouched=False, names=tuple(entries))

    def _ends_early(self, server: HttpServer) -> bool:
        return not (self._paths[server].azure or urlsplit(server.base).path)

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        with self._pool.choose() as server:
            async with server.pace.turn(request.sampling.max_tokens):
                return await self._ask(server, request)

    async def _ask(self, server: HttpServer, request: ChatRequest) -> Reply:
        settings = self._settings
        limit = settings.timeout_s
        if not self._answered:
            limit = max(limit, settings.load_timeout_s)
        started = time.perf_counter()
        async with time_limit(limit, f"{server.shown} (model {self.name!r})"):
            response, adapted = await self._post(server, request)
        seconds = time.perf_counter() - started
        if is_filtered(response, settings.filter_words):
            return build_reply(
                "", finish="filtered", latency_s=seconds, adapted=adapted
            )
        if response.status_code in ABSENT and self._ends_early(server):
            raise ModelNotFound(
                f"{server.shown} answered {response.status_code} to a chat; the "
                "address of an OpenAI-compatible server ends in /v1: "
                f"{server.shown}/v1."
            )
        check_status(response, server.shown, self._model)
        if is_stream(response):
            answer = joined(response, server.shown)
            if answer.get("error"):
                raise ServerFault(f"{server.shown} failed: {error_text(answer)}.")
        else:
            answer = parse_json(response, server.shown)
        read = chat_completions.reply_of
        if self._is_response(answer):
            read = responses.reply_of
        reply = read(answer, server.shown, seconds, adapted)
        self._answered = True
        return reply

    @staticmethod
    def _is_response(answer: dict[str, Any]) -> bool:
        return "choices" not in answer and (
            "output" in answer or answer.get("object") == "response"
        )

    async def _post(
        self, server: HttpServer, request: ChatRequest
    ) -> tuple[Answer, tuple[str, ...]]:
        """Send the request; over Responses where there is no chat for the model."""
        if self._over_responses:
            return await self._send_response(server, request)
        answer, adapted = await self._send_chat(server, request)
        named = 400 <= answer.status_code < 500 and bool(
            _NAMES_RESPONSES.search(answer.content)
        )
        absent = answer.status_code in ABSENT and not self._answered
        if not named and not absent:
            return answer, adapted
        other, changed = await self._send_response(server, request)
        if not named and not 200 <= other.status_code < 300:
            return answer, adapted
        if other.status_code not in ABSENT:
            self._over_responses = True
            return other, changed
        return answer, adapted

    async def _send_chat(
        self, server: HttpServer, request: ChatRequest
    ) -> tuple[Answer, tuple[str, ...]]:
        path = self._paths[server].chat
        thinks = request.sampling.think is not None and not (
            self._paths[server].azure or server.host == "api.openai.com"
        )

        async def post(forms: Forms) -> Answer:
            body = chat_completions.body_of(request, self._model, forms, thinks=thinks)
            return await server.send("POST", path, body)

        asked = chat_completions.asked_of(request, thinks=thinks)
        return await self._chat.send(post, asked, settled=self._is_settled)

    async def _send_response(
        self, server: HttpServer, request: ChatRequest
    ) -> tuple[Answer, tuple[str, ...]]:
        path = self._paths[server].responses

        async def post(forms: Forms) -> Answer:
            body = responses.body_of(request, self._model, forms)
            return await server.send("POST", path, body)

        asked = responses.asked_of(request)
        return await self._responses.send(post, asked, settled=self._is_settled)

    def _is_settled(self, answer: Answer) -> bool:
        """Whether a refusal is about something else than a part of the request."""
        return is_filtered(answer, self._settings.filter_words) or (
            answer.status_code == HTTPStatus.NOT_FOUND
            and _NAMES_RESPONSES.search(answer.content) is not None
        )

    async def unload(self) -> None:
        """Do nothing: the protocol has no word for it."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


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
