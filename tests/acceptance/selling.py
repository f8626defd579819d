"""What is around an order-to-cash: a web shop, an ERP, a warehouse, a bank, a mail server, a queue and two desks.

Each is real and keeps a ledger of what it was told. Those that speak HTTP lose requests and answers by a seed; the
customers pay once they have the bill.
"""

from __future__ import annotations

import asyncio
import csv
import io
import random
import re
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import ClientError, ClientSession, web

from connectors.codecs import xml_mapping
from schemas.webhooks import decoded_secrets, signed_headers
from streams.gateway.webhooks import verify
from tests.acceptance.site import ASK, LOOK_S, Site
from tests.support.dovecot import Dovecot
from tests.support.mailboxes import Mailbox

SECRET = "whsec_c2VjcmV0LW9mLXRoZS1zaG9wLTEyMzQ1Njc4"
BACK = "whsec_c2VjcmV0LW9mLW91cnMtMTIzNDU2Nzg5MGFi"
TOKEN = "t0ken-of-the-shop"
FAULTY = 0.3  # of the requests, three times each at most
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEAMS = ("sales-desk", "accounting")
NUMBER = re.compile(r"[A-Q]-\d+")


def numbers(series: str, count: int) -> list[str]:
    """The orders of a series, which is a letter, by number."""
    return [f"{series}-{number}" for number in range(1, count + 1)]


def is_stopped(number: str) -> bool:
    """Whether the ERP gives this customer no credit."""
    return int(number[2:]) % 4 == 0


def is_refused(number: str) -> bool:
    """Whether the desk does not release it."""
    return int(number[2:]) % 8 == 0


def pays_less(number: str) -> bool:
    """Whether its customer does not pay all of it."""
    return int(number[2:]) % 5 == 0


def is_lost(number: str) -> bool:
    """Whether the answer to its mail does not arrive, though the mail does."""
    return int(number[2:]) % 3 == 0


def asks(number: str) -> bool:
    """Whether its customer writes a mail."""
    return int(number[2:]) % 7 == 3


def order(number: str) -> dict[str, Any]:
    """What the shop knows of an order."""
    lines = [{"article": f"4{each}", "pieces": each + 1} for each in range(1 + int(number[2:]) % 3)]
    customer = f"Ada & Sons {number}"
    total = f"{int(number[2:])}9.90"
    return {
        "number": number, "customer": customer, "mail": f"{number.lower()}@example.org", "lines": lines, "total": total,
        "currency": "EUR",
    }  # fmt: skip


@dataclass
class World:
    """The systems, and what they have been told."""

    post: Mailbox  # where mails go out
    mailbox: Dovecot  # where customers write to
    folder: Path  # of the warehouse and of the bank
    orders: Sequence[str]  # by number
    seed: int = 7
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # at the shop: id of the webhook, its data
    erp: Mapping[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)  # by what went wrong
    url: str = ""

    @property
    def billed(self) -> Counter[str]:
        """The invoices that customers were sent."""
        return Counter(_invoice(each) for each in self.post.mails if str(each["Subject"]).startswith("Your order"))

    @property
    def answered(self) -> Counter[str]:
        """The orders about which customers got an answer to a mail of theirs."""
        mails = (str(each["Subject"]) for each in self.post.mails)
        return Counter(_number(each) for each in mails if each.startswith("Re: Where is"))

    # --- shop and ERP

    async def _order(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({}, status=401)
        return web.json_response(order(request.match_info["number"]))

    async def _hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        delivery = verify(decoded_secrets(BACK), request.headers, body, time())
        self.told.append((delivery.id, orjson.loads(body)["data"]))
        return web.Response(status=204)

    async def _erp(self, request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        (said,) = xml_mapping.read(await request.read()).values()
        number = said.get("@number") or said["@invoice"]
        kept = self.erp[kind][number]
        kept.append(orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode())
        if kind != "orders":
            return web.Response(status=204)
        credit = "stopped" if is_stopped(number) else "good"
        answer = xml_mapping.write({"booked": {"@invoice": f"R-{number}", "@credit": credit}})
        return web.Response(body=answer, content_type="application/xml")

    @web.middleware
    async def _faulty(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        what = f"{request.method} {request.path} {(await request.read()).hex()}"
        self.asked[what] += 1
        lot = random.Random(f"{self.seed}/{what}/{self.asked[what]}")
        fault = lot.choice(("reset", "lost", "500", "503", "late"))
        if self.asked[what] > 3 or lot.random() > FAULTY:
            return await handler(request)
        self.failed[fault] += 1
        if fault == "503":
            return web.Response(status=503)
        if fault != "reset":
            answer = await handler(request)
        if fault == "late":
            await asyncio.sleep(lot.uniform(0.05, 0.3))
            return answer
        if fault == "500":
            return web.Response(status=500)
        assert request.transport is not None
        peer: socket.socket = request.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Shop and ERP answer, the warehouse packs and customers pay for as long as the context lasts."""
        app = web.Application(middlewares=[self._faulty])
        app.router.add_get("/api/orders/{number}", self._order)
        app.router.add_post("/hook", self._hook)
        app.router.add_put("/erp/{kind:orders|invoices|payments}", self._erp)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        for each in ("in", "out", "bank"):
            (self.folder / each).mkdir()
        try:
            async with going_on(self._pack(), self._pay()):
                yield
        finally:
            await runner.cleanup()

    # --- warehouse and bank, which speak by files

    async def _pack(self) -> None:
        packed: set[str] = set()
        while True:
            there = [each for each in (self.folder / "in").glob("*.csv") if not each.name.startswith(".")]
            new = [each for each in there if each.stem not in packed]
            if new:
                packed.update(each.stem for each in new)
                lines = "".join(f"{each.stem},P-{each.stem}\n" for each in new)
                self._put("out", f"SHIPPED-{len(packed)}.csv", f"order,parcel\n{lines}")
            await asyncio.sleep(LOOK_S)

    async def _pay(self) -> None:
        paid: set[str] = set()
        while True:
            new = [each for each in self.billed if each not in paid]
            if new:
                paid.update(new)
                await asyncio.to_thread(self.mailbox.put, *map(_question, filter(asks, (each[2:] for each in new))))
                lines = [f"{each};{self._amount(each[2:])};EUR\n" for each in new]
                self._put("bank", f"BOOKED-{len(paid)}.csv", "".join(["reference;amount;currency\n", *lines]))
            await asyncio.sleep(LOOK_S)

    def _amount(self, number: str) -> str:
        return "1,00" if pays_less(number) else str(order(number)["total"]).replace(".", ",")

    def _put(self, folder: str, name: str, content: str) -> None:
        draft = self.folder / folder / f".{name}"
        draft.write_text(content)
        draft.rename(draft.with_name(name))

    # --- what must be true in the end

    def verify(self) -> None:
        """Every order is where it belongs, once, in every ledger."""
        every = self.orders
        kept = [each for each in every if not is_refused(each)]
        assert set(self.erp["orders"]) == set(every)
        assert set(self.erp["invoices"]) == set(self.erp["payments"]) == {f"R-{each}" for each in kept}
        unlike = {name: said for kind in self.erp.values() for name, said in kind.items() if len(set(said)) > 1}
        assert not unlike, "one number, and two contents"
        assert self.billed == Counter(f"R-{each}" for each in kept)
        assert self.answered == Counter(each for each in kept if asks(each))
        files = [each for each in self.folder.glob("in/*") if not each.name.startswith(".")]  # drafts of who was killed
        assert {each.stem: list(csv.DictReader(io.StringIO(each.read_text()))) for each in files} == {
            each: [
                {"order": each, "article": line["article"], "pieces": str(line["pieces"])}
                for line in order(each)["lines"]
            ]
            for each in kept
        }
        closed = dict(self.told)  # what comes twice has its id twice
        assert sorted(each["order"] for each in closed.values()) == sorted(every)
        states = {each["order"]: each["state"] for each in closed.values()}
        assert states == {each: _state(each) for each in every}
        assert {said["parcel"] for said in closed.values() if "parcel" in said} == {f"P-{each}" for each in kept}


def _state(number: str) -> str:
    return "refused" if is_refused(number) else "settled" if pays_less(number) else "paid"


def _number(title: str) -> str:
    found = NUMBER.search(title)
    assert found is not None, title
    return found[0]


def _question(number: str) -> bytes:
    sender = order(number)["mail"]
    return f"From: {sender}\r\nTo: sales@example.com\r\nSubject: Where is {number}?\r\n\r\nWell?\r\n".encode()


def _invoice(mail: Any) -> str:
    return str(mail.get_payload(decode=True).decode().rpartition("name ")[2].strip().removesuffix("."))


# --- people


async def order_all(site: Site, world: World) -> None:
    """The shop tells of every order, twice, each time until it is taken."""
    (secret,) = decoded_secrets(SECRET)
    async with ClientSession(site.gateway, timeout=ASK) as http:
        for number in (*world.orders, *world.orders):
            body = orjson.dumps({"order": number})
            while not await _taken(http, body, signed_headers(secret, f"msg-{number}", int(time()), body)):
                await asyncio.sleep(LOOK_S)


async def _taken(http: ClientSession, body: bytes, signed: dict[str, str]) -> bool:
    headers = signed | {"Content-Type": "application/json"}
    try:
        async with http.post("/v1/hooks/sales-orders", data=body, headers=headers) as reply:
            assert reply.status == 202 or reply.status >= 500, await reply.text()
            return reply.status == 202
    except (ClientError, TimeoutError):
        return False


async def desks(site: Site, world: World) -> None:
    """Two teams do what they are asked, for ever; whether a mail was sent, they see in the mailbox."""
    async with ClientSession(site.gateway, timeout=ASK) as http:
        while True:
            for task in await _open(http):
                number, title = _number(task["title"]), str(task["title"])
                await _completed(http, task, _word(world, title, number))
            await asyncio.sleep(LOOK_S)


def _word(world: World, title: str, number: str) -> str:
    """What a person answers to a task of this title."""
    match title.split()[:3]:
        case "Release", *_:
            return "refuse" if is_refused(number) else "release"
        case "Was", "the", "bill":
            return "sent" if world.billed[f"R-{number}"] else "again"
        case "Was", *_:
            return "sent" if world.answered[number] else "again"
        case "Settle", *_:
            return "settled"
        case "Mail:", *_:
            return "answered"
    raise AssertionError(title)


async def _open(http: ClientSession) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for team in TEAMS:
        try:
            async with http.get("/v1/tasks", params={"team": team, "status": "open", "limit": "500"}) as reply:
                found += (await reply.json())["tasks"] if reply.status == 200 else []
        except (ClientError, TimeoutError):
            continue  # the gateway is down; the next look finds them
    return found


async def _completed(http: ClientSession, task: dict[str, Any], outcome: str) -> None:
    data = {"text": "On its way."} if outcome == "answered" else {}
    answer = {"outcome": outcome, "data": data, "actor": "desk"}
    path = f"/v1/tasks/{quote(task['task_id'])}/complete"
    try:
        async with http.post(path, json=answer, headers={"Idempotency-Key": f"sales-{task['task_id']}"}) as reply:
            assert reply.status in (200, 202, 409) or reply.status >= 500, await reply.text()
    except (ClientError, TimeoutError):
        return


@asynccontextmanager
async def going_on(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Work that never ends by itself, while the context lasts; what it has failed with is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
