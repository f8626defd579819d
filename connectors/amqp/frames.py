"""What comes of a server of queues, frame by frame, before the client reads it.

The client asks for frames as large as the server likes, and ends the connection where it cannot read what goes with a
message. That message then comes again, for ever, and no other behind it: so what cannot be read is taken out here, and
whoever reads the message is told.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from aiormq.exceptions import IncompatibleProtocolError
from pamqp import constants
from pamqp.header import ContentHeader
from yarl import URL

MOST_FRAME = 131_072  # bytes, as servers have it unless they are told otherwise
MOST_PROPERTIES = 32 * 1024  # bytes of what goes with a message; reading it takes the square of that
UNREADABLE = "what goes with it (its properties, its headers) cannot be read"
_HEAD = 7
_WEIGHT, _FLAGS = slice(2, 4), slice(12, 14)  # of what goes before a message
_MARK = b"\x00\x01"  # in a place that is always nought
_TUNE = b"\x00\x0a\x00\x1e"
_FRAME_MAX = slice(6, 10)  # of a Tune


class Frames(TransportFactory):
    """Makes connections whose frames are bounded and can all be read."""

    def __init__(self, secure: bool) -> None:
        self._factory = TLSTransportFactory() if secure else TCPTransportFactory()

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects."""
        reader, writer = await self._factory.create(url, **kwargs)
        return cast(asyncio.StreamReader, _Reader(reader)), writer


def is_unreadable(header: ContentHeader) -> bool:
    """Whether something was taken out of what went with a message."""
    return bool(header.weight)


class _Reader:
    """As much of a stream as the client asks for: a frame in three parts, the last of which is changed if need be."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._head = b""  # of the frame under way

    def at_eof(self) -> bool:
        return self._reader.at_eof()

    async def read(self, count: int = -1) -> bytes:
        return await self._reader.read(count)

    async def readexactly(self, count: int) -> bytes:
        part = await self._reader.readexactly(count)
        if len(self._head) < _HEAD:
            self._head += part
            if len(self._head) == _HEAD and not self._head.startswith(b"AMQP"):
                self._check(int.from_bytes(self._head[3:]))
            return part
        kind, self._head = self._head[0], b""
        if kind == constants.FRAME_HEADER and not _can_be_read(part[:-1]):
            return _without_properties(part)
        if kind == constants.FRAME_METHOD and part.startswith(_TUNE):
            return _bounded(part)
        return part

    def _check(self, length: int) -> None:
        if length > MOST_FRAME:
            raise IncompatibleProtocolError(f"a frame of {length} bytes")


def _can_be_read(payload: bytes) -> bool:
    if len(payload) > MOST_PROPERTIES:
        return False
    try:
        ContentHeader().unmarshal(payload)
    except Exception:  # noqa: BLE001  # the library raises whatever bytes make it stumble over
        return False
    return True


def _without_properties(part: bytes) -> bytes:
    """What goes before a message, in as many bytes, of which the client reads the size alone."""
    changed = bytearray(part)
    if len(changed) > _FLAGS.stop:
        changed[_WEIGHT], changed[_FLAGS] = _MARK, bytes(2)
    return bytes(changed)


def _bounded(part: bytes) -> bytes:
    """A Tune that asks for no larger frames than are read here."""
    changed = bytearray(part)
    wanted = int.from_bytes(changed[_FRAME_MAX])
    if not 0 < wanted <= MOST_FRAME:
        changed[_FRAME_MAX] = MOST_FRAME.to_bytes(4)
    return bytes(changed)
