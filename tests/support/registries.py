"""A registry of schemas in test size: gives what it was made with by id, and the last as the newest of `orders`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

SUBJECT = "orders"


@asynccontextmanager
async def registry(schemas: Mapping[int, Any], status: int = 200) -> AsyncIterator[str]:
    """Runs one, at this address; with another `status` it answers nothing else."""

    def answered(id_: int) -> web.Response:
        if status != 200 or id_ not in schemas:
            return web.json_response({"error_code": 40403}, status=404 if status == 200 else status)
        return web.json_response({"id": id_, "schema": json.dumps(schemas[id_])})

    async def by_id(request: web.Request) -> web.Response:
        return answered(int(request.match_info["id"]))

    async def newest(request: web.Request) -> web.Response:
        return answered(max(schemas) if request.match_info["subject"] == SUBJECT else 0)

    app = web.Application()
    app.router.add_get("/api/schemas/ids/{id}", by_id)
    app.router.add_get("/api/subjects/{subject}/versions/latest", newest)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    finally:
        await runner.cleanup()
