"""One HTTP/1.1 connection, as little of it as a run needs.

h11 speaks the protocol and asyncio moves the bytes; nothing stands between.
An answer is handed over when it is whole, in one step: a client that gives way
several times while it reads and writes makes requests that come back together
wait for each other, and leaves a fast server idle.

Errors are those of httpx, so that one table explains them all.
"""

from __future__ import annotations

import asyncio
import ssl

import h11
import httpx

LONGEST_HEAD = 100 * 1024
"""Bytes that a status line and headers may have."""
OTHER_ADDRESS_AFTER_S = 0.25


class Connection(asyncio.Protocol):
    """One connection, one request at a time; made by :func:`connect`."""

    def __init__(self) -> None:
        """Begin unconnected."""
        self._http = h11.Connection(h11.CLIENT, LONGEST_HEAD)
        self._answer: asyncio.Future[httpx.Response] | None = None
        self._head: h11.Response | None = None
        self._parts: list[bytes] = []
        self._lost = asyncio.Event()

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        idle = self._http.our_state is h11.IDLE and self._answer is None
        return idle and not self._transport.is_closing()

    async def send(self, head: h11.Request, content: bytes) -> httpx.Response:
        """Send a request and return its whole answer.

        Raises:
            httpx.TransportError: No whole answer came.
        """
        events = (head, h11.Data(content), h11.EndOfMessage())
        data = [self._http.send(event) or b"" for event in events]
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"".join(data))
        try:
            return await self._answer
        finally:
            # Given up, or broken: a late answer must not meet the next request.
            if not self._answer.done() or self._answer.cancelled():
                self.close()
            self._answer = None

    def close(self) -> None:
        """Close at once; what is under way is lost."""
        self._transport.abort()

    async def aclose(self) -> None:
        """Close, and return when nothing of it is left to the loop."""
        self.close()
        await self._lost.wait()

    # ── asyncio's side ──────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._take_in(data)

    def eof_received(self) -> None:
        """See :class:`asyncio.Protocol`; some answers end with the connection."""
        self._take_in(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        self._lost.set()
        if exc is None:
            self._fail(httpx.RemoteProtocolError("the server closed the connection"))
        else:
            self._fail(httpx.ReadError(str(exc)))

    def _take_in(self, data: bytes) -> None:
        if self._answer is None:
            return self.close()  # nobody asked
        try:
            self._http.receive_data(data)
            while (event := self._http.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._parts.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    return self._finish()
                elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    raise h11.RemoteProtocolError("the answer ended early")
        except h11.RemoteProtocolError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
            self.close()
        return None

    def _finish(self) -> None:
        assert self._head is not None
        response = httpx.Response(
            self._head.status_code,
            headers=self._head.headers.raw_items(),
            stream=httpx.ByteStream(b"".join(self._parts)),
        )
        self._head, self._parts = None, []
        done = self._http.our_state is self._http.their_state is h11.DONE
        if done and not self._http.trailing_data[0]:  # would be the next answer
            self._http.start_next_cycle()
        else:
            self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)

    def _fail(self, error: httpx.TransportError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


def head_of(request: httpx.Request) -> h11.Request:
    """Return a request's first line and headers.

    Raises:
        httpx.LocalProtocolError: A header holds what none can hold.
    """
    try:
        return h11.Request(
            method=request.method,
            target=request.url.raw_path,
            headers=request.headers.raw,
        )
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from None


async def connect(
    url: httpx.URL, context: ssl.SSLContext | None, timeout_s: float | None
) -> Connection:
    """Open a connection to a server.

    Args:
        url: Its scheme, host and port count.
        context: For https.
        timeout_s: Seconds that it may take, a TLS handshake included.

    Raises:
        httpx.ConnectTimeout: It took longer.
        httpx.ConnectError: It could not be opened.
    """
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection,
                url.host,
                port,
                ssl=context if url.scheme == "https" else None,
                happy_eyeballs_delay=OTHER_ADDRESS_AFTER_S,
            )
    except TimeoutError:
        raise httpx.ConnectTimeout("no connection in time") from None
    except OSError as error:
        raise httpx.ConnectError(str(error)) from None
    return connection
