"""The sandbox's servers: one port per system, as in the world outside, and one to look at ledgers and order faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiohttp import web

from infra.local.ports import LOOPBACK, remembered
from infra.sandbox import compliance
from infra.sandbox.faults import Fault, Faults, Order
from infra.sandbox.ledger import KeyReusedError, Ledger, Request
from infra.sandbox.systems import SYSTEMS, System, UnacceptableError

CONTROL = "control"
COMPLIANCE = "compliance"
NAMES = tuple(system.name for system in SYSTEMS)
MAX_LISTED = 10_000


class Endpoint:
    """The effectful endpoint of one system."""

    def __init__(self, system: System, ledger: Ledger, faults: Faults) -> None:
        self._system = system
        self._ledger = ledger
        self._faults = faults

    async def handle(self, incoming: web.Request) -> web.Response:
        """Takes one request: fault before, effect, fault after, answer."""
        request = Request(self._system.name, incoming.headers.get("Idempotency-Key"), await incoming.read())
        fault = self._faults.next(self._system.name)
        await asyncio.sleep(fault.latency_s)
        if fault.hits("before"):
            self._ledger.note(request, "faulted")
            return self._fail(incoming, fault)
        answer = self._answer(request)
        return self._fail(incoming, fault) if fault.hits("after") else answer

    def _answer(self, request: Request) -> web.Response:
        system = self._system
        try:
            answer = system.answer(request.body)
            return self._response(system.status, self._ledger.effect(request, lambda: answer))
        except UnacceptableError as why:
            self._ledger.note(request, "refused")
            return self._response(400, system.problem(str(why)))
        except KeyReusedError:
            self._ledger.note(request, "refused")
            return self._response(422, system.problem("the Idempotency-Key came before, with another body"))

    def _fail(self, incoming: web.Request, fault: Fault) -> web.Response:
        order = fault.order
        assert order is not None
        if order.drop_connection and incoming.transport is not None:
            incoming.transport.abort()
        response = self._response(order.status, self._system.problem("a fault that was ordered"))
        if order.retry_after_s is not None:
            response.headers["Retry-After"] = str(order.retry_after_s)
        return response

    def _response(self, status: int, body: bytes) -> web.Response:
        return web.Response(status=status, body=body, content_type=self._system.media_type)


class Control:
    """Ledgers and faults."""

    def __init__(self, ledger: Ledger, faults: Faults) -> None:
        self._ledger = ledger
        self._faults = faults

    def application(self) -> web.Application:
        """Its routes."""
        application = web.Application()
        application.router.add_get("/ledger/{system}", self.show_ledger)
        application.router.add_post("/faults", self.order_fault)
        application.router.add_get("/faults", self.list_faults)
        application.router.add_delete("/faults", self.clear_faults)
        return application

    async def show_ledger(self, request: web.Request) -> web.Response:
        """Counts and the last entries (`?limit=`) of one system."""
        system = request.match_info["system"]
        limit = request.query.get("limit", "100")
        if system not in NAMES or not limit.isdecimal():
            raise web.HTTPNotFound(text=f"known ledgers: {', '.join(NAMES)}; limit is a number")
        return _json(self._ledger.summary(system, min(int(limit), MAX_LISTED)))

    async def order_fault(self, request: web.Request) -> web.Response:
        """Puts an `Order` in force."""
        try:
            order = msgspec.json.decode(await request.read(), type=Order)
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        if order.system not in NAMES:
            raise web.HTTPBadRequest(text=f"known systems: {', '.join(NAMES)}")
        self._faults.set(order)
        return _json(order)

    async def list_faults(self, request: web.Request) -> web.Response:
        """The orders in force."""
        return _json(self._faults.orders())

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Nothing goes wrong any more."""
        self._faults.clear()
        return _json([])


@asynccontextmanager
async def running(data_dir: Path, host: str = LOOPBACK) -> AsyncIterator[dict[str, str]]:
    """Runs all servers; gives their addresses by name. Ledgers, database and port numbers are kept in `data_dir`."""
    ledger, faults = Ledger(data_dir / "ledger.sqlite"), Faults()
    ports = remembered(data_dir / "ports.json", (*NAMES, CONTROL))
    applications = {system.name: _application(system, ledger, faults) for system in SYSTEMS}
    applications[CONTROL] = Control(ledger, faults).application()
    runners = [web.AppRunner(application, access_log=None) for application in applications.values()]
    try:
        for name, runner in zip(applications, runners, strict=True):
            await runner.setup()
            await web.TCPSite(runner, host, ports[name]).start()
        addresses = {name: f"http://{host}:{ports[name]}" for name in applications}
        yield {**addresses, COMPLIANCE: compliance.prepare(data_dir / "compliance.sqlite")}
    finally:
        for runner in runners:
            await runner.cleanup()
        ledger.close()


def _application(system: System, ledger: Ledger, faults: Faults) -> web.Application:
    application = web.Application()
    application.router.add_post(system.path, Endpoint(system, ledger, faults).handle)
    return application


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
