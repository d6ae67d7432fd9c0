"""The connection beneath all HTTP providers, against bytes as servers send them."""

from __future__ import annotations

import asyncio

import pytest

from pytest_domainsafety.errors import (
    BadAnswer,
    DomainSafetyError,
    ServerFault,
    ServerUnreachable,
)
from pytest_domainsafety.providers.http import HttpServer, parse_json

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
PLAIN = HEAD + b'content-length: 9\r\n\r\n{"ok": 1}'


class Wire:
    """A server that sends what it was told, and notes what it got."""

    def __init__(self, *answers: bytes, then_close: bool = False) -> None:
        self.answers = list(answers)
        self.then_close = then_close
        self.heads: list[bytes] = []
        self.connections = 0

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0.01)

    async def _serve(self, reader, writer) -> None:
        self.connections += 1
        try:
            while self.answers:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answers.pop(0))
                await writer.drain()
                if self.then_close:
                    break
            else:
                await reader.read()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()
            await writer.wait_closed()


def talk(*answers, asks=1, url="http://127.0.0.1:{port}/v1", pause=0.0, **more):
    async def all_of_it():
        got = []
        async with Wire(*answers, **more) as wire:
            server = HttpServer(url.format(port=wire.port), timeout_s=2)
            for _ in range(asks):
                try:
                    got.append(parse_json(await server.send("GET", "/models"), "it"))
                except DomainSafetyError as error:
                    got.append(error)
                await asyncio.sleep(pause)
            await server.aclose()
        return got, wire

    return asyncio.run(asyncio.wait_for(all_of_it(), 10))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(PLAIN, id="length"),
        pytest.param(
            HEAD + b"transfer-encoding: chunked\r\n\r\n"
            b'4\r\n{"ok\r\n5\r\n": 1}\r\n0\r\n\r\n',
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + PLAIN, id="early hints"
        ),
        pytest.param(b"HTTP/1.0" + PLAIN[8:], id="HTTP/1.0"),
    ],
)
def test_a_whole_answer_however_it_is_framed(answer):
    got, _ = talk(answer)
    assert got == [{"ok": 1}]


def test_an_answer_may_end_with_its_connection():
    got, _ = talk(HEAD + b'\r\n{"ok": 1}', then_close=True)
    assert got == [{"ok": 1}]


def test_one_connection_serves_one_request_after_the_other():
    got, wire = talk(PLAIN, PLAIN, PLAIN, asks=3)
    assert got == [{"ok": 1}] * 3
    assert wire.connections == 1


def test_a_connection_that_the_server_closed_is_not_used_again():
    got, wire = talk(PLAIN, PLAIN, asks=2, pause=0.05, then_close=True)
    assert got == [{"ok": 1}] * 2
    assert wire.connections == 2


def test_bytes_that_nobody_asked_for_are_never_the_next_answer():
    forged = PLAIN.replace(b"1}", b"6}")
    got, wire = talk(PLAIN + forged, PLAIN, asks=2, pause=0.05)
    assert {"ok": 6} not in got
    assert got[-1] == {"ok": 1}
    assert wire.connections == 2


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", BadAnswer),
        (HEAD + b'content-length: 90\r\n\r\n{"ok"', BadAnswer),
        (b"220 mail.example ESMTP ready\r\n", BadAnswer),
        (HEAD + b"x: " + b"y" * 200_000, BadAnswer),
    ],
)
def test_what_is_no_whole_answer(answer, fault):
    (got,), _ = talk(answer, then_close=True)
    assert isinstance(got, (fault, ServerFault))


def test_the_name_and_password_of_an_address_are_sent():
    _, wire = talk(PLAIN, url="http://me:s%20cret@127.0.0.1:{port}/v1")
    assert b"Basic bWU6cyBjcmV0" in wire.heads[0]
    assert b"secret" not in wire.heads[0]


def test_a_proxy_stands_between_where_the_environment_says_so(monkeypatch):
    async def through_it():
        async with Wire(PLAIN) as wire:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{wire.port}")
            monkeypatch.setenv("no_proxy", "")
            server = HttpServer("http://models.invalid/v1", timeout_s=2)
            answer = await server.send("GET", "/models")
            await server.aclose()
        return answer.json(), wire.heads[0]

    got, head = asyncio.run(asyncio.wait_for(through_it(), 10))
    assert got == {"ok": 1}
    assert head.startswith(b"GET http://models.invalid/v1/models ")


def test_nothing_answers():
    async def ask():
        server = HttpServer("http://127.0.0.1:9", timeout_s=2)
        with pytest.raises(ServerUnreachable):
            await server.send("GET", "/")
        await server.aclose()

    asyncio.run(ask())
