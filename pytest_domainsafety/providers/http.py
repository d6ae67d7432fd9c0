"""HTTP for all providers that speak it: servers, their answers and their faults.

Nothing here reads a proxy, key or address into a message other than the server
that was tried.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from re import IGNORECASE, compile
from typing import Any

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    ModelNotFound,
    PromptTooLong,
    RequestRefused,
    RequestTimeout,
    ServerBusy,
    ServerFault,
    ServerLoading,
)
from pytest_domainsafety.providers.base import MAX_REPLY_BYTES
from pytest_domainsafety.providers.bodies import Answer
from pytest_domainsafety.providers.connections import (
    FAULTS,
    Connections,
    read_address,
    translate,
)
from pytest_domainsafety.providers.rate_limits import Pace, asked_to_wait
from pytest_domainsafety.providers.redaction import remember
from pytest_domainsafety.text import fingerprint, printable

_TOO_LONG = compile(
    r"context.{0,4}(length|window|size)|prompt is (too long|longer)|too many tokens",
    IGNORECASE,
)

_LOADING = compile(
    r"\bloading\b|\bstarting\b|warming up|initiali[sz]ing|not (yet )?(ready|loaded)",
    IGNORECASE,
)

_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "pytest-domainsafety",
}
# Headers that are no keys: what is said to every server, and Anthropic's version.
_SAID = _HEADERS.keys() | {"anthropic-version"}


class HttpServer:
    """One server: its connections, and its faults in the house's words.

    Args:
        url: The base URL; a path in it is kept, a query is not.
        timeout_s: Seconds that opening a connection may take; the whole
            request is limited by whoever calls.
        read_timeout_s: Seconds that it may be silent once it was asked.
        headers: Sent with each request; never shown.
        hint: What to do where the server can't be reached.
        max_bytes: Of one answer at most, as it comes and unpacked.

    Raises:
        ConfigError: The base URL is none.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        read_timeout_s: float | None = None,
        headers: dict[str, str] | None = None,
        hint: str = "",
        max_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        """Prepare; nothing is sent yet."""
        address = read_address(url)
        self.shown = address.shown
        self.base = address.base
        self.host = address.host
        self._connections = Connections(
            self.base,
            connect_timeout_s=timeout_s,
            read_timeout_s=read_timeout_s,
            headers=_sendable({**_HEADERS, **address.login, **(headers or {})}),
            max_bytes=max_bytes,
        )
        self.transport = self._connections.transport
        self.pace = Pace()
        proxy = self.transport.proxy
        self.hint = hint if proxy is None else proxy.hint

    @asynccontextmanager
    async def faults(self) -> AsyncIterator[None]:
        """Translate whatever a connection raises inside the block."""
        try:
            yield
        except tuple(FAULTS) as error:
            if isinstance(error, TimeoutError):
                raise  # ours to limit, not the connection's fault
            raise translate(error, self.shown, self.hint) from None

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            ProviderError: No whole answer came.
            ConfigError: No request can be made of the address and the key.
        """
        # Escaped: a lone surrogate in a prompt can't be encoded as UTF-8.
        content = None if body is None else json.dumps(body).encode("ascii")
        return await self.forward(method, path, content)

    async def forward(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request that somebody else has made, within the same limits.

        Args:
            method: Of HTTP.
            path: Behind the base URL.
            content: The body.
            headers: Of the request, whole; None sends our own.

        Raises:
            ProviderError: No whole answer came.
            ConfigError: No request can be made of the address and the key.
        """
        async with self.faults():
            answer = await self._connections.send(method, path, content, headers)
        busy = answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
        self.pace.note(answer.headers, busy=busy)
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    """Return headers, or raise where one, which holds a key, can't be sent.

    All but those of the protocol are keys, and struck from any sentence from now on.

    Raises:
        ConfigError: As in a key that was copied with an ellipsis or a line break.
    """
    # A key from a file ends in a line break, which is no part of it.
    stripped = {name: value.strip() for name, value in headers.items()}
    for name, value in stripped.items():
        if name not in _SAID:
            remember(value, value.partition(" ")[2])
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(
                f"The key for the server (header {name}) holds a character that no "
                "key has, as an ellipsis, a quotation mark or a line break: copy the "
                "key again."
            )
    return stripped


def metadata_hash(metadata: Any) -> str:
    """Return the hash of what a server says of a model, whatever stands in it."""
    try:
        return fingerprint("model", metadata)
    except ValueError:  # NaN, or half a character
        return fingerprint("model", json.dumps(metadata, sort_keys=True))


def parse_json(response: Answer, server: str) -> dict[str, Any]:
    """Return the JSON object in an answer.

    Several JSON values, one a line, are a stream that nobody asked for; only
    an error in it is of use.

    Raises:
        ServerFault: The answer, or the last line of a stream, is an error.
        BadAnswer: It is no JSON object.
    """
    try:
        value = json.loads(response.content)
    except (ValueError, RecursionError):
        value = _last_line(response.content)
    if not isinstance(value, dict):
        kind = printable(response.headers.get("content-type", "no type"), 60)
        raise BadAnswer(f"{server} answered with something that is not JSON ({kind}).")
    if value.get("error") and response.status_code < HTTPStatus.BAD_REQUEST:
        raise ServerFault(f"{server} failed: {error_text(value)}.")
    return value


def _last_line(content: bytes) -> Any:
    """Return the object in the last line where that is an error, else None."""
    lines = content.strip().splitlines()
    try:
        value = json.loads(lines[-1]) if len(lines) > 1 else None
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value.get("error") else None


def error_text(body: Any) -> str:
    """Return what a server's error says, as one printable line, whatever its shape."""
    if isinstance(body, list):  # Gemini's
        body = body[0] if body else None
    told = ""
    if isinstance(body, dict):
        keys = ("error", "message", "detail", "errors", "msg")
        told = next(filter(None, (_told(body.get(key)) for key in keys)), "")
    return printable(told.rstrip(". "), 160) if told else "no reason given"


def _told(value: Any, depth: int = 0) -> str:
    """Return the words in an error, which may be a text, an object or a list."""
    if depth > 6:  # as deep as gateways wrap each other
        return ""
    if isinstance(value, list):
        return next(filter(None, (_told(item, depth + 1) for item in value)), "")
    if not isinstance(value, dict):
        return str(value) if isinstance(value, (str, int, float)) and value else ""
    keys = ("message", "msg", "detail", "error", "code", "type")
    found = next(filter(None, (_told(value.get(key), depth + 1) for key in keys)), "")
    where = value.get("loc")
    if isinstance(where, list) and found:  # FastAPI's
        found = f"{'.'.join(map(str, where))}: {found}"
    return found


def error_code(body: Any) -> str:
    """Return the machine-readable words of an OpenAI-like error, or ''."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    return " ".join(str(error.get(key) or "") for key in ("code", "type", "param"))


def check_status(response: Answer, server: str, model: str) -> None:
    """Raise what an HTTP status means; a 2xx passes.

    Raises:
        ServerBusy: 429 or 503, with the server's Retry-After.
        ServerLoading: 503 that says that the model is being loaded.
        RequestTimeout: 408 or 504.
        ServerFault: Any other 5xx.
        ModelNotFound: 404.
        PromptTooLong: 400 or 413 that speaks of the context window.
        RequestRefused: Any other 4xx.
        BadAnswer: A redirection or another status that no protocol promises.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    message = f"{server} answered {status}: {error_text(body)}"
    if status in {429, 503}:
        loads = status == HTTPStatus.SERVICE_UNAVAILABLE and _LOADING.search(message)
        raise (ServerLoading if loads else ServerBusy)(
            f"{message}.", retry_after=asked_to_wait(response.headers)
        )
    if status in {408, 504}:
        raise RequestTimeout(f"{message}.")
    if 500 <= status < 600:
        raise ServerFault(f"{message}.")
    if status == HTTPStatus.NOT_FOUND:
        raise ModelNotFound(f"{message} (model {printable(model)!r}).")
    if is_too_long(response):
        raise PromptTooLong(
            f"{message}: the prompt does not fit the context window of "
            f"{printable(model)!r}; raise --safety-num-ctx or shorten the prompt."
        )
    if 400 <= status < 500:
        raise RequestRefused(f"{message}{_key_advice(status)}.")
    raise BadAnswer(f"{message}; an API was expected there.")


def is_too_long(response: Answer) -> bool:
    """Tell whether a refusal is of a prompt that does not fit the context window."""
    if response.status_code not in {400, 413, 422}:
        return False
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return False
    return bool(_TOO_LONG.search(f"{error_text(body)} {error_code(body)}"))


def _key_advice(status: int) -> str:
    return "; check the API key" if status in {401, 403} else ""
