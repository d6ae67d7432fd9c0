"""Connections, addresses and what goes wrong with them.

The rest of the house sees :class:`Answer`, :class:`Address` and its own errors, so
that another HTTP library is a change of this file. An exception of httpx is never
quoted, because it may quote a header that holds a key.

Those without encryption and proxy are `providers.plain`; beside these two no module
knows httpx.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import httpcore
import httpx

from pytest_domainsafety.errors import (
    BadAnswer,
    ConfigError,
    DomainSafetyError,
    RequestTimeout,
    ServerFault,
    ServerUnreachable,
    is_out_of_files,
    refused_by_system,
)
from pytest_domainsafety.providers.bodies import (
    Answer,
    BodyDamaged,
    BodyTooLong,
    Received,
    read_raw,
    unpacked,
)
from pytest_domainsafety.providers.plain import PlainTransport
from pytest_domainsafety.providers.proxies import (
    LARGEST_PORT,
    is_host,
    proxy_for,
)
from pytest_domainsafety.providers.redaction import hide_login
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
    BodyTooLong: (
        BadAnswer,
        "the answer has more bytes than --safety-max-reply-bytes allows",
    ),
    BodyDamaged: (BadAnswer, "the answer's encoding is damaged, or was not asked for"),
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


@dataclass(frozen=True, slots=True)
class Address:
    """A server's base URL, taken apart.

    Attributes:
        base: What requests are made of; no query, no slash at the end.
        shown: The same without the name and password that a user put in it.
        host: Without brackets and port.
        login: The headers for that name and password; empty without.
    """

    base: str
    shown: str
    host: str
    login: Mapping[str, str]


def read_address(url: str) -> Address:
    """Take a base URL apart.

    Raises:
        ConfigError: It is none.
    """
    hide_login(url)  # whatever comes of it, its password is known from here on
    try:
        parts = httpx.URL(url.strip().rstrip("/"))
        host, port = parts.host, parts.port
    except (httpx.InvalidURL, ValueError):  # the latter is IDNA's
        raise _no_address(url) from None
    if parts.scheme not in {"http", "https"} or not host:
        raise _no_address(url)
    if not is_host(parts.raw_host.decode("ascii")):
        raise _no_address(url, "its host can't be looked up")
    if port is not None and not 1 <= port <= LARGEST_PORT:
        raise _no_address(url, f"ports go from 1 to {LARGEST_PORT}")
    if "@" in parts.path and (parts.userinfo or ":" in parts.path):
        raise _no_address(url, "in a password, / is written %2F and @ is %40")
    # What a user puts before the @ is a password: sent, never shown.
    shown = str(parts.copy_with(username=None, password=None, query=None))
    base = str(parts.copy_with(query=None)).rstrip("/")
    return Address(base, shown, parts.host, _login(parts))


def _no_address(url: str, reason: str = "") -> ConfigError:
    why = f" ({reason})" if reason else ""
    return ConfigError(
        f"{printable(hide_login(url.strip()))!r} is no server's address{why}; "
        "write for example http://127.0.0.1:8000/v1."
    )


def _login(url: httpx.URL) -> dict[str, str]:
    """Return the header for the name and password in an address."""
    if not url.userinfo:
        return {}
    credentials = base64.b64encode(f"{url.username}:{url.password}".encode()).decode(
        "ascii"
    )
    return {"authorization": f"Basic {credentials}"}


def translate(error: Exception, server: str, hint: str = "") -> DomainSafetyError:
    """Return the house's error for one of httpx, httpcore or the system.

    Args:
        error: Of a class in :data:`FAULTS`, or below one.
        server: The server's address as shown to the user.
        hint: What to do where the server can't be reached.
    """
    if is_out_of_files(error):
        # Not the server's: it may answer as soon as another request has ended.
        return ServerFault(f"{server}: {refused_by_system(error)}.")
    error = _of_encryption(error) or error
    ancestor = next(kind for kind in type(error).__mro__ if kind in FAULTS)
    kind, reason = FAULTS[ancestor]
    unreachable = kind is ServerUnreachable and not isinstance(error, ssl.SSLError)
    advice = f"; {hint}" if hint and unreachable else ""
    return kind(f"{server}: {reason} ({type(error).__name__}){advice}.")


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


# ── one connection for each request in flight ───────────────────────────────


class Connections:
    """The connections to one server.

    Args:
        base: Its base URL (:attr:`Address.base`).
        connect_timeout_s: Seconds that opening one may take.
        read_timeout_s: Seconds of silence at most; None for no such limit.
        headers: Sent with each request; never shown.
        max_bytes: Of a body at most.
    """

    def __init__(
        self,
        base: str,
        *,
        connect_timeout_s: float,
        read_timeout_s: float | None,
        headers: Mapping[str, str],
        max_bytes: int,
    ) -> None:
        """Prepare; nothing is opened yet."""
        self.transport = Slots(base, max_bytes)
        self._base = base
        self._headers = dict(headers)
        limits = httpx.Timeout(None, connect=connect_timeout_s, read=read_timeout_s)
        self._limits = {"timeout": limits.as_dict()}
        self._addresses: dict[str, httpx.URL] = {}

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the whole answer.

        Args:
            method: Of HTTP.
            path: Behind the base URL.
            content: The body.
            headers: In place of those of every request.

        Raises:
            Exception: Of a class in :data:`FAULTS`.
        """
        # No cookies, redirects, hooks or proxies to choose from, so the transport is
        # asked at once: httpx's client would take as long over a request as the
        # connection does.
        request = httpx.Request(
            method,
            self._address(path),
            headers=self._headers if headers is None else headers,
            content=content,
            extensions=self._limits,
        )
        return await self.transport.exchange(request)

    def _address(self, path: str) -> httpx.URL:
        # Read once: it takes httpx a tenth of a request's processor time.
        if path not in self._addresses:
            self._addresses[path] = httpx.URL(self._base + path)
        return self._addresses[path]

    async def aclose(self) -> None:
        """Close them all."""
        await self.transport.aclose()


class Slots(httpx.AsyncBaseTransport):
    """A transport that keeps one connection for each request in flight.

    httpx's own pool looks at every connection for every request, which costs
    most of the processor time of a run with many short requests in flight
    (720 requests, 16 at a time: about 1.5 s against 0.6 s).
    """

    def __init__(self, url: str, max_bytes: int) -> None:
        """Prepare; connections are opened as they are needed."""
        self._max_bytes = max_bytes
        self._url = httpx.URL(url)
        self.proxy = proxy_for(self._url.scheme, self._url.host, self._url.port)
        self._encrypted = self._url.scheme == "https"
        self._context: ssl.SSLContext | None = None
        self._idle: list[Slot] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Do the same for a client of httpx."""
        answer = await self.exchange(request)
        kept = [
            (name, value)
            for name, value in answer.headers.items()
            if name.casefold() not in _OF_THE_BODY
        ]
        return httpx.Response(answer.status_code, headers=kept, content=answer.content)

    async def exchange(self, request: httpx.Request) -> Received:
        """Send a request and return its whole answer."""
        slot = self._idle.pop() if self._idle else self._open()
        try:
            status, headers, body = await slot.exchange(request, self._max_bytes)
            encodings = headers.get("content-encoding", "")
            return Received(status, headers, unpacked(body, encodings, self._max_bytes))
        except tuple(FAULTS):
            raise
        except Exception as error:
            if self.proxy is None or not self.proxy.is_socks:
                raise
            # What answers there is no SOCKS proxy, and httpx lets the parser's own
            # errors and assertions pass.
            raise httpx.ProxyError(type(error).__name__) from None
        finally:
            self._idle.append(slot)

    def _open(self) -> Slot:
        if not self._encrypted and self.proxy is None:
            return PlainTransport(self._url)
        # Read once: the certificates take longer than a request. An encrypted
        # proxy needs them, too.
        if self._context is None:
            self._context = httpx.create_ssl_context()
        return OtherTransport(
            httpx.AsyncHTTPTransport(
                verify=self._context,
                limits=httpx.Limits(max_connections=1),
                proxy=None if self.proxy is None else self.proxy.url,
            )
        )

    async def aclose(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().aclose()


_OF_THE_BODY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that hold of a body as it came."""


class Slot(Protocol):
    """One connection, for one request at a time."""

    async def exchange(self, request: httpx.Request, max_bytes: int) -> Received:
        """Send a request and return its whole answer, its body as it came."""

    async def aclose(self) -> None:
        """Close it."""


class OtherTransport:
    """A connection with encryption or over a proxy: httpx's own."""

    def __init__(self, transport: httpx.AsyncHTTPTransport) -> None:
        """Wrap a transport that opens one connection at most."""
        self._transport = transport

    async def exchange(self, request: httpx.Request, max_bytes: int) -> Received:
        """See :meth:`Slot.exchange`."""
        response = await self._transport.handle_async_request(request)
        try:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            body = await read_raw(response.stream, max_bytes)
        finally:
            await response.aclose()
        return Received(response.status_code, response.headers, body)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._transport.aclose()
