"""What goes on around a site: applications come by webhook, reviewers answer, a subscriber reads the outcomes."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import ClientError, ClientSession
from confluent_kafka import Consumer, TopicPartition

from schemas.cloudevents import Headers, from_headers
from schemas.codec import Codec
from streams.definitions import outcome_topic
from streams.gateway.hooks import read_secret
from streams.gateway.webhooks import signed_headers
from streams.ground.kafka import client_config
from tests.acceptance.cases import HOOK, WORKFLOW, Case, reviewers_word
from tests.acceptance.site import ASK, LOOK_S, Site
from tests.support.waiting import PATIENCE_S

SENDERS = 16  # deliveries under way at once
REVIEWERS = 8
PAGE = 500
FETCH_S = 0.2


# --- applications


async def deliver(site: Site, cases: Sequence[Case], times: int = 1) -> None:
    """Sends every application `times` times by webhook, each until it is accepted, in this order but side by side."""
    secret = read_secret(site.settings, HOOK)
    slots = asyncio.Semaphore(SENDERS)
    async with ClientSession(site.gateway, timeout=ASK) as http:

        async def send(case: Case) -> None:
            async with slots:
                await _accepted(http, case, signed_headers(secret, case.delivery_id, int(time.time()), case.body))

        await asyncio.gather(*(send(case) for case in cases for _ in range(times)))


async def _accepted(http: ClientSession, case: Case, signed: dict[str, str]) -> None:
    headers = signed | {"Content-Type": "application/json"}
    status: int | str = "no answer"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            async with http.post(f"/v1/hooks/{HOOK}", data=case.body, headers=headers) as reply:
                status = reply.status
                if status == 202:
                    return
                assert status >= 500, f"{case.delivery_id} refused: {await reply.text()}"
        except (ClientError, TimeoutError):
            pass  # the gateway is down, or ended before it answered: the same delivery goes out again
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"{case.delivery_id} not accepted in {PATIENCE_S:.0f} s: {status}")


# --- reviewers


@asynccontextmanager
async def reviewers(site: Site) -> AsyncIterator[set[str]]:
    """Reviewers who answer every open task through the gateway while the context lasts; gives the ids answered."""
    answered: set[str] = set()
    working = asyncio.create_task(_review(site, answered))
    try:
        yield answered
    finally:
        working.cancel()
        (ended,) = await asyncio.gather(working, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended


async def _review(site: Site, answered: set[str]) -> None:
    slots = asyncio.Semaphore(REVIEWERS)
    query = {"status": "open", "workflow": WORKFLOW, "limit": str(PAGE)}
    async with ClientSession(site.gateway, timeout=ASK) as http:

        async def answer(task: dict[str, Any]) -> None:
            async with slots:
                if await _completed(http, task):
                    answered.add(task["task_id"])

        while True:
            open_tasks = [task for task in await _listed(http, query) if task["task_id"] not in answered]
            await asyncio.gather(*(answer(task) for task in open_tasks))
            await asyncio.sleep(LOOK_S)


async def _listed(http: ClientSession, query: dict[str, str]) -> list[dict[str, Any]]:
    try:
        async with http.get("/v1/tasks", params=query) as reply:
            return (await reply.json())["tasks"] if reply.status == 200 else []
    except (ClientError, TimeoutError):
        return []  # the gateway is down; the next look finds them


async def _completed(http: ClientSession, task: dict[str, Any]) -> bool:
    """Whether the answer was taken; an unclear one is given again under the same key, which counts once."""
    answer = {"outcome": reviewers_word(task["business_key"]), "actor": "reviewer", "data": {"comment": "by script"}}
    path = f"/v1/tasks/{quote(task['task_id'])}/complete"
    try:
        async with http.post(path, json=answer, headers={"Idempotency-Key": f"review-{task['task_id']}"}) as reply:
            assert reply.status in (200, 202, 409) or reply.status >= 500, await reply.text()
            return reply.status == 200
    except (ClientError, TimeoutError):
        return False


# --- outcomes


@dataclass
class Outcomes:
    """What a subscriber has received: every record of every outcome, by CloudEvents id and by instance."""

    values: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))  # by ce_id
    decoded: dict[str, dict[str, Any]] = field(default_factory=dict)  # the first, by instance id

    @property
    def repeated(self) -> int:
        """Records beyond the first of each outcome."""
        return sum(len(values) - 1 for values in self.values.values())

    @property
    def contradicted(self) -> list[str]:
        """The ce_ids under which two different values came."""
        return [ce_id for ce_id, values in self.values.items() if len(set(values)) > 1]


class Subscriber:
    """Reads the outcomes of one workflow, of some instances, from the beginning of the topic."""

    def __init__(self, site: Site, instances: Iterable[str], workflow: str = WORKFLOW) -> None:
        self.outcomes = Outcomes()
        self._wanted = set(instances)
        self._codec = Codec.offline()
        self._site = site
        self._consumer = Consumer(
            client_config(site.settings) | {"group.id": "subscriber", "enable.auto.commit": False}
        )
        topic = outcome_topic(workflow).name
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(site.settings.partitions)])

    async def all_ended(self) -> Outcomes:
        """Returns once every instance has an outcome; fails when none has come for long."""
        last = time.monotonic()
        while missing := len(self._wanted) - len(self.outcomes.decoded):
            self._site.check_alive()
            if await asyncio.to_thread(self._fetch):
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE_S:
                raise AssertionError(f"{missing} outcomes stay away\n{self._site.workers.log_tails()}")
        return self.outcomes

    async def until_quiet(self) -> Outcomes:
        """Returns once nothing is under way in the site, with whatever came on top."""
        await self._site.quiet()
        while await asyncio.to_thread(self._fetch):
            continue
        self._consumer.close()
        return self.outcomes

    def _fetch(self) -> int:
        records = self._consumer.consume(PAGE, FETCH_S)
        for record in records:
            assert record.error() is None, record.error()
            self._take(record.headers() or [], record.value() or b"")  # type: ignore[arg-type]  # lists, with bytes
        return len(records)

    def _take(self, headers: Headers, value: bytes) -> None:
        _, outcome = self._codec.decode(value)
        if outcome["instance_id"] in self._wanted:
            self.outcomes.values[from_headers(headers)["id"]].append(value)
            self.outcomes.decoded.setdefault(outcome["instance_id"], outcome)
