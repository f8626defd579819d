"""Lists in pages: what one page is asked with, and what its answer says of the next, against a real server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from connectors.assembly import standard_hub
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits, Hub
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support import peers

ITEMS = list(range(7))
SLOW = CallLimits(try_timeout_s=10.0)  # nothing here is about time
Answer = Callable[[web.Request, dict[str, Any]], web.Response]


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with standard_hub({}, limits=SLOW) as made:
        yield made


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A server of seven numbers, three on a page."""

    async def handle(request: web.Request) -> web.Response:
        body = json.loads(await request.read() or b"{}")
        return answer(request, body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def send(
    hub: Hub, url: str, pages: dict[str, Any], effect: EffectClass | None = None, **more: Any
) -> CallOutcome:
    arguments = {"method": "GET", "endpoint": url, "pages": pages, **more}
    return await hub.carry_out(HubCall(function="http", arguments=arguments, key="k", effect=effect))


async def all_of(hub: Hub, url: str, pages: dict[str, Any], **more: Any) -> tuple[list[Any], int]:
    """The items of all pages, asked for one after the other as the engine does, and how many there were."""
    found: list[Any] = []
    count, at = 0, None
    while count < 10:
        outcome = await send(hub, url, pages if at is None else {**pages, "at": at}, **more)
        assert outcome.ok, outcome
        found, count, at = found + outcome.output["items"], count + 1, outcome.output["next"]
        if at is None:
            break
    return found, count


def by_link(request: web.Request, body: dict[str, Any]) -> web.Response:
    at = int(request.query.get("from", "0"))
    headers = {}
    if at + 3 < len(ITEMS):
        base = str(request.url.with_query(None))
        headers["Link"] = (
            f'<{base}?a=1>; rel="prev", <?from={at + 3}&key={request.query.get("key", "")}>; rel="next last"'
        )
    return web.json_response(ITEMS[at : at + 3], headers=headers)


def by_cursor(request: web.Request, body: dict[str, Any]) -> web.Response:
    at = int(request.query.get("after") or body.get("page", {}).get("after") or 0)
    following = f"{at + 3}" if at + 3 < len(ITEMS) else None
    headers = {} if following is None else {"X-Next": following}
    return web.json_response({"data": {"rows": ITEMS[at : at + 3]}, "meta": {"next": following}}, headers=headers)


def by_offset(request: web.Request, body: dict[str, Any]) -> web.Response:
    at, size = int(request.query["offset"]), int(request.query.get("n", "3"))
    return web.json_response({"data": ITEMS[at : at + size]})


def by_page(request: web.Request, body: dict[str, Any]) -> web.Response:
    at = int(request.query["page"]) - 1
    return web.json_response({"data": ITEMS[3 * at : 3 * at + 3]})


ROWS = {"by": "cursor", "items": ".data.rows"}


@pytest.mark.parametrize(
    ("answer", "pages", "more", "count"),
    [
        (by_link, {"by": "link"}, {}, 3),
        (by_cursor, {**ROWS, "next": ".meta.next", "parameter": "after"}, {}, 3),
        (by_cursor, {**ROWS, "next": "X-Next", "parameter": "after"}, {}, 3),
        (by_cursor, {**ROWS, "next": ".meta.next", "parameter": ".page.after"}, {"body": {"page": {"of": 1}}}, 3),
        (by_offset, {"by": "offset", "items": ".data"}, {}, 4),
        (by_offset, {"by": "offset", "items": ".data", "size": 2, "limit": "n"}, {}, 4),
        (by_page, {"by": "page", "items": ".data"}, {}, 4),
        (by_page, {"by": "page", "items": ".data", "size": 3}, {}, 3),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_every_item_of_every_page_once(
    hub: Hub, answer: Answer, pages: dict[str, Any], more: dict[str, Any], count: int
) -> None:
    async with server(answer) as url:
        assert await all_of(hub, f"{url}/list", pages, **more) == (ITEMS, count)


async def test_link_stays_below_its_connection_and_shows_nothing_of_its_address() -> None:
    async with server(by_link) as url:
        known = {"shop": f"{url}/api/v1?key=s3cret"}
        async with standard_hub(known, limits=SLOW) as hub:
            first = await send(hub, "connection://shop/list", {"by": "link"})
            assert first.output["next"] == "connection://shop/list?from=3"
            assert await all_of(hub, "connection://shop/list", {"by": "link"}) == (ITEMS, 3)


@pytest.mark.parametrize(
    "target",
    ["http://elsewhere.example/list", "//10.0.0.1/list", "http://[", "/other/list", "/api/v10/list", "/api/v1/../x"],
)
async def test_link_that_leads_elsewhere_is_not_followed(target: str) -> None:
    answer = peers.status(200, f"Link: <{target}>; rel=next", "Content-Type: application/json", body=b"[]")
    async with peers.peer(answer) as peer, standard_hub({"shop": f"{peer.url}/api/v1"}, limits=SLOW) as hub:
        outcome = await send(hub, "connection://shop/list", {"by": "link"})
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.NONE)
    assert target not in outcome.detail


@pytest.mark.parametrize("at", ["http://elsewhere.example/list", "connection://other/list", "not an address", "", 7])
async def test_page_asked_for_elsewhere_is_refused_before_anything_is_sent(at: Any) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer, standard_hub({"shop": peer.url}, limits=SLOW) as hub:
        outcome = await send(hub, "connection://shop/list", {"by": "link", "at": at})
        assert peer.count == 0
    assert outcome.reason is Reason.INPUT_INVALID


@pytest.mark.parametrize(
    ("body", "pages"),
    [
        (b'{"data":{}}', {"by": "page", "items": ".data"}),
        (b'{"other":[]}', {"by": "page", "items": ".data"}),
        (b'{"data":[],"next":{"a":1}}', {**ROWS, "items": ".data", "next": ".next"}),
        (b'{"data":[],"next":"%s"}' % (b"x" * 5_000), {**ROWS, "items": ".data", "next": ".next"}),
        (b'{"data":[],"next":"same"}', {**ROWS, "items": ".data", "next": ".next", "at": "same"}),
    ],
)
async def test_page_that_is_none_is_drift(hub: Hub, body: bytes, pages: dict[str, Any]) -> None:
    async with peers.peer(peers.status(200, "Content-Type: application/json", body=body)) as peer:
        outcome = await send(hub, peer.url, pages)
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.NONE)


@pytest.mark.parametrize(
    ("pages", "more", "said"),
    [
        ({}, {}, "pages.by is missing"),
        ({"by": "cursor"}, {}, "pages.next is missing"),
        ({"by": "page", "next": ".a"}, {}, "pages.next is nothing for page"),
        ({"by": "page", "size": 0}, {}, "pages.size is no whole number"),
        ({"by": "page", "first": "x"}, {}, "pages.first is no whole number"),
        ({"by": "page", "items": "data"}, {}, "pages.items is no path"),
        ({"by": "cursor", "next": "a b"}, {}, "pages.next is neither a path nor the name of a header"),
        ({"by": "page"}, {"method": "POST"}, "pages belong to a call that only reads"),
        ({"by": "page"}, {"output": "raw"}, "pages stand beside another output"),
        ({"by": "cursor", "next": ".n", "parameter": ".a", "at": "x"}, {"body": [1]}, "is a place in the body"),
    ],
    ids=str,
)
async def test_pages_that_cannot_be_asked_for(hub: Hub, pages: Any, more: dict[str, Any], said: str) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, pages, **more)
        assert peer.count == 0
    assert outcome.reason is Reason.INPUT_INVALID and said in outcome.detail


async def test_connection_says_how_its_lists_are_divided() -> None:
    divided = {"by": "page", "items": ".data", "size": 3}
    async with server(by_page) as url, standard_hub({"shop": url}, limits=SLOW, pages_of=lambda _: divided) as hub:
        assert await all_of(hub, "connection://shop/list", {}) == (ITEMS, 3)
        assert await all_of(hub, "connection://shop/list", {"items": ".data", "size": 1}) == (ITEMS, 4)
