"""`call: http`, once the answer is there: what is taken of it, what is shown of the call, and within which bounds."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import zlib
from typing import Any

import orjson
import pytest

from connectors.assembly import standard_hub
from connectors.http import connector, outcomes
from connectors.hub.contract import HubCall
from connectors.hub.outcome import CallOutcome
from connectors.hub.pipeline import Hub
from schemas.functions import EffectClass
from schemas.reasons import Effect, Reason
from tests.support import peers
from tests.support.hubs import CALM, QUICK
from tests.unit.connectors import corpus_xml

VALUE = b'{"a":"' + b"x" * 2_000 + b'"}'
SECRET = "T0K3N-in-the-path"


async def send(hub: Hub, url: str, method: str = "GET", effect: EffectClass | None = None, **more: Any) -> CallOutcome:
    arguments = {"method": method, "endpoint": url, **more}
    return await hub.carry_out(HubCall(function="http", arguments=arguments, key="k", effect=effect))


def answer(body: bytes, *headers: str, content_type: str = "application/json") -> peers.Act:
    return peers.status(200, f"Content-Type: {content_type}", *headers, body=body)


@pytest.mark.parametrize(
    "more",
    [
        {"method": "POST", "body": {"a": 1}},
        {"method": "PUT", "body": "x", "headers": {"content-type": "text/plain", "X-A": "b"}},
        {"method": "DELETE"},
        {"headers": {"Accept": "application/json", "X-Total": 5.0}},
    ],
    ids=str,
)
async def test_response_of_any_request_can_be_written(hub: Hub, more: dict[str, Any]) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, output="response", **more)
        assert peer.count == 1
    written = json.loads(orjson.dumps(outcome.output))
    assert written["content"] == {"ok": True}
    assert written["request"]["headers"].keys() >= more.get("headers", {}).keys()


async def test_response_shows_nothing_of_the_sites_address() -> None:
    location = f"Location: /hooks/{SECRET}/next?page=2"
    link = f"Link: <http://other.example/hooks/{SECRET}>; rel=x"
    async with peers.peer(peers.status(201, location, link, body=b"")) as peer:
        site = {"hook": f"{peer.url}/hooks/{SECRET}?key={SECRET}"}
        async with standard_hub(site, limits=CALM) as hub:
            outcome = await send(hub, "connection://hook/a?b=1", "POST", output="response", query={"c": 2})
        assert peer.requests[0].startswith(f"POST /hooks/{SECRET}/a?key={SECRET}&b=1&c=2 ".encode())
    assert SECRET not in json.dumps(outcome.output) + outcome.detail + str(outcome.evidence) + repr(outcome)
    assert outcome.output["request"]["uri"] == "connection://hook/a?b=1&c=2"
    assert outcome.output["headers"]["location"] == "connection://hook/next?page=2"


@pytest.mark.parametrize("act", [peers.status(404), peers.resets, answer(b"<"), peers.never_answers])
async def test_errors_show_nothing_of_the_sites_address(act: peers.Act) -> None:
    async with peers.peer(act) as peer:
        site = {"hook": f"{peer.url}/hooks/{SECRET}?key={SECRET}"}
        async with standard_hub(site, limits=QUICK) as hub:
            outcome = await send(hub, "connection://hook/a", "POST", output="response")
    assert not outcome.ok
    assert SECRET not in repr(outcome)


RAW_DEFLATE = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": (gzip.compress(VALUE), "gzip"),
    "gzip in parts": (gzip.compress(VALUE[:100]) + gzip.compress(VALUE[100:]), "gzip"),
    "gzip with zeros behind": (gzip.compress(VALUE) + bytes(8), "x-gzip"),
    "deflate": (zlib.compress(VALUE), "deflate"),
    "deflate without its frame": (RAW_DEFLATE.compress(VALUE) + RAW_DEFLATE.flush(), "deflate"),
    "twice": (gzip.compress(gzip.compress(VALUE)), "gzip, GZIP"),
    "not at all": (VALUE, "identity"),
}


@pytest.mark.parametrize(("body", "coding"), PACKED.values(), ids=PACKED)
async def test_packed_answer_is_unpacked(hub: Hub, body: bytes, coding: str) -> None:
    async with peers.peer(answer(body, f"Content-Encoding: {coding}")) as peer:
        outcome = await send(hub, peer.url)
    assert outcome.output == json.loads(VALUE)


MISPACKED = {
    "not packed": (b'{"a":1}', "gzip"),
    "cut off": (gzip.compress(VALUE)[:-9], "gzip"),
    "another coding": (b'{"a":1}', "br"),
    "no coding": (b'{"a":1}', "foo"),
    "parts without end": (gzip.compress(b"") * 5_000, "gzip"),
}


@pytest.mark.parametrize(("body", "coding"), MISPACKED.values(), ids=MISPACKED)
async def test_answer_that_is_not_packed_as_it_says_is_contract_drift(hub: Hub, body: bytes, coding: str) -> None:
    async with peers.peer(answer(body, f"Content-Encoding: {coding}")) as peer:
        outcome = await send(hub, peer.url, "POST")
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.DONE)
    assert "answered 200, but its " in outcome.detail


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_bomb_in_bombs_is_not_unpacked(hub: Hub, times: int) -> None:
    bomb = bytes(30_000_000)
    for _ in range(times):
        bomb = gzip.compress(bomb)
    coding = ", ".join(["gzip"] * times)
    async with peers.peer(answer(bomb, f"Content-Encoding: {coding}")) as peer:
        outcome = await send(hub, peer.url, "POST")
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.DONE)


DEAR = {
    "xml": (corpus_xml.COSTLY["declarations and elements"].encode(), "application/xml"),
    "json": (b"[" + b"[]," * 150_000 + b"0]", "application/json"),
    "form": (b"&".join(b"f%d=%%41" % i for i in range(40_000)), "application/x-www-form-urlencoded"),
    "text": (("\u00fc" * 250_000).encode(), "text/plain"),
}


@pytest.mark.parametrize(("body", "content_type"), DEAR.values(), ids=DEAR)
async def test_large_answer_is_read_beside_the_event_loop(body: bytes, content_type: str) -> None:
    async with standard_hub({}) as hub, peers.peer(answer(body, content_type=content_type)) as peer:
        outcome = await send(hub, peer.url)
    assert outcome.ok


async def test_reading_an_answer_counts_into_the_time_of_the_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdles(*_: Any) -> None:
        time.sleep(3.0)

    monkeypatch.setattr(connector, "shaped", dawdles)
    async with standard_hub({}, limits=QUICK) as hub, peers.peer(answer(b" " * 40_000)) as peer:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.01)
                turns += 1

        turning = asyncio.create_task(turn())
        outcome = await send(hub, peer.url, "POST")
        turning.cancel()
        assert peer.count == 1
    assert (outcome.reason, outcome.effect) == (Reason.REPLY_TOO_LARGE, Effect.DONE)
    assert "takes too long to read" in outcome.detail
    assert turns > 5


async def test_bug_in_reading_does_not_deny_the_effect(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(*_: Any) -> None:
        raise UnicodeError("of another kind")

    monkeypatch.setattr(connector, "shaped", stumbles)
    async with peers.peer(peers.answers(peers.OK)) as peer:
        outcome = await send(hub, peer.url, "POST")
    assert (outcome.reason, outcome.effect) == (Reason.CONTRACT_DRIFT, Effect.DONE)
    assert "the call was made" in outcome.detail


@pytest.mark.parametrize("content_type", ["text/html", "application/json", ""])
async def test_error_of_an_answer_has_a_way_out(hub: Hub, content_type: str) -> None:
    async with peers.peer(answer(b"\xff\xfc", content_type=content_type)) as peer:
        outcome = await send(hub, peer.url)
        raw = await send(hub, peer.url, output="raw")
    assert (outcome.reason, raw.output) == (Reason.CONTRACT_DRIFT, "//w=")
    assert outcome.detail.endswith("; output: raw gives it as it is")


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("application/problem+json", b'{"code":"LIMIT","holder":"Ada"}', {"code": "LIMIT", "holder": "Ada"}),
        ("application/xml", b"<fault><code>7</code></fault>", {"fault": {"code": "7"}}),
        ("text/plain", b"no such account", "no such account"),
        ("application/json", b"<html>", None),
        ("application/json", b"", None),
        ("text/plain", b"x" * (outcomes.MOST_SAID + 1), None),
        ("text/plain", b"x" * 2_000_000, None),
    ],
)
async def test_what_an_error_says_is_told_within_a_bound_and_in_no_text(
    hub: Hub, content_type: str, body: bytes, told: Any
) -> None:
    refused = peers.status(422, f"Content-Type: {content_type}", body=body)
    async with peers.peer(refused) as peer:
        outcome = await send(hub, peer.url, "POST", body={})
        assert peer.count == 1
    assert (outcome.status, outcome.effect, outcome.answer) == (422, Effect.NONE, told)
    assert "Ada" not in f"{outcome!r} {outcome.detail} {outcome.evidence}"


async def test_packed_error_is_unpacked_within_its_bound(hub: Hub) -> None:
    script = [
        peers.status(409, "Content-Type: application/json", "Content-Encoding: gzip", body=gzip.compress(b'{"a":1}')),
        peers.status(409, "Content-Type: text/plain", "Content-Encoding: gzip", body=gzip.compress(bytes(50_000_000))),
    ]
    async with peers.peer(*script) as peer:
        outcomes = [await send(hub, peer.url) for _ in script]
    assert [each.answer for each in outcomes] == [{"a": 1}, None]
    assert {each.reason for each in outcomes} == {Reason.CONFLICT}
