"""Which connection a request goes over: one for each request in flight."""

from __future__ import annotations

import ssl
import urllib.request

import httpx

from pytest_domainsafety.providers.plain import PlainTransport


class Slots(httpx.AsyncBaseTransport):
    """A transport that keeps one connection for each request in flight.

    httpx's own pool looks at every connection for every request, which costs
    most of the processor time of a run with many short requests in flight
    (720 requests, 16 at a time: about 1.5 s against 0.6 s).
    """

    def __init__(self, url: str, limits: httpx.Limits | None = None) -> None:
        """Prepare; connections are opened as they are needed."""
        self._url = httpx.URL(url)
        self._proxy = _proxy_for(self._url)
        self._encrypted = self._url.scheme == "https"
        self._context: ssl.SSLContext | None = None
        self._limits = limits or httpx.Limits(max_connections=1)
        self._idle: list[httpx.AsyncBaseTransport] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its whole answer."""
        slot = self._idle.pop() if self._idle else self._open()
        try:
            return await slot.handle_async_request(request)
        finally:
            self._idle.append(slot)

    def _open(self) -> httpx.AsyncBaseTransport:
        if not self._encrypted and self._proxy is None:
            return PlainTransport(self._url)
        # Read once: the certificates take longer than a request. An encrypted
        # proxy needs them, too.
        if self._context is None:
            self._context = httpx.create_ssl_context()
        return Whole(
            httpx.AsyncHTTPTransport(
                verify=self._context, limits=self._limits, proxy=self._proxy
            )
        )

    async def aclose(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().aclose()


class Whole(httpx.AsyncBaseTransport):
    """A transport whose answers are read to their end, so that it is free again."""

    def __init__(self, inner: httpx.AsyncHTTPTransport) -> None:
        """Wrap a transport of httpx."""
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its whole answer."""
        response = await self._inner.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        try:
            content = b"".join([part async for part in response.stream])
        finally:
            await response.aclose()
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=httpx.ByteStream(content),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close its connections."""
        await self._inner.aclose()


def _proxy_for(parts: httpx.URL) -> str | None:
    """Return the environment's proxy for an address; never one for loopback."""
    if parts.host in {"localhost", "::1"} or parts.host.startswith("127."):
        return None
    if urllib.request.proxy_bypass(parts.host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
