"""Calls through the hub beside the same calls by plain aiohttp: what the contract costs, in CPU time of the caller.

Both send the same request with the same body and key over kept connections to a peer of its own process, in short
turns. Of each the best turn counts, as what else the machine does makes no turn cheaper; of the overhead the median of
all pairs of turns, as the speed of a machine drifts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median

import aiohttp
import orjson
import uvloop

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.limits import ConnectionLimits
from connectors.hub.pipeline import Hub
from schemas.functions import EffectClass
from tests.bench.peer import KEY_HEADER, ledger_peer

TURNS = 21
COUNT = 1_000
AT_ONCE = 64
BODY = {"a": 1, "b": "text"}

One = Callable[[int], Awaitable[None]]


def measure() -> dict[str, float]:
    """Microseconds of CPU time for each call, and how many times the plain one the hub takes."""
    with ledger_peer() as peer:
        turns = uvloop.run(_measured(peer.url))
    plain, hub = (min(turn[at] for turn in turns) for at in (0, 1))
    return {
        "hub.plain_us": round(plain, 1), "hub.call_us": round(hub, 1), "hub.calls_per_cpu_s": round(1e6 / hub, 0),
        "hub.overhead": round(median(through / plain for plain, through in turns), 2),
    }  # fmt: skip


async def _measured(url: str) -> list[tuple[float, float]]:
    """Of each pair of turns."""
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
        return [(await _turn(plain), await _turn(through)) for _ in range(TURNS)]


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
