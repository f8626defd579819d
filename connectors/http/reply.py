"""The answer of a system, read within a bound: no more is taken than that, packed or unpacked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from connectors.http.unpacking import TooLargeError, Unpacking
from schemas.payload import Json

CHUNK_BYTES = 64 * 1024
_MOST_CODINGS = 3
_MOST_PARTS = 100


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)  # as it came
    saved: Json = None  # what is told of it where it went into a file instead

    def content(self, limit: int) -> bytes:
        """The body without what it is packed in. Raises TooLargeError beyond `limit`, CodecError for what is not so."""
        packed, body = self.headers.get("content-encoding", ""), self.body
        if packed and body:
            for coding in reversed(packed.split(",")[:_MOST_CODINGS]):
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


def without_body(response: aiohttp.ClientResponse, saved: Json = None) -> Reply:
    """The answer without what it says, or with what is told of that where it was `saved`."""
    return Reply(response.status, _joined(response), b"", saved)


def _unpacked(body: bytes, coding: str, limit: int) -> bytes:
    unpacking, made = Unpacking(coding, _MOST_PARTS), bytearray()
    for piece in unpacking.pieces(body):
        made += piece
        if len(made) > limit:
            raise TooLargeError
    unpacking.end()
    return bytes(made)


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Header names in lower case; values of a repeated name joined by commas (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for given, value in response.headers.items():
        name = given.lower()  # a plain text; the name itself is of a kind of its own
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
