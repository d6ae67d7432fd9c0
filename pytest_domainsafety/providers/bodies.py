"""Answers and their bodies: read and unpacked as far as a limit, and never beyond.

A few megabytes of gzip unpack to gigabytes, and a body without an end never says so.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Mapping
from typing import NamedTuple, Protocol

_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15
"""What `zlib` calls the three wrappings."""


class Answer(Protocol):
    """A whole answer, whatever its status."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in whatever case."""

    @property
    def content(self) -> bytes:
        """The body, unpacked as its headers say."""


class Received(NamedTuple):
    """An answer as it came over a connection."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class BodyTooLong(Exception):
    """A body has more bytes than are allowed, as it came or unpacked."""


class BodyDamaged(Exception):
    """A body is not packed as its headers say, or in a way that was not asked for."""


async def read_raw(chunks: AsyncIterable[bytes], limit: int) -> bytes:
    """Return a body as it comes.

    Raises:
        BodyTooLong: It has more than `limit` bytes; the rest is not read.
    """
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise BodyTooLong
    return bytes(body)


def unpacked(body: bytes, encodings: str, limit: int) -> bytes:
    """Return a body as it was before it was packed.

    Args:
        body: As it came.
        encodings: Its Content-Encoding: what was done to it, in that order.
        limit: Bytes at most, after each step.

    Raises:
        BodyTooLong: It has more.
        BodyDamaged: It can't be unpacked.
    """
    for encoding in reversed(encodings.casefold().split(",")):
        name = encoding.strip()
        if not body or name in ("", "identity"):
            continue
        if name in ("gzip", "x-gzip"):
            body = _inflated(body, _GZIP, limit)
        elif name == "deflate":
            # Half of the world's servers leave the wrapping out (RFC 9110, 8.4.1.2).
            zlib_s = body[0] & 0x0F == zlib.DEFLATED and _is_zlib(body)
            body = _inflated(body, _ZLIB if zlib_s else _RAW_DEFLATE, limit)
        else:
            raise BodyDamaged
    return body


def _is_zlib(body: bytes) -> bool:
    return len(body) > 1 and int.from_bytes(body[:2], "big") % 31 == 0


def _inflated(body: bytes, wrapping: int, limit: int) -> bytes:
    """Unpack one member after the other, no further than a byte beyond the limit."""
    unpacked_body = bytearray()
    while body:
        member = zlib.decompressobj(wrapping)
        try:
            # The length limits the memory, whatever the packed bytes promise.
            unpacked_body += member.decompress(body, limit + 1 - len(unpacked_body))
        except zlib.error:
            raise BodyDamaged from None
        if len(unpacked_body) > limit:
            raise BodyTooLong
        if not member.eof:
            raise BodyDamaged  # it breaks off
        body = member.unused_data.lstrip(b"\0") if wrapping == _GZIP else b""
    return bytes(unpacked_body)
