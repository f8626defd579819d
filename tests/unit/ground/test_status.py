"""What a process tells of itself."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.ground.status import status_routes


async def test_no_series_tells_when_another_was_created() -> None:
    app = web.Application()
    app.add_routes(status_routes(lambda: True))
    async with TestClient(TestServer(app)) as client, client.get("/metrics") as response:
        shown = await response.text()
    assert "_total" in shown and "_created" not in shown
