"""No input of one stops another: while everything hostile there is comes in by every door, applications end in time.

Among the last modules of its folder by its name: those before it want a site in which nothing is parked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from aiohttp import ClientSession
from confluent_kafka import Producer

from schemas import ids
from streams.ground.kafka import client_config
from streams.runtime.parking import PARKING
from tests.acceptance.cases import made_up
from tests.acceptance.hostile_workflows import DEFINITIONS, TEAM, WORKFLOWS, kind, starts
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import ASK, Site
from tests.support import peers
from tests.support.figures import Report
from tests.support.raw_requests import REFUSED, answer
from tests.support.unusable import EVENT, ODD, UNDECODABLE
from tests.support.waiting import PATIENCE_S
from tests.unit.connectors import corpus_xml

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
APPLICATIONS = 200
SOURCE = "/hostile"
LARGE = b"\0\0\0\0\1" + bytes(5_000_000)  # small for the broker, as lz4 has it, and too large to be parked as it is
MAY_COMPLETE = {"answer-in-xml", "schema-unique", "expression-regex"}  # these cost little by now
MAIL = {"outcome": "ok", "actor": "x", "data": {"mail": "a" * 52 + "!"}}


async def test_applications_end_in_time_whatever_else_comes_in(site: Site, report: Report) -> None:
    await site.ready()
    cases = made_up("unharmed", APPLICATIONS)
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with dear_answers() as peer, ClientSession(site.gateway, timeout=ASK) as http:
        await deploy(http, peer.url)
        feeder = Feeder(site, http)
        async with reviewers(site), feeding(feeder):
            async with asyncio.timeout(PATIENCE_S):
                await deliver(site, cases)
                outcomes = await subscriber.all_ended()
        assert {each["status"] for each in outcomes.decoded.values()} == {"completed"}
        ended = await everything_ended(site, feeder.rounds)
        assert peer.count
    site.check_alive()
    parked = site.read(PARKING)
    report(rounds=feeder.rounds, parked=len(parked))
    assert parked
    assert {name for name, found in ended.items() if found != {"faulted"}} <= MAY_COMPLETE


class Feeder:
    """Brings in all of it, by every door, again and again."""

    def __init__(self, site: Site, http: ClientSession) -> None:
        self._site = site
        self._http = http
        self.rounds = 0

    async def round(self) -> None:
        """All of it once."""
        await asyncio.to_thread(self._write_records)
        for name, event_id, data in starts(self.rounds):
            event = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": kind(name), "data": data}
            async with self._http.post(
                "/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"}
            ) as reply:
                assert reply.status == 202, await reply.text()
        self.rounds += 1
        for name, yaml in DEFINITIONS.items():
            async with self._http.post(
                "/v1/definitions", data=yaml, headers={"Content-Type": "application/yaml"}
            ) as reply:
                assert 400 <= reply.status < 500, name
        port = urlsplit(self._site.gateway).port or 0
        for name, request in REFUSED.items():
            assert 400 <= (await answer(port, request))[0] < 500, name
        await self._answer_tasks()

    def _write_records(self) -> None:
        """Every odd record on every topic that somebody reads."""
        producer = Producer(client_config(self._site.settings) | {"compression.type": "lz4", "message.max.bytes": 9**9})
        topics = sorted({topic for read in self._site._inputs().values() for topic, _ in read})
        headers: list[tuple[str, str | bytes | None]] = [*EVENT]
        for topic in topics:
            for value in (*UNDECODABLE, LARGE, *ODD.values()):
                producer.produce(topic, value, b"hostile", headers=headers)
        assert producer.flush(PATIENCE_S) == 0

    async def _answer_tasks(self) -> None:
        async with self._http.get("/v1/tasks", params={"team": TEAM, "limit": "50"}) as reply:
            found: list[dict[str, Any]] = (await reply.json())["tasks"]
        for task in found:
            async with self._http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=MAIL) as reply:
                assert reply.status == 422, await reply.text()


@asynccontextmanager
async def feeding(feeder: Feeder) -> AsyncIterator[None]:
    """A first round, and then one after another while the context lasts."""
    await feeder.round()

    async def go_on() -> None:
        while True:
            await feeder.round()

    working = asyncio.create_task(go_on())
    try:
        yield
    finally:
        working.cancel()
        (ended,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended


@asynccontextmanager
async def dear_answers() -> AsyncIterator[peers.Peer]:
    """A server whose answers take long to read."""
    acts = [
        peers.status(200, "Content-Type: application/xml", body=text.encode()) for text in corpus_xml.COSTLY.values()
    ]
    async with peers.peer(*acts) as running:
        yield running


async def deploy(http: ClientSession, peer: str) -> None:
    for name, each in WORKFLOWS.items():
        yaml = each.yaml(name, peer)
        async with http.post("/v1/definitions", data=yaml, headers={"Content-Type": "application/yaml"}) as reply:
            assert reply.status == 201, await reply.text()


async def everything_ended(site: Site, rounds: int) -> dict[str, set[str]]:
    """No hostile instance hangs either, but for those that wait for a person; how they ended, by workflow."""
    ended = {}
    for name in WORKFLOWS.keys() - {"form"}:
        instances = [ids.instance_id(name, SOURCE, f"{name}-{number}") for number in range(rounds)]
        outcomes = await Subscriber(site, instances, name).all_ended()
        ended[name] = {each["status"] for each in outcomes.decoded.values()}
    return ended
