"""The answer of a system, read within a bound: no more is taken than that, packed or unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from connectors.codecs.scalars import CodecError

CHUNK_BYTES = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # told apart by their first bytes
_MOST_CODINGS = 3
_MOST_PARTS = 100


class TooLargeError(Exception):
    """The answer is larger than what is taken."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # as it came

    def content(self, limit: int) -> bytes:
        """The body without what it is packed in. Raises TooLargeError beyond `limit`, CodecError for what is not so."""
        packed, body = self.headers.get("content-encoding", ""), self.body
        if packed and body:
            for coding in reversed([each.strip().lower() for each in packed.split(",")][:_MOST_CODINGS]):
                body = _unpacked(body, coding, limit)
        return body


async def read(response: aiohttp.ClientResponse, limit: int) -> Reply:
    """The answer, to its last byte. Raises TooLargeError beyond `limit` bytes."""
    if response.content_length is not None and response.content_length <= limit:
        return Reply(response.status, _joined(response), await response.read())
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += chunk
        if len(body) > limit:
            raise TooLargeError
    return Reply(response.status, _joined(response), bytes(body))


def without_body(response: aiohttp.ClientResponse) -> Reply:
    """The answer without what it says."""
    return Reply(response.status, _joined(response), b"")


def _unpacked(body: bytes, coding: str, limit: int) -> bytes:
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise CodecError("its Content-Encoding is neither gzip nor deflate")
    try:
        return _inflated(body, limit, _window(body, coding))
    except zlib.error:
        raise CodecError(f"its body is not {coding}, as its Content-Encoding says") from None


def _inflated(body: bytes, limit: int, window: int) -> bytes:
    """The parts that the body is packed in, one after another; each has to be whole."""
    made = bytearray()
    for _ in range(_MOST_PARTS):
        part = zlib.decompressobj(window)
        made += part.decompress(body, limit + 1 - len(made))
        if len(made) > limit:
            raise TooLargeError
        if not part.eof:
            raise zlib.error("cut off")
        body = part.unused_data.lstrip(b"\0")  # some pad with zeros
        if not body:
            return bytes(made)
    raise zlib.error("too many parts")


def _window(body: bytes, coding: str) -> int:
    """Some servers send deflate without the frame of zlib that belongs to it (RFC 9110, 8.4.1.2)."""
    framed = coding != "deflate" or (body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0)
    return _GZIP_OR_ZLIB if framed else -zlib.MAX_WBITS


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Header names in lower case; values of a repeated name joined by commas (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for given, value in response.headers.items():
        name = given.lower()  # a plain text; the name itself is of a kind of its own
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
