"""A system that speaks HTTP and keeps a book of what it was asked for, each by what it knows a second one by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

OK: dict[str, Any] = {"ok": True}


@dataclass
class Books:
    """What was written under each mark; anything else that is asked for is answered and forgotten."""

    url: str = ""
    written: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def has(self, mark: str) -> list[str]:
        """By what each entry is known that bears the mark."""
        return list(self.written.get(mark, ()))

    async def look(self, request: web.Request) -> web.Response:
        """Whether there is an entry."""
        if request.match_info["mark"] not in self.written:
            raise web.HTTPNotFound
        return web.json_response(OK)

    async def write(self, request: web.Request) -> web.Response:
        """An entry: a PUT is the same however often, a POST by its key."""
        known = "put" if request.method == "PUT" else request.headers.get("Idempotency-Key", "")
        self.written[request.match_info["mark"]].append(known)
        return web.json_response(OK)

    async def hear(self, request: web.Request) -> web.Response:
        """A webhook, known by its id."""
        said = await request.json()
        if "mark" in said:
            self.written[said["mark"]].append(request.headers["webhook-id"])
        return web.json_response(OK)

    async def answer(self, _: web.Request) -> web.Response:
        """Anything else."""
        return web.json_response(OK)


@asynccontextmanager
async def books() -> AsyncIterator[Books]:
    """Runs one."""
    it = Books()
    app = web.Application()
    app.router.add_get("/books/{mark}", it.look)
    app.router.add_post("/books/{mark}", it.write)
    app.router.add_put("/books/{mark}", it.write)
    app.router.add_post("/hooks", it.hear)
    app.router.add_route("*", "/{any:.*}", it.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield it
    finally:
        await runner.cleanup()
