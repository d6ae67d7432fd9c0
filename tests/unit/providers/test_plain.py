"""Unencrypted connections: kept, opened again, and given up."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pytest_domainsafety.errors import (
    BadAnswer,
    RequestTimeout,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.http import HttpServer

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Peer:
    """A server whose connections a test holds in its hands."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._host = host
        self.connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.news = asyncio.Event()

    async def __aenter__(self) -> Peer:
        self._server = await asyncio.start_server(self._note, self._host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for _, writer in self.connections:
            writer.transport.abort()
        await asyncio.sleep(0.01)

    def _note(self, reader, writer) -> None:
        self.connections.append((reader, writer))
        self.news.set()

    async def take(self, number: int = -1):
        """Read one request off a connection and return both its sides."""
        await self.news.wait()
        reader, writer = self.connections[number]
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        self.news.clear()
        return reader, writer


def run(test):
    return asyncio.run(asyncio.wait_for(test, 20))


def client(peer: Peer, read_timeout_s: float = 5) -> HttpServer:
    url = f"http://127.0.0.1:{peer.port}"
    return HttpServer(url, timeout_s=5, read_timeout_s=read_timeout_s)


def test_a_connection_that_the_server_closed_is_opened_again():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            for number in range(2):
                asked = asyncio.create_task(server.send("GET", "/"))
                _, writer = await peer.take()
                writer.write(ANSWER)
                assert (await asked).content == b"{}"
                writer.close()  # as servers do with what is idle for some seconds
                await asyncio.sleep(0.05)
                assert len(peer.connections) == number + 1
            await server.aclose()

    run(test())


def test_a_connection_is_kept_while_the_server_keeps_it():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            for _ in range(3):
                asked = asyncio.create_task(server.send("POST", "/", {"a": 1}))
                await asyncio.sleep(0.01)
                peer.news.set()
                _, writer = await peer.take(0)
                writer.write(ANSWER)
                await asked
            assert len(peer.connections) == 1
            await server.aclose()

    run(test())


def test_a_request_that_was_given_up_leaves_no_answer_for_the_next_one():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            first = asyncio.create_task(server.send("GET", "/first"))
            _, late = await peer.take()
            first.cancel()
            await asyncio.wait([first])
            second = asyncio.create_task(server.send("GET", "/second"))
            _, writer = await peer.take()
            late.write(ANSWER.replace(b"{}", b"[]"))
            writer.write(ANSWER)
            assert (await second).content == b"{}"
            await server.aclose()

    run(test())


def test_giving_a_request_up_closes_its_connection_so_that_the_server_stops():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            asked = asyncio.create_task(server.send("GET", "/"))
            reader, _ = await peer.take()
            asked.cancel()
            with pytest.raises((ConnectionError, EOFError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
            await server.aclose()

    run(test())


def test_a_large_request_waits_for_a_server_that_reads_slowly():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            asked = asyncio.create_task(server.send("POST", "/", "x" * 8_000_000))
            await peer.news.wait()
            await asyncio.sleep(0.1)  # nothing is read: all buffers fill up
            assert not asked.done()
            _, writer = await peer.take()
            writer.write(ANSWER)
            assert (await asked).status_code == 200
            await server.aclose()

    run(test())


def test_silence_ends_after_the_time_allowed_for_reading():
    async def test():
        async with Peer() as peer:
            server = client(peer, read_timeout_s=0.1)
            with pytest.raises(RequestTimeout, match=r"ReadTimeout"):
                await server.send("GET", "/")
            await server.aclose()

    run(test())


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b"", BadAnswer),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", BadAnswer),
        (b"SSH-2.0-OpenSSH_9.6\r\n", BadAnswer),
    ],
)
def test_an_answer_that_ends_too_early_is_a_bad_one(sent, fault):
    async def test():
        async with Peer() as peer:
            server = client(peer)
            asked = asyncio.create_task(server.send("GET", "/"))
            _, writer = await peer.take()
            writer.write(sent)
            writer.close()
            with pytest.raises(fault, match=r"127\.0\.0\.1"):
                await asked
            await server.aclose()

    run(test())


def test_a_connection_that_is_reset_is_the_servers_fault():
    async def test():
        async with Peer() as peer:
            server = client(peer)
            asked = asyncio.create_task(server.send("GET", "/"))
            _, writer = await peer.take()
            linger = b"\x01\0\0\0\0\0\0\0"  # on, no seconds: close by a reset
            own = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
            with pytest.raises(ServerFault, match="the connection broke"):
                await asked
            await server.aclose()

    run(test())


def test_a_closed_port_is_unreachable():
    async def test():
        async with Peer() as peer:
            server = client(peer)
        with pytest.raises(ServerUnreachable, match="nothing answers there"):
            await server.send("GET", "/")
        await server.aclose()

    run(test())


def test_an_ipv6_address_is_reached():
    async def test():
        async with Peer("::1") as peer:
            server = HttpServer(f"http://[::1]:{peer.port}", timeout_s=5)
            asked = asyncio.create_task(server.send("GET", "/"))
            _, writer = await peer.take()
            writer.write(ANSWER)
            assert (await asked).content == b"{}"
            await server.aclose()

    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    run(test())
