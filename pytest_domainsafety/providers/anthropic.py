"""Anthropic's Messages API."""

from __future__ import annotations

import os
import time
from typing import Any
from urllib.parse import quote

from pytest_domainsafety.errors import BadAnswer, ConfigError
from pytest_domainsafety.providers.base import (
    ProviderSettings,
    build_reply,
    hosted_identity,
    time_limit,
)
from pytest_domainsafety.providers.http import (
    HttpServer,
    check_status,
    parse_json,
)
from pytest_domainsafety.text import fingerprint, printable
from pytest_domainsafety.types import ChatRequest, ModelInfo, Reply

DEFAULT_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"
HINT = "check the network, or set ANTHROPIC_BASE_URL"
THINKING_BUDGET = 1024
"""The fewest reasoning tokens that the API takes; asked for with `think`."""


class AnthropicModel:
    """One of Anthropic's models.

    The API takes no seed and gives no log probabilities; a response schema is
    left to the prompt. A generation stopped by the vendor's classifier
    (``stop_reason: refusal``) is `filtered`.

    Args:
        name: As the user typed it.
        rest: The model's name to the API.
        settings: Endpoints are base URLs without ``/v1``; without any,
            ANTHROPIC_BASE_URL, else Anthropic's own. Only the first is used.

    Raises:
        ConfigError: ANTHROPIC_API_KEY is not set.
    """

    def __init__(self, name: str, rest: str, settings: ProviderSettings) -> None:
        """Prepare; nothing is asked yet."""
        key = os.environ.get("ANTHROPIC_API_KEY")
        if not key:
            raise ConfigError(
                f"The model {printable(name)!r} needs a key: "
                "set the variable ANTHROPIC_API_KEY."
            )
        self.name = name
        self._model = rest
        self._settings = settings
        # A bare endpoint is meant for a server of one's own, so only
        # `anthropic=URL` can send this key elsewhere.
        endpoints = [e for e in settings.endpoints if e.startswith("anthropic=")]
        endpoint = endpoints[0].partition("=")[2] if endpoints else ""
        self._server = HttpServer(
            endpoint or os.environ.get("ANTHROPIC_BASE_URL") or DEFAULT_URL,
            timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
            headers={"x-api-key": key, "anthropic-version": VERSION},
            hint=HINT,
        )

    async def describe(self) -> ModelInfo:
        """See :meth:`ChatModel.describe`."""
        server = self._server
        async with time_limit(self._settings.timeout_s, server.shown):
            path = f"/v1/models/{quote(self._model, safe='/:')}"
            response = await server.send("GET", path)
        check_status(response, server.shown, self._model)
        entry = parse_json(response, server.shown)
        return ModelInfo(
            name=self.name,
            provider="anthropic",
            model=self._model,
            digest=fingerprint("model", [entry.get("id"), entry.get("created_at")]),
            family="claude",
            endpoints=(server.shown,),
            server=f"Messages API {VERSION}",
            remote=True,
            identity=hosted_identity(self._model, "anthropic.com", (server.base,)),
        )

    async def chat(self, request: ChatRequest) -> Reply:
        """See :meth:`ChatModel.chat`."""
        server = self._server
        started = time.perf_counter()
        async with time_limit(
            self._settings.timeout_s, f"{server.shown} (model {self.name!r})"
        ):
            response = await server.send("POST", "/v1/messages", self._body(request))
        check_status(response, server.shown, self._model)
        answer = parse_json(response, server.shown)
        return self._reply(answer, time.perf_counter() - started)

    def _body(self, request: ChatRequest) -> dict[str, Any]:
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
            # The API's scale ends at 1.
            "temperature": min(sampling.temperature, 1.0),
        }
        if system:
            body["system"] = "\n\n".join(system)
        if sampling.think and sampling.max_tokens > THINKING_BUDGET:
            body["thinking"] = {"type": "enabled", "budget_tokens": THINKING_BUDGET}
            # With thinking, the API takes no temperature but its own.
            del body["temperature"]
        return body

    def _reply(self, answer: dict[str, Any], seconds: float) -> Reply:
        parts = answer.get("content")
        if not isinstance(parts, list):
            raise BadAnswer(f"{self._server.shown} sent an answer without content.")
        blocks = [part for part in parts if isinstance(part, dict)]
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return build_reply(
            "".join(str(block.get("text") or "") for block in blocks),
            reasoning="\n\n".join(
                str(block["thinking"]) for block in blocks if block.get("thinking")
            ),
            finish=answer.get("stop_reason"),
            tool_call=any("tool_use" in str(block.get("type")) for block in blocks),
            source=self._server.shown,
            tokens_in=usage.get("input_tokens"),
            tokens_out=usage.get("output_tokens"),
            latency_s=seconds,
            model=str(answer.get("model") or ""),
        )

    async def unload(self) -> None:
        """Do nothing: the model is not ours to free."""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()
