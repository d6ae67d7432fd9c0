"""What every HTTP provider relies on: logins, compressed answers, proxies."""

from __future__ import annotations

import asyncio
import gzip

from pytest_domainsafety.providers.http import HttpServer, parse_json

JSON = b'{"ok": 1}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
PLAIN = HEAD + b"content-length: 9\r\n\r\n" + JSON


class Wire:
    """A server that sends what it was told, and notes what it got."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.heads: list[bytes] = []

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0.01)

    async def _serve(self, reader, writer) -> None:
        while self.answers:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answers.pop(0))
            await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()


def ask(*answers, url="http://127.0.0.1:{port}/v1", before=None):
    async def all_of_it():
        async with Wire(*answers) as wire:
            if before is not None:
                before(wire)
            server = HttpServer(url.format(port=wire.port), timeout_s=2)
            got = [parse_json(await server.send("GET", "/m"), "it") for _ in answers]
            await server.aclose()
        return got, wire.heads

    return asyncio.run(asyncio.wait_for(all_of_it(), 10))


def test_one_connection_serves_one_request_after_the_other():
    got, heads = ask(PLAIN, PLAIN, PLAIN)
    assert got == [{"ok": 1}] * 3
    assert heads[0].startswith(b"GET /v1/m HTTP/1.1\r\nHost: 127.0.0.1:")


def test_an_answer_may_be_compressed():
    packed = gzip.compress(JSON)
    head = HEAD + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    got, heads = ask(head + packed)
    assert got == [{"ok": 1}]
    assert b"gzip" in heads[0]


def test_the_name_and_password_of_an_address_are_sent():
    _, heads = ask(PLAIN, url="http://me:s%20cret@127.0.0.1:{port}/v1")
    assert b"basic bwu6cybjcmv0\r\n" in heads[0].lower()


def test_a_proxy_stands_between_where_the_environment_says_so(monkeypatch):
    def between(wire):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{wire.port}")
        monkeypatch.setenv("no_proxy", "")

    got, heads = ask(PLAIN, url="http://models.invalid/v1", before=between)
    assert got == [{"ok": 1}]
    assert heads[0].startswith(b"GET http://models.invalid/v1/m ")
