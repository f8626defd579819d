"""The console on a read model of 100,000 instances, 5,000 tasks and 20,000 letters: how long each page takes at the
server, and what 50 open consoles cost at one change a second.

On SQLite, and on PostgreSQL where EXLIFY_TEST_POSTGRESQL_URL names one. What the consoles cost is of the whole process,
their own readers and the writer of the changes included, so it is more than the server's.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import text

from schemas.catalogue import current
from schemas.messages import DECISION, HISTORY_ENTRY, HUMAN_TASK, INCIDENT, LETTER, START_INSTANCE, STEP_RESULT
from schemas.samples import sample
from streams.console import install
from streams.ground.settings import Settings
from streams.readmodel.projection import Received, fields_of
from streams.readmodel.settings import ViewSettings
from tests.support.consoles import NOW_MS, change, payload
from tests.support.gateways import CODEC, ROWS, AsyncGateway, Gateway

INSTANCES = 100_000
TASKS = 5_000
INCIDENTS = 500
LETTERS = 20_000
BATCH = 1_000
ROUNDS = 15
CONSOLES = 50
CHANGES = 20
APART_MS = 60_000  # from one start to the next: 100,000 of them are ten weeks
WORKFLOWS = ("order", "claim", "onboarding", "invoice", "returns")
LIVE = ("/", "/instances", "/inbox", "/workflows", "/incidents")
ENDS = ("completed",) * 17 + ("faulted",) * 2 + ("cancelled",)
PROBLEM = {
    "type": "urn:x", "title": "The system failed", "status": 500, "detail": None, "instance": "/do/0/note",
    "reason": "REMOTE_FAULT", "effect": "none",
}  # fmt: skip
Message = tuple[str, dict[str, Any]]


def measure() -> dict[str, float]:
    """Every figure of this part: milliseconds by page, 95 of 100 requests are faster."""
    figures: dict[str, float] = {}
    for name, url in (("sqlite", ""), ("postgresql", os.environ.get("EXLIFY_TEST_POSTGRESQL_URL", ""))):
        if name == "sqlite" or url:
            with TemporaryDirectory() as folder:
                figures |= asyncio.run(_measured(name, Settings(data_dir=Path(folder), partitions=3), url))
    return figures


async def _measured(name: str, settings: Settings, url: str) -> dict[str, float]:
    if url:
        settings = settings.with_(replace(settings.of(ViewSettings), url=url))
    async with AsyncGateway(settings, install) as gateway:
        (deployed,) = gateway.services.definitions.deployed()
        _fill(gateway, deployed.digest)
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
    return round(sorted(took[1:])[ROUNDS * 95 // 100], 1)


async def _open_consoles(gateway: Gateway, digest: str) -> float:
    readers = [asyncio.create_task(_read(gateway, LIVE[number % len(LIVE)])) for number in range(CONSOLES)]
    await asyncio.sleep(5)  # each has had its first page
    started, used = time.perf_counter(), time.process_time()
    for number in range(CHANGES):
        of = {"instance_id": _id(-number - 1), "business_key": "N", "workflow": "order", "version": "1.0.0"}
        for message, fields in _history(of | {"digest": digest}, "waiting", NOW_MS + number):
            await asyncio.to_thread(gateway.see, message, fields)
        await asyncio.sleep(1)
    share = (time.process_time() - used) / (time.perf_counter() - started)
    for each in readers:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    return round(share * 100, 1)


async def _read(gateway: Gateway, path: str) -> None:
    headers = {"Accept": "text/event-stream"}
    async with gateway.client.get(path, headers=headers) as response:
        async for _ in response.content.iter_any():
            pass
