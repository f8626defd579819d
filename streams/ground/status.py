"""What every process tells about itself over HTTP: `/metrics`, `/livez`, `/readyz`."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _livez(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def status_routes(ready: Callable[[], bool]) -> list[web.RouteDef]:
    """Routes for any process. Alive means that the event loop turns; whether brokers answer is not asked, or their
    outage would restart the whole fleet."""

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready\n") if ready() else web.Response(status=503, text="not ready\n")

    return [web.get("/metrics", _metrics), web.get("/livez", _livez), web.get("/readyz", readyz)]


async def serve_status(host: str, port: int, ready: Callable[[], bool]) -> tuple[web.AppRunner, int]:
    """Starts the server; gives its runner and the port it listens on. Raises OSError if the port is taken."""
    app = web.Application()
    app.add_routes(status_routes(ready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]
