"""Bodies: as long as they may be, unpacked as far as they may be, and no further."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
import zlib
from functools import partial

import pytest

from pytest_domainsafety.errors import BadAnswer
from pytest_domainsafety.providers.base import ProviderSettings
from pytest_domainsafety.providers.bodies import BodyDamaged, BodyTooLong, unpacked
from pytest_domainsafety.providers.registry import create_model
from pytest_domainsafety.types import ChatRequest, Message, Sampling

LIMIT = 100_000
TEXT = b'{"a": "' + b"b" * 1000 + b'"}'
gzipped = partial(gzip.compress, mtime=0)
"""Without the time, for bodies are in tests' names, alike for every worker of xdist."""


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzipped(TEXT)),
        ("x-gzip", gzipped(TEXT)),
        ("GZIP", gzipped(TEXT[:9]) + gzipped(TEXT[9:])),
        ("gzip", gzipped(TEXT) + b"\0" * 100),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", zlib.compress(TEXT, 1)),
        ("deflate", raw_deflate(TEXT)),
        ("deflate, gzip", gzipped(zlib.compress(TEXT))),
    ],
)
def test_a_body_is_unpacked(encoding, body):
    assert unpacked(body, encoding, LIMIT) == TEXT


def test_a_body_that_is_not_there_needs_no_unpacking():
    assert unpacked(b"", "gzip", LIMIT) == b""


BOMB = gzipped(b"\0" * (300 * 2**20), 9)
BOMBS = {
    "gzip": ("gzip", BOMB),
    "twice": ("gzip, gzip", gzipped(BOMB)),
    "members": ("gzip", gzipped(b"a" * 60_000) * 1000),
    "deflate": ("deflate", zlib.compress(b"\0" * (50 * 2**20))),
    "raw": ("deflate", raw_deflate(b"\0" * (50 * 2**20))),
}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_unpacks_to_too_much_is_left(bomb):
    encodings, body = BOMBS[bomb]
    before, began = peak(), time.monotonic()
    with pytest.raises(BodyTooLong):
        unpacked(body, encodings, LIMIT)
    assert time.monotonic() - began < 1
    assert peak() - before < 20 * 2**20


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip at all"),
        ("gzip", gzipped(TEXT)[:-12]),
        ("gzip", gzipped(TEXT) + b"more"),
        ("deflate", b"\xff\xff\xff"),
        ("br", b"what was not asked for"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("made-up", TEXT),
    ],
)
def test_what_is_not_packed_as_it_says_is_no_body(encoding, body):
    with pytest.raises(BodyDamaged):
        unpacked(body, encoding, LIMIT)


# ── on the wire ─────────────────────────────────────────────────────────────

WIRES = {"ollama:m": "", "openai:m": "/v1", "anthropic:m": ""}
FLOODS = {
    "long": b"HTTP/1.1 200 OK\r\ncontent-length: 3000000000\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    "status": b"HTTP/1.1 500 No\r\n\r\n",
    "gzip": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n"
    % len(BOMB),
}


async def flood(kind, reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(FLOODS[kind])
    piece = b"a" * 65_536
    if kind == "chunked":
        piece = b"10000\r\n" + piece + b"\r\n"
    try:
        if kind == "gzip":
            writer.write(BOMB)
            await writer.drain()
            return
        while True:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("name", WIRES)
def test_a_server_that_floods_is_left(name, kind, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up-for-tests")

    async def work():
        cut = []

        async def serve(reader, writer):
            await flood(kind, reader, writer)
            cut.append(True)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        provider = name.partition(":")[0]
        settings = ProviderSettings(
            endpoints=(f"{provider}=http://127.0.0.1:{port}{WIRES[name]}",),
            timeout_s=20,
            max_reply_bytes=2**20,
        )
        model = create_model(name, settings)
        request = ChatRequest((Message("user", "x"),), Sampling(), 7)
        try:
            with pytest.raises(BadAnswer, match="--safety-max-reply-bytes"):
                await model.chat(request)
            # And of what was not read no more is sent.
            async with asyncio.timeout(5):
                while not cut:
                    await asyncio.sleep(0.01)
        finally:
            await model.aclose()
            server.close()

    before, began = peak(), time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 10
    assert peak() - before < 40 * 2**20
