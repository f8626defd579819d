"""Forms in parts and bytes, as a server of aiohttp reads them; and versions of what is changed."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from connectors.assembly import standard_hub
from connectors.codecs import multipart
from connectors.codecs.scalars import CodecError
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import CallLimits
from schemas.reasons import Effect, Reason

PDF = bytes(range(256)) * 4
WRITTEN = base64.b64encode(PDF).decode()


@asynccontextmanager
async def server() -> AsyncIterator[tuple[str, list[Any]]]:
    seen: list[Any] = []

    async def form(request: web.Request) -> web.Response:
        found = []
        part: Any
        async for part in await request.multipart():
            kind = part.headers.get("Content-Type")
            found.append((part.name, part.filename, kind, bytes(await part.read())))
        seen.append((request.headers["Content-Type"], found))
        return web.json_response({})

    async def octets(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response(body=PDF, content_type="application/pdf")

    async def versioned(request: web.Request) -> web.Response:
        if request.method == "PUT":
            return web.Response(status=412 if request.headers.get("If-Match") != '"7"' else 204)
        if request.headers.get("If-None-Match") == '"7"':
            return web.Response(status=304)
        return web.json_response({"state": "open"}, headers={"ETag": '"7"'})

    app = web.Application()
    app.router.add_post("/form", form)
    app.router.add_post("/bytes", octets)
    app.router.add_route("*", "/order", versioned)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    finally:
        await runner.cleanup()


async def send(url: str, method: str = "POST", **more: Any) -> CallOutcome:
    async with standard_hub({}, limits=CallLimits(try_timeout_s=10.0)) as hub:
        arguments = {"method": method, "endpoint": url, **more}
        return await hub.carry_out(HubCall(function="http", arguments=arguments, key="k"))


async def test_parts_arrive_as_they_are_and_the_same_each_time() -> None:
    body = {
        "kind": "annual", "year": 2026.0, "ü": "ä",
        "report": {"base64": WRITTEN, "contentType": "application/pdf", "filename": 'a "b".pdf'},
        "note": [{"content": "one"}, {"content": "<x/>", "contentType": "application/xml"}],
    }  # fmt: skip
    async with server() as (url, seen):
        for _ in range(2):
            assert (await send(f"{url}/form", headers={"content-type": "multipart/form-data"}, body=body)).ok
    assert seen[0] == seen[1]
    assert seen[0][1] == [
        ("kind", None, None, b"annual"), ("year", None, None, b"2026"), ("ü", None, None, "ä".encode()),
        ("report", "a %22b%22.pdf", "application/pdf", PDF),
        ("note", None, None, b"one"), ("note", None, "application/xml", b"<x/>"),
    ]  # fmt: skip


async def test_bytes_go_out_and_come_in() -> None:
    async with server() as (url, seen):
        outcome = await send(f"{url}/bytes", headers={"content-type": "image/png"}, body={"base64": WRITTEN})
    assert (seen, outcome.output) == ([PDF], WRITTEN)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", "text"),
        ("multipart/form-data", {}),
        ("multipart/form-data", {"a": {"file": "/etc/passwd"}}),
        ("multipart/form-data", {"a": {"content": "x", "base64": "eA=="}}),
        ("multipart/form-data", {"a": {"content": "x", "contentType": "a/b\r\nX: y"}}),
        ("multipart/form-data", {"a": {"base64": "no base 64"}}),
        ("multipart/form-data", {"a": [[1]]}),
        ("multipart/form-data", {str(number): "x" for number in range(1_001)}),
        ("image/png", {"base64": 7}),
        ("image/png", {"base64": "eA==", "more": 1}),
        ("text/plain", {"base64": "eA=="}),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_anything_is(kind: str, body: Any) -> None:
    async with server() as (url, seen):
        outcome = await send(f"{url}/form", headers={"content-type": kind}, body=body)
    assert (outcome.reason, outcome.effect, seen) == (Reason.INPUT_INVALID, Effect.NONE, [])


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(), min_size=1, max_size=4))
def test_no_name_and_no_value_ends_a_part(form: dict[str, str]) -> None:
    try:
        written, boundary = multipart.write(form)
    except CodecError:
        return  # no Unicode
    assert written.count(b"--" + boundary.encode()) == len(form) + 1
    for part in written.split(b"--" + boundary.encode())[1:-1]:
        head = part.partition(b"\r\n\r\n")[0]
        assert head.count(b"\r\n") == 1 and b"\n" not in head.replace(b"\r\n", b"")


async def test_change_of_what_somebody_has_changed_is_a_conflict() -> None:
    async with server() as (url, _):
        shown = await send(f"{url}/order", "GET", output="response")
        etag = shown.output["headers"]["etag"]
        assert (await send(f"{url}/order", "PUT", headers={"If-Match": etag}, body={})).ok
        late = await send(f"{url}/order", "PUT", headers={"If-Match": '"6"'}, body={})
        same = await send(f"{url}/order", "GET", headers={"If-None-Match": etag}, redirect=True, output="response")
    assert (late.reason, late.effect, late.status) == (Reason.CONFLICT, Effect.NONE, 412)
    assert (same.ok, same.output["statusCode"], same.output["content"]) == (True, 304, None)
