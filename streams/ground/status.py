"""What every process tells about itself over HTTP: `/metrics`, `/livez`, `/readyz`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from streams.ground.causes import Cause, Ready

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of a time that nobody asks for


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _livez(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")


def status_routes(ready: Ready) -> list[web.RouteDef]:
    """Routes for any process. Alive means that the event loop turns; whether brokers answer is not asked there, or
    their outage would restart the whole fleet. Ready means that the process does its work now."""

    async def readyz(request: web.Request) -> web.Response:
        found = ready()
        causes = await found if inspect.isawaitable(found) else () if found else (Cause("process", "is not ready"),)
        return _readiness(causes, as_json="application/json" in request.headers.get("Accept", ""))

    return [web.get("/metrics", _metrics), web.get("/livez", _livez), web.get("/readyz", readyz)]


def _readiness(causes: Sequence[Cause], *, as_json: bool) -> web.Response:
    ready = all(cause.degraded for cause in causes)
    status = 200 if ready else 503
    if as_json:
        return web.json_response({"ready": ready, "causes": [_as_json(cause) for cause in causes]}, status=status)
    state = "not ready" if not ready else "ready, degraded" if causes else "ready"
    lines = [state, *(f"{cause.part}: {cause.reason}" for cause in causes)]
    return web.Response(status=status, text="".join(f"{line}\n" for line in lines))


def _as_json(cause: Cause) -> dict[str, str | bool]:
    told: dict[str, str | bool] = {"part": cause.part, "reason": cause.reason}
    if cause.degraded:
        told["degraded"] = True
    if cause.mild:
        told["mild"] = True
    return told


async def serve_status(host: str, port: int, ready: Ready) -> tuple[web.AppRunner, int]:
    """Starts the server; gives its runner and the port it listens on. Raises OSError if the port is taken."""
    app = web.Application()
    app.add_routes(status_routes(ready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]
