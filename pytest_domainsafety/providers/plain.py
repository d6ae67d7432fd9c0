"""Unencrypted connections, over asyncio alone.

httpcore speaks HTTP here, too, but its own connections go through anyio and a pool,
which yield to other tasks several times a request and take more processor time than
HTTP itself (720 requests, 16 at a time: 0.6 s against 0.35 s). What httpcore lets its
users replace is replaced: how bytes come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from pytest_domainsafety.providers.bodies import Received, read_raw

HAPPY_EYEBALLS_S = 0.25
"""Until another address of the same name is tried, too (RFC 8305)."""


class AsyncioStream(httpcore.AsyncNetworkStream):
    """One open connection, unencrypted."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Take over what :func:`asyncio.open_connection` gave."""
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, at least a byte; nothing at the end."""
        with _faults(httpcore.ReadTimeout, httpcore.ReadError):
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; wait where the other side does not take them."""
        if not buffer:
            return
        with _faults(httpcore.WriteTimeout, httpcore.WriteError):
            self._writer.write(buffer)
            async with asyncio.timeout(timeout):
                await self._writer.drain()

    async def aclose(self) -> None:
        """Close at once; what was not sent is dropped."""
        self._writer.transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """Say whether an idle connection has come to its end; no more is known."""
        if info == "is_readable":
            return self._reader.at_eof() or self._writer.is_closing()
        return None


class AsyncioNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection; addresses and options of its own it takes none."""
        assert local_address is None
        assert socket_options is None
        with _faults(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                return AsyncioStream(
                    *await asyncio.open_connection(
                        host, port, happy_eyeballs_delay=HAPPY_EYEBALLS_S
                    )
                )


@contextmanager
def _faults(late: type[Exception], broken: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:  # below OSError, so first
        raise late from error
    except OSError as error:
        raise broken from error


class PlainTransport:
    """One connection to one ``http://`` server, opened again where it ended.

    It raises what httpcore raises, not what httpx makes of it.
    """

    def __init__(self, url: httpx.URL) -> None:
        """Prepare; nothing is opened yet."""
        self._origin = httpcore.Origin(b"http", url.raw_host, url.port or 80)
        self._connection = self._new()

    def _new(self) -> httpcore.AsyncHTTPConnection:
        network = AsyncioNetwork()
        return httpcore.AsyncHTTPConnection(self._origin, network_backend=network)

    async def exchange(self, request: httpx.Request, max_bytes: int) -> Received:
        """See :meth:`Slot.exchange`; the request before was answered."""
        if self._connection.is_closed() or self._connection.has_expired():
            await self._connection.aclose()
            self._connection = self._new()
        response = await self._connection.handle_async_request(_request(request))
        try:
            body = await read_raw(response.aiter_stream(), max_bytes)
        finally:
            await response.aclose()
        return Received(response.status, httpx.Headers(response.headers), body)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.aclose()


def _request(request: httpx.Request) -> httpcore.Request:
    url = request.url
    assert isinstance(request.stream, httpx.AsyncByteStream)
    return httpcore.Request(
        request.method,
        httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )
