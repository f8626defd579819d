"""A system that gives and takes bodies larger than anybody's memory, and knows what they were by their digest."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

BLOCK = 64 * 1024
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def block(number: int) -> bytes:
    """What stands at this place of a body: no two are the same, and nothing packs it."""
    return hashlib.shake_128(number.to_bytes(8)).digest(BLOCK)


def digest(size: int) -> str:
    """Of a body of so many bytes, given in whole blocks."""
    found = hashlib.sha256()
    for number in range(size // BLOCK):
        found.update(block(number))
    return found.hexdigest()


@dataclass
class Large:
    """What it has taken, by path: length as it was announced, bytes, digest, and the media type."""

    url: str = ""
    taken: dict[str, tuple[int | None, int, str, str]] = field(default_factory=dict)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """So many bytes, as the path says."""
        size = int(request.match_info["size"])
        answer = web.StreamResponse(headers={"Content-Type": "text/csv"})
        if "chunked" not in request.query:
            answer.content_length = size
        await answer.prepare(request)
        for number in range(size // BLOCK):
            await answer.write(block(number))
        await answer.write_eof()
        return answer

    async def take(self, request: web.Request) -> web.Response:
        """Whatever is sent."""
        found, size = hashlib.sha256(), 0
        async for chunk in request.content.iter_chunked(BLOCK):
            found.update(chunk)
            size += len(chunk)
        kind = request.headers.get("Content-Type", "")
        self.taken[request.path] = request.content_length, size, found.hexdigest(), kind
        return web.json_response({"sha256": found.hexdigest()})


@asynccontextmanager
async def large() -> AsyncIterator[Large]:
    """Runs one."""
    it = Large()
    app = web.Application(client_max_size=0)
    app.router.add_get("/exports/{size}", it.give)
    app.router.add_route("*", "/imports/{name}", it.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield it
    finally:
        await runner.cleanup()


@dataclass
class Memory:
    """What this process held at first, and at most since."""

    first: int
    most: int

    @property
    def grown(self) -> int:
        return self.most - self.first


@asynccontextmanager
async def memory(every_s: float = 0.005) -> AsyncIterator[Memory]:
    """Looks at it all the time."""
    it = Memory(held(), held())

    async def look() -> None:
        while True:
            it.most = max(it.most, held())
            await asyncio.sleep(every_s)

    looking = asyncio.create_task(look())
    try:
        yield it
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


def held() -> int:
    """Bytes in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def written(path: Path, size: int) -> str:
    """A file of so many bytes; gives its digest."""
    with path.open("wb") as file:
        for number in range(size // BLOCK):
            file.write(block(number))
    return digest(size)


def of_file(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
