"""`python -m tests.chaos.peers FOLDER`: systems outside in one process, each with a port, and their ledger.

| system | asked | does |
|---|---|---|
| `register` | `PUT /cases/ID`, `GET /cases/ID` | keeps a case: idempotent; tells of it |
| `charges` | `POST /charges/ID`, JSON | charges once for each `Idempotency-Key` |
| `till` | `POST /bookings/ID`, another JSON, answers in XML | books once for each `Idempotency-Key` |
| `seats` | `POST /seats/ID`, `GET /seats/ID?step=KEY` | takes a seat, as often as it is asked; tells of a step's |
| `letters` | `POST /letters/ID` | writes a letter, as often as it is asked |
| `team`, `boss` | `POST /`, a notice of an alert | are told, once for each `Idempotency-Key` |

What a system has been asked is in `ledger.jsonl` before it answers, and notices are in `told.jsonl`; addresses are in
`peers.json`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from hashlib import sha256
from pathlib import Path

from aiohttp import web

from tests.chaos.programs import LOOPBACK, announce

SYSTEMS = ("register", "charges", "till", "seats", "letters")
CHANNELS = ("team", "boss")
LEDGER = "ledger.jsonl"
TOLD = "told.jsonl"


class Ledger:
    """Lines that are there once the method returns, whoever is killed then."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._known: set[tuple[str, str]] = set()

    def note(self, system: str, case: str, key: str, body: bytes) -> None:
        """A request with an effect; `key` tells whether the effect is the same again."""
        result = "replayed" if (system, key) in self._known else "done"
        self._known.add((system, key))
        digest = sha256(body).hexdigest()
        self._write({"system": system, "case": case, "key": key, "body": digest, "result": result})

    def tell(self, channel: str, key: str, notice: dict[str, str]) -> None:
        """A notice that has arrived."""
        self._write({"channel": channel, "key": key, **{name: notice[name] for name in ("alert", "kind", "event")}})

    def _write(self, line: dict[str, str]) -> None:
        self._file.write(json.dumps({**line, "at_ms": _now_ms()}).encode() + b"\n")


class Peers:
    """The systems; what each answers depends on the request alone."""

    def __init__(self, ledger: Ledger, told: Ledger) -> None:
        self._ledger = ledger
        self._told = told
        self._letters = 0
        self._seats: dict[str, int] = {}  # by the key of the step

    def application(self, system: str) -> web.Application:
        """The server of one system."""
        made = web.Application()
        if system == "register":
            made.router.add_put("/cases/{id}", self.keep)
            made.router.add_get("/cases/{id}", self.tell)
        elif system == "charges":
            made.router.add_post("/charges/{id}", self.charge)
        elif system == "till":
            made.router.add_post("/bookings/{id}", self.book)
        elif system == "seats":
            made.router.add_post("/seats/{id}", self.take)
            made.router.add_get("/seats/{id}", self.taken)
        elif system == "letters":
            made.router.add_post("/letters/{id}", self.write)
        else:
            made.router.add_post("/", partial(self.notice, system))
        return made

    async def keep(self, request: web.Request) -> web.Response:
        """Idempotent: the case is what it is told to be."""
        case = request.match_info["id"]
        self._ledger.note("register", case, case, await request.read())
        return web.json_response({"kept": case})

    async def tell(self, request: web.Request) -> web.Response:
        """A read."""
        return web.json_response({"case": request.match_info["id"]})

    async def charge(self, request: web.Request) -> web.Response:
        """Keyed: System A."""
        case, amount = request.match_info["id"], (await request.json())["amount"]
        self._ledger.note("charges", case, request.headers["Idempotency-Key"], await request.read())
        return web.json_response({"receipt": f"C-{case}", "amount": amount}, status=201)

    async def book(self, request: web.Request) -> web.Response:
        """Keyed: System B, which wants and says it in another way."""
        case, cents = request.match_info["id"], (await request.json())["booking"]["cents"]
        self._ledger.note("till", case, request.headers["Idempotency-Key"], await request.read())
        text = f"<booked><slip>T-{case}</slip><cents>{cents}</cents></booked>"
        return web.Response(text=text, content_type="application/xml")

    async def take(self, request: web.Request) -> web.Response:
        """Probed: every request takes a seat of its own, and which step it was for can be told."""
        number = self._seats[request.headers["Idempotency-Key"]] = len(self._seats) + 1
        self._ledger.note("seats", request.match_info["id"], f"seat-{number}-{_now_ms()}", await request.read())
        return web.json_response({"seat": number}, status=201)

    async def taken(self, request: web.Request) -> web.Response:
        """A read, by which the system is asked whether a step was done."""
        number = self._seats.get(request.query["step"])
        return web.json_response({"seat": number}, status=404 if number is None else 200)

    async def write(self, request: web.Request) -> web.Response:
        """Blind: every request is a letter of its own."""
        self._letters += 1
        self._ledger.note("letters", request.match_info["id"], f"letter-{self._letters}", await request.read())
        return web.json_response({"queued": True}, status=202)

    async def notice(self, channel: str, request: web.Request) -> web.Response:
        """Keyed: somebody is told."""
        self._told.tell(channel, request.headers["Idempotency-Key"], await request.json())
        return web.json_response({})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def main(folder: Path) -> None:
    """Serves until it is killed; its leash does so when its parent has gone."""
    peers = Peers(Ledger(folder / LEDGER), Ledger(folder / TOLD))
    ports = {}
    for system in (*SYSTEMS, *CHANNELS):
        runner = web.AppRunner(peers.application(system), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, 0, backlog=1_024)
        await site.start()
        ports[system] = runner.addresses[0][1]
    announce(folder / "peers.json", ports)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
