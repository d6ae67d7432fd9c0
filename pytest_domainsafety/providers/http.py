"""HTTP for all providers that speak it: connections, time-outs, faults.

Nothing here reads a proxy, key or address into a message other than the server
that was tried; an exception of httpx is never quoted, because it may quote a
header that holds a key.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from re import IGNORECASE, compile
from typing import Any

import httpcore
import httpx

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    DomainSafetyError,
    ModelNotFound,
    PromptTooLong,
    RequestRefused,
    RequestTimeout,
    ServerBusy,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.connections import Slots
from pytest_domainsafety.text import printable

# The most specific class of an exception's ancestry decides; a test holds that
# every exception of httpx and httpcore finds its place here.
FAULTS: dict[type[Exception], tuple[type[DomainSafetyError], str]] = {
    httpx.ConnectError: (ServerUnreachable, "nothing answers there"),
    httpx.ConnectTimeout: (ServerUnreachable, "no connection in the time allowed"),
    httpx.ProxyError: (ServerUnreachable, "the proxy on the way refused"),
    httpx.TimeoutException: (RequestTimeout, "no complete answer in the time allowed"),
    httpx.NetworkError: (ServerFault, "the connection broke"),
    httpx.RemoteProtocolError: (BadAnswer, "the answer broke off or is not HTTP"),
    httpx.DecodingError: (BadAnswer, "the answer's encoding is damaged"),
    httpx.TooManyRedirects: (BadAnswer, "it only redirects"),
    httpx.CookieConflict: (BadAnswer, "its cookies contradict each other"),
    httpx.StreamError: (BadAnswer, "the answer was read out of turn"),
    httpx.InvalidURL: (ConfigError, "that is not an address"),
    httpx.UnsupportedProtocol: (ConfigError, "the address needs http:// or https://"),
    httpx.LocalProtocolError: (
        ConfigError,
        "no valid request can be made of the address and the key",
    ),
    httpx.HTTPError: (ServerFault, "the request failed"),
    ssl.SSLCertVerificationError: (
        ServerUnreachable,
        "its certificate is not accepted; SSL_CERT_FILE names a file of authorities "
        "to trust",
    ),
    ssl.SSLError: (
        ServerUnreachable,
        "no encryption comes about; a server without any has an address with http://",
    ),
    OSError: (ServerUnreachable, "nothing answers there"),
}
# Connections without encryption and proxy raise httpcore's own, of the same names.
FAULTS |= {
    getattr(httpcore, name): FAULTS[getattr(httpx, name)]
    for name in (
        "ConnectError",
        "ConnectTimeout",
        "LocalProtocolError",
        "NetworkError",
        "ProxyError",
        "RemoteProtocolError",
        "TimeoutException",
        "UnsupportedProtocol",
    )
}
FAULTS |= dict.fromkeys(
    (httpcore.ProtocolError, httpcore.ConnectionNotAvailable), FAULTS[httpx.HTTPError]
)
_TOO_LONG = compile(
    r"context.{0,4}(length|window|size)|prompt is (too long|longer)|too many tokens",
    IGNORECASE,
)


_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "pytest-domainsafety",
}


def translate(error: Exception, server: str, hint: str = "") -> DomainSafetyError:
    """Return the house's error for one of httpx, httpcore or the system.

    Args:
        error: Of a class in :data:`FAULTS`, or below one.
        server: The server's address as shown to the user.
        hint: What to do where the server can't be reached.
    """
    error = _of_encryption(error) or error
    place = next(kind for kind in type(error).__mro__ if kind in FAULTS)
    kind, what = FAULTS[place]
    unreachable = kind is ServerUnreachable and not isinstance(error, ssl.SSLError)
    advice = f"; {hint}" if hint and unreachable else ""
    return kind(f"{server}: {what} ({type(error).__name__}){advice}.")


def _of_encryption(error: BaseException) -> ssl.SSLError | None:
    """Return the cause where no encrypted connection came about: to httpx, just that.

    A connection that breaks later is the network's, encrypted or not.
    """
    if not isinstance(error, (httpx.ConnectError, httpcore.ConnectError)):
        return None
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


class HttpServer:
    """One server: its connections, and its faults in the house's words.

    Args:
        url: The base URL; a path in it is kept, a query is not.
        timeout_s: Seconds that opening a connection may take; the whole
            request is limited by whoever calls.
        read_timeout_s: Seconds that it may be silent once it was asked.
        headers: Sent with each request; never shown.
        hint: What to do where the server can't be reached.

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
    ) -> None:
        """Prepare; nothing is sent yet."""
        try:
            parts = httpx.URL(url.strip().rstrip("/"))
        except httpx.InvalidURL as error:
            raise translate(error, printable(url)) from None
        if parts.scheme not in {"http", "https"} or not parts.host:
            raise ConfigError(
                f"{printable(url)!r} is no server's address; "
                "write for example http://127.0.0.1:8000/v1."
            )
        # What a user puts before the @ is a password: sent, never shown.
        self.shown = str(parts.copy_with(username=None, password=None, query=None))
        self.base = str(parts.copy_with(query=None)).rstrip("/")
        self.hint = hint
        self.transport = Slots(self.base)
        self._headers = {**_HEADERS, **_login(parts), **(headers or {})}
        limits = httpx.Timeout(None, connect=timeout_s, read=read_timeout_s)
        self._limits = {"timeout": limits.as_dict()}
        self._addresses: dict[str, httpx.URL] = {}

    @asynccontextmanager
    async def faults(self) -> AsyncIterator[None]:
        """Translate whatever httpx raises inside the block."""
        try:
            yield
        except tuple(FAULTS) as error:
            if isinstance(error, TimeoutError):
                raise  # ours to limit, not the connection's fault
            raise translate(error, self.shown, self.hint) from None

    async def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send one request and return the whole answer, whatever its status.

        Raises:
            ProviderError: No whole answer came.
            ConfigError: No request can be made of the address and the key.
        """
        # Escaped: a lone surrogate in a prompt can't be encoded as UTF-8.
        content = None if body is None else json.dumps(body).encode("ascii")
        async with self.faults():
            # No cookies, redirects, hooks or proxies to choose from, so the
            # transport is asked at once: httpx's client would take as long over
            # a request as the connection does.
            request = httpx.Request(
                method,
                self._address(path),
                headers=self._headers,
                content=content,
                extensions=self._limits,
            )
            return await self.transport.handle_async_request(request)

    def _address(self, path: str) -> httpx.URL:
        # Read once: it takes httpx a tenth of a request's processor time.
        if path not in self._addresses:
            self._addresses[path] = httpx.URL(self.base + path)
        return self._addresses[path]

    async def aclose(self) -> None:
        """Close the connections."""
        await self.transport.aclose()


def _login(url: httpx.URL) -> dict[str, str]:
    """Return the header for the name and password in an address."""
    if not url.userinfo:
        return {}
    both = base64.b64encode(f"{url.username}:{url.password}".encode()).decode("ascii")
    return {"authorization": f"Basic {both}"}


def parse_json(response: httpx.Response, server: str) -> dict[str, Any]:
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
    if value.get("error") and response.status_code < httpx.codes.BAD_REQUEST:
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
    """Return what a server's error object says, as one printable line."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or error.get("type")
    return printable(str(error).rstrip(". "), 160) if error else "no reason given"


def error_code(body: Any) -> str:
    """Return the machine-readable words of an OpenAI-like error, or ''."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    return " ".join(str(error.get(key) or "") for key in ("code", "type", "param"))


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3).

    Returns:
        Seconds from `now`, never negative; None where nothing usable is said.
    """
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - (now or datetime.now(UTC))).total_seconds())


def check_status(response: httpx.Response, server: str, model: str) -> None:
    """Raise what an HTTP status means; a 2xx passes.

    Raises:
        ServerBusy: 429 or 503, with the server's Retry-After.
        RequestTimeout: 408 or 504.
        ServerFault: Any other 5xx.
        ModelNotFound: 404.
        PromptTooLong: 400 or 413 that speaks of the context window.
        RequestRefused: Any other 4xx.
        BadAnswer: A redirection or another status that no protocol promises.
    """
    status = response.status_code
    if httpx.codes.is_success(status):
        return
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    said = f"{server} answered {status}: {error_text(body)}"
    if status in {429, 503}:
        raise ServerBusy(
            f"{said}.", retry_after=retry_after(response.headers.get("retry-after"))
        )
    if status in {408, 504}:
        raise RequestTimeout(f"{said}.")
    if httpx.codes.is_server_error(status):
        raise ServerFault(f"{said}.")
    if status == httpx.codes.NOT_FOUND:
        raise ModelNotFound(f"{said} (model {printable(model)!r}).")
    if _TOO_LONG.search(f"{error_text(body)} {error_code(body)}"):
        raise PromptTooLong(
            f"{said}: the prompt does not fit the context window of "
            f"{printable(model)!r}; raise --safety-num-ctx or shorten the prompt."
        )
    if httpx.codes.is_client_error(status):
        raise RequestRefused(f"{said}{_key_advice(status)}.")
    raise BadAnswer(f"{said}; an API was expected there.")


def _key_advice(status: int) -> str:
    return "; check the API key" if status in {401, 403} else ""


def check_model(answered: Any, asked: str, server: str) -> None:
    """Hold a server to the model that it was asked for.

    A dated version of an alias (``gpt-4.1-2025-04-14``) is the model asked for.

    Raises:
        BadAnswer: Another model answered.
    """
    if not isinstance(answered, str) or not answered:
        return
    got, wanted = answered.casefold(), asked.casefold()
    if got == wanted or got.startswith(f"{wanted}-") or got.endswith(f"/{wanted}"):
        return
    raise BadAnswer(
        f"{server} answered as the model {printable(answered)!r}, "
        f"but {printable(asked)!r} was asked for."
    )
