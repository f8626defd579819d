"""Files of this site as bodies: what is answered goes into one, what is sent comes out of one, a block at a time.

They are read and written in threads of their own, so a folder that hangs holds up files and nothing else. A thread that
is late is not waited for; what it writes is whole all the same, or nobody sees it.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO, TypeVar, TypeVarTuple

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from connectors.file.drafts import Draft
from connectors.file.folders import NOT_THERE, explained, opened
from connectors.http.unpacking import TooLargeError, Unpacking
from connectors.hub.contract import Refused
from schemas.payload import Json
from schemas.reasons import Reason

BLOCK_BYTES = 512 * 1024
THREADS = 8
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LATE = "the folder does not answer in time"

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class FileError(Exception):
    """A file of this site cannot be read or written: why. It says nothing about the system that is called."""

    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file that a body comes from, or goes into."""

    connection: str
    folder: Path
    file: str
    most: int = 0  # bytes that it may get


class Incoming:
    """A file that the body of an answer goes into. Used by one thread at a time, and may be given up by another."""

    def __init__(self, body: FileBody, key: str) -> None:
        """`key` is that of the step, by which a later try finds what one that was killed has left."""
        self.body = body
        self._key = key
        self._lock = Lock()
        self._over = False
        self._draft: Draft | None = None
        self._unpacking = Unpacking("")
        self._hash = hashlib.sha256()
        self._bytes = 0

    def begin(self) -> None:
        """Makes its draft. Raises FileError."""
        with self._lock:
            if not self._over:
                _there(self.body)
                self._draft = _done(self.body, lambda: Draft(self.body.folder, self.body.file, self._key))

    def packed_in(self, coding: str) -> None:
        """What is taken in is in this Content-Encoding. Raises CodecError."""
        self._unpacking = Unpacking(coding)

    def take(self, packed: bytes) -> None:
        """Adds what has come. Raises FileError, CodecError, and TooLargeError."""
        with self._lock:
            if self._draft is None or self._over:
                return
            for piece in self._unpacking.pieces(packed):
                self._bytes += len(piece)
                if self._bytes > self.body.most:
                    raise TooLargeError
                self._hash.update(piece)
                _done(self.body, self._draft.write, piece)

    def finish(self) -> dict[str, Json]:
        """The file is there. Raises FileError, CodecError."""
        with self._lock:
            self._unpacking.end()
            if self._draft is not None and not self._over:
                _done(self.body, self._draft.finish)
            return {"file": self.body.file, "bytes": self._bytes, "sha256": self._hash.hexdigest()}

    def end(self) -> None:
        """Nobody takes anything in any more: what is not finished is given up."""
        with self._lock:
            self._over = True
            if self._draft is not None:
                self._draft.give_up()


class Outgoing:
    """A file that is sent. Read by several threads, and may be closed by another."""

    def __init__(self, body: FileBody) -> None:
        self.body = body
        self.size = 0
        self.left = 0  # of it, to be handed to the connection
        self.error: FileError | None = None  # why it could not be read to its end
        self._lock = Lock()
        self._over = False
        self._file: BinaryIO | None = None

    def begin(self) -> None:
        """Opens it; from now on it is what it is, also if another one takes its place. Raises FileError."""
        with self._lock:
            if not self._over:
                _there(self.body)
                self._file = _done(self.body, opened, self.body.folder, self.body.file)
                self.size = self.left = os.fstat(self._file.fileno()).st_size

    def read(self, at: int, size: int) -> bytes:
        """A part of it. Raises FileError."""
        with self._lock:
            if self._file is None or self._over:
                raise FileError(Reason.TIMED_OUT, LATE)
            found = _done(self.body, os.pread, self._file.fileno(), size, at)
        if not found:
            raise FileError(Reason.CONFLICT, f"{self.body.connection}: the file has become shorter while it was sent")
        return found

    def end(self) -> None:
        """Nobody reads it any more."""
        with self._lock:
            self._over = True
            if self._file is not None:
                self._file.close()


class Transfer:
    """The files of one call, from its beginning to its end."""

    def __init__(
        self, threads: ThreadPoolExecutor | None, incoming: Incoming | None = None, outgoing: Outgoing | None = None
    ) -> None:
        self.incoming = incoming
        self.outgoing = outgoing
        self.begun = False
        self.waits = False  # for a file
        self._threads = threads
        self._both = [each for each in (outgoing, incoming) if each is not None]

    async def begin(self) -> None:
        """Before anything is sent, files have to be there, or to be possible. Raises FileError."""
        for each in self._both:
            await self.run(each.begin)
        self.begun = True

    def end(self) -> None:
        """Lets go of all, without waiting for it."""
        for each in self._both:
            if self._threads is not None:
                self._threads.submit(each.end)

    async def run(self, work: Callable[[*Ts], T], *given: *Ts) -> T:
        """What is done with a file, in a thread."""
        self.waits = True
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)
        except Exception:
            self.waits = False
            raise
        self.waits = False
        return found

    @property
    def half_sent(self) -> bool:
        """Whether the system has not been given all of what is sent."""
        return self.outgoing is not None and self.outgoing.left > 0

    @property
    def error(self) -> FileError | None:
        """Why what is sent could not be read to its end."""
        return None if self.outgoing is None else self.outgoing.error

    def payload(self, usual: bytes | None) -> FilePayload | bytes | None:
        """The body of a request, from its beginning."""
        if self.outgoing is None:
            return usual
        self.outgoing.left = self.outgoing.size
        return FilePayload(self, self.outgoing)

    async def save(self, response: aiohttp.ClientResponse) -> dict[str, Json]:
        """The body of an answer goes into its file, as it comes; what is told of it.

        Raises TooLargeError, CodecError, FileError, and what the connection raises.
        """
        incoming = self.incoming
        assert incoming is not None, "somewhere it has to go"
        if (response.content_length or 0) > incoming.body.most:
            raise TooLargeError
        incoming.packed_in(response.headers.get("Content-Encoding", ""))
        block = bytearray()
        async for chunk in response.content.iter_any():
            block += chunk
            if len(block) >= BLOCK_BYTES:
                await self.run(incoming.take, bytes(block))
                block.clear()
        await self.run(incoming.take, bytes(block))
        return {**await self.run(incoming.finish), "type": response.headers.get("Content-Type", "")}


class FilePayload(Payload):
    """A file as aiohttp sends it: as often as it is asked to, and never more than a block of it in memory."""

    _autoclose = True  # whose it is closes it

    def __init__(self, transfer: Transfer, outgoing: Outgoing) -> None:
        super().__init__(outgoing)
        self._size = outgoing.size
        self._transfer = transfer
        self._outgoing = outgoing

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """A proof over the whole body (digest authentication, auth-int) would have to have it in memory."""
        raise Refused(Reason.UNSUPPORTED, "the system wants a proof over the body, which a file is too large for")

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """See `decode`."""
        return self.decode().encode()

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Sends all of it."""
        outgoing, at = self._outgoing, 0
        outgoing.left = outgoing.size
        try:
            while outgoing.left:
                block = await self._transfer.run(outgoing.read, at, min(BLOCK_BYTES, outgoing.left))
                at += len(block)
                outgoing.left -= len(block)  # before it is out: whoever has all of it may answer at once
                await writer.write(block)
        except FileError as error:
            outgoing.error = error
            raise OSError("the file cannot be read to its end") from error


NO_FILES = Transfer(None)


def threads() -> ThreadPoolExecutor:
    """In which files are read and written."""
    return ThreadPoolExecutor(THREADS, "files")


def _there(body: FileBody) -> None:
    if not _done(body, body.folder.is_dir):
        raise FileError(Reason.UNREACHED, f"{body.connection}: {NOT_THERE}")


def _done(body: FileBody, work: Callable[[*Ts], T], *given: *Ts) -> T:
    """What is done with a file. Raises FileError."""
    try:
        return work(*given)
    except Refused as refusal:
        raise FileError(refusal.outcome.reason, f"{body.connection}: {refusal.outcome.detail}") from None
    except OSError as error:
        full = error.errno in _FULL
        reason, what = (Reason.REPLY_TOO_LARGE, "there is no room left; make some") if full else explained(error)
        raise FileError(reason, f"{body.connection}: {what}") from None
