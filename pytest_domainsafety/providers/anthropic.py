"""Anthropic's Messages API."""

from __future__ import annotations

import os
import time
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    DomainSafetyError,
    ServerUnreachable,
)
from pytest_domainsafety.providers.anthropic_sdk import SdkServer, is_installed
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    count_of,
    meant_for,
    time_limit,
)
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.content import read_content
from pytest_domainsafety.providers.dialect import Dialect, Forms, Part
from pytest_domainsafety.providers.filters import is_filtered
from pytest_domainsafety.providers.http import (
    HttpServer,
    check_status,
    parse_json,
)
from pytest_domainsafety.providers.keys import key_of
from pytest_domainsafety.providers.names import hosted_identity, is_known_as
from pytest_domainsafety.providers.openai import PROBE
from pytest_domainsafety.providers.pool import Pool
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply

DEFAULT_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"
HINT = "check the network, or set ANTHROPIC_BASE_URL"
THINKING_BUDGET = 1024
"""The fewest reasoning tokens that the API takes; asked for with `think`."""
CACHE = Part("cache_control", words=("cachecontrol", "prompt caching", "system"))
"""The mark on the system message; a gateway may take that as a plain text alone."""
PARTS = (
    Part("temperature"),
    Part("thinking", ("enabled", "adaptive"), ("budget_tokens",)),
    CACHE,
)


class AnthropicModel:
    """One of Anthropic's models.

    The API takes no seed and gives no log probabilities; a response schema is
    left to the prompt. A generation stopped by the vendor's classifier
    (``stop_reason: refusal``) is `filtered`.

    Args:
        name: As the user typed it.
        rest: The model's name to the API.
        settings: Endpoints are base URLs, with ``/v1`` or without; without any,
            ANTHROPIC_BASE_URL, else Anthropic's own.

    Raises:
        ConfigError: There is no key; or a run of several providers names an endpoint
            and does not say whose it is.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Prepare; nothing is asked yet."""
        self.name = name
        self._model = rest
        self._settings = settings
        headers = self._headers()
        self._pool = Pool([self._server(url, headers) for url in self._endpoints()])
        self._dialect = Dialect(PARTS)

    def _headers(self) -> dict[str, str]:
        key = key_of(self._settings, "anthropic", "ANTHROPIC_API_KEY")
        if key:
            return {"x-api-key": key}
        token = os.environ.get("ANTHROPIC_AUTH_TOKEN", "").strip()
        if token:  # of a gateway, or of a login
            return {"authorization": f"Bearer {token}"}
        raise ConfigError(
            f"The model {printable(self.name)!r} needs a key: set the variable "
            "ANTHROPIC_API_KEY, or name another one with --safety-key-variable."
        )

    def _endpoints(self) -> list[str]:
        """Return the base URLs: never one that may be meant for another provider.

        A key, and what is asked, must not go to a server that is not the vendor's
        unless the user said so.
        """
        own, bare = meant_for(self._settings.endpoints, "anthropic")
        usual = os.environ.get("ANTHROPIC_BASE_URL")
        others = {"ollama", "openai", "azure"}.intersection(self._settings.providers)
        if bare and others and not own and not usual:
            raise ConfigError(
                f"--safety-endpoint {printable(bare[0])}: this run asks anthropic and "
                f"{' and '.join(sorted(others))}, so say whose it is: "
                f"--safety-endpoint {min(others)}=URL, or anthropic=URL."
            )
        urls = own or (() if others else bare) or (usual or DEFAULT_URL,)
        tails = ("/messages", "/v1")
        for tail in tails:
            urls = tuple(url.rstrip("/").removesuffix(tail) for url in urls)
        return list(urls)

    def _server(self, url: str, headers: dict[str, str]) -> HttpServer:
        settings = self._settings
        server = HttpServer(
            url,
            timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            headers=headers | {"anthropic-version": VERSION},
            hint=HINT,
            max_bytes=settings.max_reply_bytes,
        )
        if not is_installed():
            return server
        token = headers.get("authorization", "").partition(" ")[2] or None
        # Of the same shape, as far as this provider is concerned.
        return SdkServer(  # type: ignore[return-value]
            server, headers.get("x-api-key"), token, settings.timeout_s
        )

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`; what the API lists is a hint alone."""
        server = self._pool.servers[0]
        async with time_limit(self._settings.timeout_s, server.shown):
            entry = await self._entry(server)
            if entry is None:
                await self._ask(server, PROBE)
        return ModelInfo(
            name=self.name,
            provider="anthropic",
            model=self._model,
            digest=self._digest(server, entry),
            family="claude",
            endpoints=tuple(server.shown for server in self._pool.servers),
            server=self._way(),
            remote=True,
            identity=hosted_identity(
                self._model, "anthropic.com", (s.base for s in self._pool.servers)
            ),
        )

    def _digest(self, server: HttpServer, entry: dict[str, Any] | None) -> str:
        """Return what tells the model from any other, whatever a gateway lists."""
        own = [self._model, server.shown]
        if not entry:
            return fingerprint("model", own)
        listed = [str(entry.get("id")), str(entry.get("created_at"))]
        # A gateway may say the same of all models, and they must not share replies.
        known = is_known_as(self._model, listed[0])
        return fingerprint("model", listed if known else [*own, *listed])

    @staticmethod
    def _way() -> str:
        if is_installed():
            return f"Messages API, by anthropic {version('anthropic')}"
        return f"Messages API {VERSION}"

    async def _entry(self, server: HttpServer) -> dict[str, Any] | None:
        """Return what the API says of the model; None where the first chat decides."""
        try:
            path = f"/v1/models/{quote(self._model, safe='/:')}"
            response = await server.send("GET", path)
            check_status(response, server.shown, self._model)
            return parse_json(response, server.shown)
        except ServerUnreachable:
            raise
        except DomainSafetyError:
            return None

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        with self._pool.choose() as server:
            async with server.pace.turn(request.sampling.max_tokens):
                return await self._ask(server, request)

    async def _ask(self, server: HttpServer, request: ChatRequest) -> Reply:
        words = self._settings.filter_words
        started = time.perf_counter()

        async def post(forms: Forms) -> Answer:
            return await server.send("POST", "/v1/messages", self._body(request, forms))

        async with time_limit(
            self._settings.timeout_s, f"{server.shown} (model {self.name!r})"
        ):
            response, adapted = await self._dialect.send(
                post,
                [part.name for part in PARTS if part is not CACHE or request.shared],
                settled=lambda answer: is_filtered(answer, words),
            )
        seconds = time.perf_counter() - started
        if is_filtered(response, words):
            return build_reply(
                "", finish="filtered", latency_s=seconds, adapted=adapted
            )
        check_status(response, server.shown, self._model)
        answer = parse_json(response, server.shown)
        return self._reply(answer, server.shown, seconds, adapted)

    def _body(self, request: ChatRequest, forms: Forms) -> dict[str, Any]:
        sampling = request.sampling
        turns = [
            message._asdict()
            for message in request.messages
            if message.role != "system"
        ]
        system = [
            message.content for message in request.messages if message.role == "system"
        ]
        body: dict[str, Any] = {
            "model": self._model,
            "max_tokens": sampling.max_tokens,
            "messages": turns,
        }
        if forms["temperature"] is not None:
            # The API's scale ends at 1.
            body["temperature"] = min(sampling.temperature, 1.0)
        if system:
            body["system"] = _system("\n\n".join(system), kept=_is_kept(request, forms))
        form = forms["thinking"]
        if sampling.think and form and sampling.max_tokens > THINKING_BUDGET:
            body["thinking"] = {"type": form}
            if form == "enabled":
                body["thinking"]["budget_tokens"] = THINKING_BUDGET
            # With thinking, the API takes no temperature but its own.
            body.pop("temperature", None)
        return body

    def _reply(
        self,
        answer: dict[str, Any],
        source: str,
        seconds: float,
        adapted: tuple[str, ...],
    ) -> Reply:
        if not isinstance(answer.get("content"), list):
            raise BadAnswer(f"{source} sent an answer without content.")
        content = read_content(answer["content"], source)
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return build_reply(
            content.text,
            reasoning=content.trace,
            finish=answer.get("stop_reason"),
            tool_call=content.tool_call,
            source=source,
            tokens_in=_read(usage),
            tokens_cached=usage.get("cache_read_input_tokens"),
            tokens_out=usage.get("output_tokens"),
            latency_s=seconds,
            model=str(answer.get("model") or ""),
            adapted=adapted,
        )

    async def unload(self) -> None:
        """Do nothing: the model is not ours to free."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


def _is_kept(request: ChatRequest, forms: Forms) -> bool:
    return request.shared and forms[CACHE.name] is not None


def _system(text: str, *, kept: bool) -> str | list[dict[str, Any]]:
    """Return the system message, with the mark without which nothing of it is kept."""
    if not kept:
        return text
    return [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]


def _read(usage: dict[str, Any]) -> int | None:
    """Return all tokens of a prompt: the API counts in three parts what it read."""
    fresh = count_of(usage.get("input_tokens"))
    others = ("cache_read_input_tokens", "cache_creation_input_tokens")
    more = sum(count_of(usage.get(name)) or 0 for name in others)
    return None if fresh is None else fresh + more
