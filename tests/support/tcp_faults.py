"""A proxy before a system that lets connections go wrong in one way, and counts what went through."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum


class Wrong(StrEnum):
    """What becomes of a connection."""

    RESET_UNREAD = "reset before reading"
    RESET_READ = "reset after reading"  # the system has had the request
    BLACK_HOLE = "black hole"  # nothing comes, and nothing ends
    DRIP = "slow drip"  # the answer comes a byte at a time
    HALF_CLOSE = "half-close"  # it says that it is done sending, and has sent nothing
    NOTHING = "nothing"


@dataclass
class Proxy:
    """Stands at `port`; `wrong` can be changed at any time, and holds for connections that there are, too."""

    host: str
    upstream: int
    wrong: Wrong = Wrong.NOTHING
    port: int = 0
    rewritten: tuple[bytes, bytes] | None = None  # what the system says, and what is made of it
    passed: int = 0  # bytes that have reached the system
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.wrong is Wrong.RESET_UNREAD:
            _reset(writer)
            return
        if self.wrong is Wrong.HALF_CLOSE:
            writer.write_eof()
        there, back = await asyncio.open_connection(self.host, self.upstream)
        try:
            forth = asyncio.create_task(self._forth(reader, writer, back))
            try:
                await self._back(there, writer)
            finally:
                forth.cancel()
        finally:
            back.close()

    async def _forth(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, system: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65_536):
            match self.wrong:
                case Wrong.RESET_UNREAD:
                    _reset(writer)
                    system.transport.abort()
                    return
                case Wrong.BLACK_HOLE:
                    continue
                case Wrong.HALF_CLOSE:
                    writer.write_eof()
                    continue
            self.passed += len(data)
            system.write(data)
            await system.drain()

    async def _back(self, system: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await system.read(65_536):
            if self.wrong is Wrong.RESET_READ:
                _reset(writer)
                return
            if self.wrong in (Wrong.BLACK_HOLE, Wrong.HALF_CLOSE):
                continue
            if self.rewritten is not None:
                data = data.replace(*self.rewritten)
            if self.wrong is Wrong.DRIP:
                for each in data:
                    writer.write(bytes([each]))
                    await writer.drain()
                    await asyncio.sleep(0.05)
            else:
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxied(host: str, upstream: int) -> AsyncIterator[Proxy]:
    """A proxy before what listens there."""
    it = Proxy(host, upstream)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for task in list(it.tasks):
            task.cancel()
        await asyncio.gather(*it.tasks, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
