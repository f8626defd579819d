"""What an answer is packed in, taken away piece by piece: what comes at once is bounded, however much it unfolds to."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from connectors.codecs.scalars import CodecError

PIECE_BYTES = 256 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # told apart by their first bytes
_HEAD_BYTES = 2  # that tell which of the two deflates it is


class TooLargeError(Exception):
    """The answer is larger than what is taken."""


class Unpacking:
    """One Content-Encoding: gzip or deflate, in parts one after another, or none. Raises CodecError for another one."""

    def __init__(self, coding: str, most_parts: int | None = None) -> None:
        self._coding = coding.strip().lower()
        if self._coding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise CodecError("its Content-Encoding is neither gzip nor deflate")
        self._most_parts = most_parts
        self._parts = 0
        self._head = b""  # of a part, until it tells what that is
        self._part: zlib._Decompress | None = None

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What comes of what comes next; raises CodecError."""
        if self._coding in ("", "identity"):
            yield packed
            return
        try:
            yield from self._pieces(packed)
        except zlib.error:
            raise self._mispacked() from None

    def end(self) -> None:
        """Nothing more comes; raises CodecError where something is lacking."""
        if self._part is not None or self._head:
            raise self._mispacked()

    def _pieces(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._part is None:
                packed = self._begun(packed)
                continue
            yield from self._unfolded(self._part, packed)
            packed = self._part.unused_data
            if self._part.eof:
                self._part = None

    def _unfolded(self, part: zlib._Decompress, packed: bytes) -> Iterator[bytes]:
        """All that comes of it, which may be kept back without anything more to come."""
        while True:
            made = part.decompress(packed, PIECE_BYTES)
            packed = part.unconsumed_tail
            if made:
                yield made
            if part.eof or not (made or packed):
                return

    def _begun(self, packed: bytes) -> bytes:
        """Begins a part where its head is there; gives what it is to be fed with."""
        if self._parts and not self._head:
            packed = packed.lstrip(b"\0")  # some pad with zeros
        self._head += packed
        if len(self._head) < _HEAD_BYTES:
            return b""
        if self._parts == self._most_parts:
            raise zlib.error("too many parts")
        head, self._head = self._head, b""
        self._parts += 1
        self._part = zlib.decompressobj(self._window(head))
        return head

    def _window(self, head: bytes) -> int:
        """Some servers send deflate without the frame of zlib that belongs to it (RFC 9110, 8.4.1.2)."""
        framed = self._coding != "deflate" or (head[0] & 0x0F == 8 and int.from_bytes(head[:2]) % 31 == 0)
        return _GZIP_OR_ZLIB if framed else -zlib.MAX_WBITS

    def _mispacked(self) -> CodecError:
        return CodecError(f"its body is not {self._coding}, as its Content-Encoding says")
