"""The system that is called: answers every request with its body, and keeps a ledger of the keys that it was sent.

A process of its own: `with ledger_peer() as peer`. Asked for `/ledger`, it says what it has seen.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson
import uvloop
from aiohttp import web

from infra.local.process import on_leash

KEY_HEADER = "Idempotency-Key"
KEPT_S = 75.0  # how long a server commonly keeps a connection that nobody uses
LEDGER = "/ledger"


@dataclass(frozen=True)
class Seen:
    """What has reached the peer."""

    requests: int
    keys: int
    most_of_one_key: int
    connections: int


@dataclass(frozen=True)
class Peer:
    """A peer that runs."""

    url: str

    def seen(self) -> Seen:
        """What has reached it so far."""
        with urllib.request.urlopen(self.url + LEDGER) as answer:
            return Seen(**orjson.loads(answer.read()))


@contextmanager
def ledger_peer(kept_s: float = KEPT_S, status: int = 200, after_s: float = 0.0) -> Iterator[Peer]:
    """Starts a peer that answers with a status (0: never) after some time, and closes connections after a time without
    a request."""
    command = [sys.executable, "-m", "tests.bench.peer", str(kept_s), str(status), str(after_s)]
    process = subprocess.Popen(on_leash(command), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Peer(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait()


async def _serve(kept_s: float, status: int, after_s: float) -> None:
    keys: Counter[str] = Counter()
    connections: set[object] = set()

    async def answer(request: web.Request) -> web.Response:
        connections.add(request.transport and request.transport.get_extra_info("peername"))
        if request.path == LEDGER:
            most = max(keys.values(), default=0)
            seen = Seen(keys.total(), len(keys), most, len(connections))
            return web.Response(body=orjson.dumps(seen), content_type="application/json")
        keys[request.headers.get(KEY_HEADER, "")] += 1
        if not status:
            await asyncio.Event().wait()
        if after_s:
            await asyncio.sleep(after_s)
        return web.Response(status=status, body=await request.read(), content_type="application/json")

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=kept_s)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
