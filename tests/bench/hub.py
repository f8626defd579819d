"""Calls through the hub beside the same calls by plain aiohttp: what the contract costs, in CPU time of the caller.

Both send the same request with the same body and key over kept connections to a peer of its own process, in turns, and
the best of the turns counts: what else the machine does makes no turn cheaper.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson
import uvloop

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.limits import ConnectionLimits
from connectors.hub.pipeline import Hub
from schemas.functions import EffectClass
from tests.bench.peer import KEY_HEADER, ledger_peer

TURNS = 7
COUNT = 3_000
AT_ONCE = 64
BODY = {"a": 1, "b": "text"}

One = Callable[[int], Awaitable[None]]


def measure() -> dict[str, float]:
    """Microseconds of CPU time for each call, and how many times the plain one the hub takes."""
    with ledger_peer() as peer:
        plain, hub = uvloop.run(_measured(peer.url))
    return {
        "hub.plain_us": round(plain, 1), "hub.call_us": round(hub, 1), "hub.overhead": round(hub / plain, 2),
        "hub.calls_per_cpu_s": round(1e6 / hub, 0),
    }  # fmt: skip


async def _measured(url: str) -> tuple[float, float]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as session, _hub(url) as hub:

        async def plain(number: int) -> None:
            headers = {"Content-Type": "application/json", KEY_HEADER: f"plain/{number}"}
            async with session.post(f"{url}/x", data=orjson.dumps(BODY), headers=headers) as response:
                assert response.status == 200
                orjson.loads(await response.read())

        async def through(number: int) -> None:
            arguments = {"method": "post", "endpoint": "connection://echo/x", "body": BODY}
            call = HubCall(function="http", arguments=arguments, key=f"hub/{number}", effect=EffectClass.KEYED)
            assert (await hub.carry_out(call)).ok

        await _turn(plain)
        await _turn(through)
        turns = [(await _turn(plain), await _turn(through)) for _ in range(TURNS)]
    return min(turn[0] for turn in turns), min(turn[1] for turn in turns)


def _hub(url: str) -> Hub:
    limits = ConnectionLimits(concurrency=AT_ONCE)
    return standard_hub({"echo": url}, limits_of=lambda _: limits)


async def _turn(one: One) -> float:
    """CPU time of one call in microseconds."""
    numbers = iter(range(COUNT))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return (time.process_time() - before) / COUNT * 1e6
