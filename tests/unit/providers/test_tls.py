"""Encrypted connections: kept, and refused with the reason."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from pytest_domainsafety.errors import ServerUnreachable
from pytest_domainsafety.providers.http import HttpServer

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusted(authority, monkeypatch, tmp_path):
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def encryption(authority) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def ask(times: int, context: ssl.SSLContext | None):
    """Ask a server so many times over https; return answers and connections."""
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        try:
            if context is None:  # as servers say to a greeting that is no HTTP
                await reader.read(1)
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(ANSWER)
        except (EOFError, OSError, asyncio.LimitOverrunError):
            writer.transport.abort()

    async def all_of_it():
        at = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = at.sockets[0].getsockname()[1]
        server = HttpServer(f"https://127.0.0.1:{port}", timeout_s=5, hint="start it")
        try:
            return [(await server.send("GET", "/")).content for _ in range(times)]
        finally:
            await server.aclose()
            at.close()
            await asyncio.sleep(0.05)  # until the server has seen it

    return asyncio.run(asyncio.wait_for(all_of_it(), 20)), connections


@pytest.mark.usefixtures("trusted")
def test_one_encrypted_connection_serves_one_request_after_the_other(authority):
    answers, connections = ask(3, encryption(authority))
    assert answers == [b"{}"] * 3
    assert len(connections) == 1


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_somebody_else_is_the_reason():
    with pytest.raises(ServerUnreachable, match="certificate is not accepted") as told:
        ask(1, encryption(trustme.CA()))
    assert "SSL_CERT_FILE" in str(told.value)
    assert "start it" not in str(told.value)


@pytest.mark.usefixtures("trusted")
def test_a_server_without_encryption_is_the_reason():
    with pytest.raises(ServerUnreachable, match=r"has an address with http://"):
        ask(1, None)
