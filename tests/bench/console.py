"""The console on a read model of 100,000 instances, 5,000 tasks, 20,000 letters and 10,000 webhooks: how long each page
takes at the server, and what 50 open consoles cost at one change a second.

On SQLite, and on PostgreSQL where EXLIFY_TEST_POSTGRESQL_URL names one, or where its programs are (`make peers`).
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from sqlalchemy import text

from connectors.webhook.message_id import message_id
from schemas.catalogue import current
from schemas.ids import step_id
from schemas.messages import (
    DECISION,
    HISTORY_ENTRY,
    HUMAN_TASK,
    INCIDENT,
    LETTER,
    REDELIVERY,
    START_INSTANCE,
    STEP_RESULT,
)
from schemas.reasons import Reason
from schemas.samples import sample
from schemas.steps import problem
from schemas.times import rfc3339
from streams.console import install
from streams.ground.settings import Settings
from streams.readmodel.projection import Received, fields_of
from streams.readmodel.settings import ViewSettings
from streams.runtime.garbage import look_less_often
from tests.support import postgresql
from tests.support.consoles import NOW_MS, change, payload
from tests.support.gateways import CODEC, ROWS, AsyncGateway, Gateway
from tests.support.stories import Story

INSTANCES = 100_000
TASKS = 5_000
INCIDENTS = 500
LETTERS = 20_000
WEBHOOKS = 10_000
BATCH = 1_000
ROUNDS = 20
CONSOLES = 50
CHANGES = 20
SEEN = b"seen\n"
APART_MS = 60_000  # from one start to the next: 100,000 of them are ten weeks
WORKFLOWS = ("order", "claim", "onboarding", "invoice", "returns")
LIVE = ("/", "/instances", "/inbox", "/workflows", "/incidents")
ENDS = ("completed",) * 17 + ("faulted",) * 2 + ("cancelled",)
PROBLEM = {
    "type": "urn:x", "title": "The system failed", "status": 500, "detail": None, "instance": "/do/0/note",
    "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip
TELL = "/do/0/attempt/try/0/tell"
SENDS = """
document: {{dsl: 1.0.3, namespace: test, name: {}, version: 1.0.0}}
do:
  - attempt:
      try: [{{tell: {{call: webhook.send, with: {{connection: shop, body: {{type: order.shipped}}}}}}}}]
      catch: {{do: [{{go-on: {{set: {{told: false}}}}}}]}}
"""
SENDERS = ("tells", "tells-seldom")
Message = tuple[str, dict[str, Any]]


def measure() -> dict[str, float]:
    """Every figure of this part: milliseconds by page, 95 of 100 requests are faster."""
    with TemporaryDirectory() as folder:
        figures = uvloop.run(_measured("sqlite", Settings(data_dir=Path(folder), partitions=3), ""))
    with TemporaryDirectory() as folder, postgresql.running() as server:
        if server is None:
            print("no PostgreSQL is installed: make peers", file=sys.stderr)
        else:
            figures |= uvloop.run(_measured("postgresql", Settings(data_dir=Path(folder), partitions=3), server.url))
    return figures


async def _measured(name: str, settings: Settings, url: str) -> dict[str, float]:
    if url:
        settings = settings.with_(replace(settings.of(ViewSettings), url=url))
    async with AsyncGateway(settings, install) as gateway:
        (deployed,) = gateway.services.definitions.deployed()
        for each in SENDERS:
            gateway.services.definitions.learn(Story(SENDS.format(each)).definition)
        _fill(gateway, deployed.digest)
        look_less_often()  # as a gateway does once it listens
        figures = {f"console.{name}.p95_ms{path}": await _page_ms(gateway, path) for path in _paths()}
        figures[f"console.{name}.slowest_p95_ms"] = max(figures.values())
        figures[f"console.{name}.{CONSOLES}_open_core_percent"] = await _open_consoles(gateway, deployed.digest)
    return figures


def _paths() -> list[str]:
    return [
        "/", "/workflows", "/workflows/order", "/definitions", "/instances", "/instances?status=completed",
        "/instances?workflow=claim", "/instances?status=waiting&workflow=order", "/instances?key=K-000",
        f"/instances/{_id(INSTANCES - 1)}", f"/instances/{_id(3)}", "/instances/cancel?status=waiting", "/inbox",
        "/inbox?team=team-3", f"/inbox/{_task(7)}", "/incidents", "/decisions", "/decisions/credit-risk", "/systems",
        "/audit", "/audit?of=instances", "/find?q=K-0001", "/deploy", "/workflows/order/start",
        "/workflows/order/compare", "/workflows/order/replay", "/instances/suspend?workflow=order",
        "/letters", "/letters?kind=dead&workflow=claim", "/letters/redrive?kind=dead",
        "/alerts", "/replays", "/report", "/report?since=30d",
        "/deliveries", "/deliveries?status=failed", "/deliveries?status=withdrawn", "/deliveries?workflow=tells-seldom",
        f"/v1/deliveries?since={rfc3339(NOW_MS - 86_400_000)}", "/audit?of=webhooks",
    ]  # fmt: skip


def _id(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()[:32]


def _task(number: int) -> str:
    return f"{_id(number * (INSTANCES // TASKS))}/do/1/review/0/0"


def _fill(gateway: Gateway, digest: str) -> None:
    batch: list[Received] = []
    read = CODEC.sparing(fields_of(ROWS))
    for message, fields in _messages(digest):
        value = CODEC.encode(message, fields)
        batch.append(Received(*read(value), value, CODEC.decode))
        if len(batch) == BATCH:
            gateway.writer.write(batch)
            batch = []
    gateway.writer.write(batch)
    with gateway.services.reader.engine.begin() as connection:
        connection.execute(text("ANALYZE"))  # as a database does by itself that has been there for ten weeks


def _messages(digest: str) -> Iterator[Message]:
    """A business of ten weeks: most of it ended well, some failed or was cancelled, and some waits for people."""
    yield from _letters()
    yield from _webhooks()
    task, decision, incident = (sample(current()[name]) for name in (HUMAN_TASK, DECISION, INCIDENT))
    for number in range(INSTANCES):
        at_ms = NOW_MS - (INSTANCES - number) * APART_MS
        of = {"instance_id": _id(number), "business_key": f"K-{number:06}", "workflow": WORKFLOWS[number % 5]}
        waits, stops = number % (INSTANCES // TASKS) == 0, number % (INSTANCES // INCIDENTS) == 1
        status = "waiting" if waits else "incident" if stops else ENDS[number % len(ENDS)]
        yield from _history(of | {"digest": digest, "version": "1.0.0"}, status, at_ms)
        if number % 4 == 0:
            yield DECISION, decision | {
                "instance_id": of["instance_id"], "decision_id": of["instance_id"], "at_ms": at_ms + 1,
                "model": "credit-risk", "route": ("approve", "review")[number % 8 == 0],
            }  # fmt: skip
        if waits:
            yield HUMAN_TASK, task | of | {
                "task_id": f"{of['instance_id']}/do/1/review/0/0", "status": "open", "team": f"team-{number % 7}",
                "title": "Review it", "created_at_ms": at_ms, "updated_at_ms": at_ms, "due_ms": at_ms + 90 * 86_400_000,
                "assigned_until_ms": None, "aside_until_ms": None, "settles_at_ms": None, "outcome": None,
                "completed_by": None, "form": payload({"type": "object"}), "acts": [], "comments": None,
                "pointer": "/do/1/review",
            }  # fmt: skip
        if stops:
            yield INCIDENT, incident | of | {
                "incident_id": f"{of['instance_id']}/1", "status": "open", "actor": None, "closed_at_ms": None,
                "opened_at_ms": at_ms + 2, "digest": digest, "pointer": "/do/0/note", "error": PROBLEM,
            }  # fmt: skip


def _letters() -> Iterator[Message]:
    """Many that nobody has decided about: dead ones of failed steps, and parked ones whose reason names a place."""
    example = sample(current()[LETTER]) | {"seq": 0, "status": "open", "left_out": None, "refused": None}
    dead = {"kind": "dead", "processor": "call", "topic": "dead-letter.command.call.v1", "incident": 1}
    parked = {"kind": "parked", "processor": "intake", "workflow": None, "instance_id": None}
    for number in range(LETTERS):
        letter = {"letter_id": f"0-{_id(number)}", "at_ms": NOW_MS - number * APART_MS // 4}
        if number % 2:
            reason = ("UNREACHED", "REMOTE_FAULT")[number % 3 == 0]
            of = {"reason": reason, "workflow": WORKFLOWS[number % 5], "instance_id": _id(number)}
            yield LETTER, example | letter | dead | of
        else:
            of = {"reason": f"no JSON at character {number % 40}", "topic": f"orders.v{number % 3}"}
            yield LETTER, example | letter | parked | of


def _webhooks() -> Iterator[Message]:
    """Many that went out, some of which have failed, and some of those were sent once more by somebody; and a few of a
    workflow that begins seldom and has not begun of late."""
    often, seldom = SENDERS
    good, bad, rare = _told(often), _told(often, well=False), _told(seldom)
    again = sample(current()[REDELIVERY]) | {"redelivery_id": "x#1", "status": "delivered", "seq": 1, "error": None}
    for number in range(WEBHOOKS):
        instance, at_ms = _id(INSTANCES + number), NOW_MS - number * APART_MS * (INSTANCES // WEBHOOKS)
        yield from _once_more(instance, bad if number % 10 == 1 else good, at_ms)
        if number % 20 == 1:
            key = message_id(step_id(instance, TELL, 0, 0))
            yield REDELIVERY, again | {"instance_id": instance, "at_ms": at_ms + 5_000, "message_id": key}
    for number in range(20):
        yield from _once_more(_id(2 * INSTANCES + number), rare, NOW_MS - (INSTANCES + number) * APART_MS)


def _told(workflow: str, *, well: bool = True) -> list[dict[str, Any]]:
    """The history of an instance that has sent a webhook."""
    story, away = Story(SENDS.format(workflow)), problem(Reason.UNREACHED, "nobody answers", TELL)
    return story.start({}) + (story.result(TELL, {"id": "m", "status": 200}) if well else story.fault(TELL, **away))


def _once_more(instance: str, entries: Sequence[dict[str, Any]], at_ms: int) -> Iterator[Message]:
    """The history of another instance to which the same has happened."""
    for entry in entries:
        name, cause = CODEC.decode(entry["cause"])
        of = {"instance_id": instance, "at_ms": at_ms + entry["at_ms"] - entries[0]["at_ms"]}
        yield HISTORY_ENTRY, entry | of | {"cause": CODEC.encode(name, {**cause, "instance_id": instance})}


def _history(of: dict[str, Any], status: str, at_ms: int) -> Iterator[Message]:
    entry = sample(current()[HISTORY_ENTRY]) | of
    start = CODEC.encode(START_INSTANCE, sample(current()[START_INSTANCE]) | {"instance_id": of["instance_id"]})
    result = sample(current()[STEP_RESULT]) | {"instance_id": of["instance_id"], "pointer": "/do/0/note", "error": None}
    begun = [change("workflow.started"), change("task.started", "/do/0/note")]
    yield HISTORY_ENTRY, entry | {"seq": 0, "status": "running", "at_ms": at_ms, "cause": start, "transitions": begun}
    after = {
        "completed": [change("task.completed", "/do/0/note"), change("workflow.completed", data=payload({}))],
        "faulted": [change("task.faulted", "/do/0/note", data=payload(PROBLEM)),
                    change("workflow.faulted", data=payload(PROBLEM))],
        "cancelled": [change("workflow.cancelled", data=payload({"actor": "kim", "reason": "withdrawn"}))],
    }.get(status, [])  # fmt: skip
    yield HISTORY_ENTRY, entry | {
        "seq": 1, "status": status, "at_ms": at_ms + 2_000, "cause": CODEC.encode(STEP_RESULT, result),
        "transitions": after,
    }  # fmt: skip


async def _page_ms(gateway: Gateway, path: str) -> float:
    took = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        async with gateway.client.get(path, headers={"Accept": "text/html"}) as response:
            await response.read()
            assert response.status == 200, f"{path}: {response.status}"
        took.append((time.perf_counter() - started) * 1_000)
    return round(sorted(took[1:])[ROUNDS * 95 // 100 - 1], 1)


async def _open_consoles(gateway: Gateway, digest: str) -> float:
    """The share of a core that the server takes: without its readers, which are another process, and without the writer
    of the changes."""
    url = str(gateway.client.make_url(""))
    readers = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.console", url, stdout=PIPE)
    try:
        assert readers.stdout is not None and await readers.stdout.readline() == SEEN
        started, used, writing = time.perf_counter(), time.process_time(), 0.0
        for number in range(CHANGES):
            of = {"instance_id": _id(-number - 1), "business_key": "N", "workflow": "order", "version": "1.0.0"}
            for change_of in _history(of | {"digest": digest}, "waiting", NOW_MS + number):
                writing += await asyncio.to_thread(_write, gateway, change_of)
            await asyncio.sleep(1)
        share = (time.process_time() - used - writing) / (time.perf_counter() - started)
    finally:
        readers.kill()
        await readers.wait()
    return round(share * 100, 1)


def _write(gateway: Gateway, message: Message) -> float:
    started = time.thread_time()
    gateway.see(*message)
    return time.thread_time() - started


async def _look(url: str) -> None:
    """Keeps that many pages open, and says when each has been seen."""
    seen = [asyncio.Event() for _ in range(CONSOLES)]
    connector = TCPConnector(limit=0)
    async with ClientSession(timeout=ClientTimeout(), connector=connector) as session, asyncio.TaskGroup() as readers:
        for number, each in enumerate(seen):
            readers.create_task(_read(session, url.rstrip("/") + LIVE[number % len(LIVE)], each))
        for each in seen:
            await each.wait()
        sys.stdout.buffer.write(SEEN)
        sys.stdout.flush()


async def _read(session: ClientSession, url: str, seen: asyncio.Event) -> None:
    async with session.get(url, headers={"Accept": "text/event-stream"}) as response:
        async for some in response.content.iter_any():
            if b"event: parts" in some:
                seen.set()


if __name__ == "__main__":
    asyncio.run(_look(sys.argv[1]))
