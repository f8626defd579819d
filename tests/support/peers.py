"""Real peers on loopback that misbehave on purpose, and count what reaches them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n" + b'{"ok":true}'


@dataclass
class Peer:
    """A server that gives the scripted answers in turn, the last one again and again."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # set once a request has arrived

    @property
    def count(self) -> int:
        return len(self.requests)

    def header(self, name: str, index: int = -1) -> str | None:
        """A header of a request, as sent."""
        for line in self.requests[index].split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
            key, _, value = line.decode().partition(": ")
            if key.lower() == name.lower():
                return value
        return None

    def body(self, index: int = -1) -> bytes:
        return self.requests[index].partition(b"\r\n\r\n")[2]


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


def answers(raw: bytes) -> Act:
    """Sends these bytes and keeps the connection open."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return act


def status(code: int, *headers: str, body: bytes = b"") -> Act:
    """An answer with this status."""
    lines = [f"HTTP/1.1 {code} X", *headers, f"Content-Length: {len(body)}", "", ""]
    return answers("\r\n".join(lines).encode() + body)


async def resets(writer: asyncio.StreamWriter) -> None:
    """Breaks the connection without an answer."""
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def closes(writer: asyncio.StreamWriter) -> None:
    """Ends the connection in good order without an answer."""
    writer.close()


async def resets_after_headers(writer: asyncio.StreamWriter) -> None:
    """Promises a body, sends half of it and breaks the connection."""
    writer.write(OK[:-5])
    await writer.drain()
    writer.close()


async def never_answers(writer: asyncio.StreamWriter) -> None:
    """Reads and stays silent."""
    await asyncio.Event().wait()


async def trickles(writer: asyncio.StreamWriter) -> None:
    """Sends the headers, then a body that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nx")
    await writer.drain()
    await asyncio.Event().wait()


@asynccontextmanager
async def peer(*script: Act) -> AsyncIterator[Peer]:
    """Runs a peer with this script."""
    it = Peer()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        it.connections += 1
        try:
            while raw := await _request(reader):
                it.requests.append(raw)
                it.asked.set()
                await script[min(it.count, len(script)) - 1](writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield it
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
