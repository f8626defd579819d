"""A site at which much goes wrong, and a real Prometheus that watches it."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra import prometheus
from infra.local import ports
from infra.local.process import Process
from infra.prometheus import server
from models.serving.registry import Registry
from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import START_INSTANCE, WORKFLOW_DEFINITION
from schemas.payload import Payload
from streams.definitions import DEFINITIONS
from streams.definitions.deploy import described
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publisher
from streams.ground.topic import DAY_MS
from streams.ground.unread import ASK_S
from streams.processors import own
from streams.processors.intake.processor import start_of
from streams.processors.orchestrate import INBOX
from streams.processors.plain import JSON_EVENTS
from streams.runtime.processor import Record
from tests.acceptance.site import ASK, WORKERS, Site, running
from tests.support import brokers
from tests.support.definitions import load
from tests.support.model_folders import models_folder

WINDOW = "1m"
# Nobody is there to be told, of a failed step that has waited for a second.
CHANNELS = """
channels: {team: {webhook: 'http://127.0.0.1:9/'}}
ladders: {usual: [{tell: [team]}]}
rules: [{cause: incident, older: 1s}]
"""
TICKING = """
document: {dsl: 1.0.3, namespace: chaos, name: ticking, version: 1.0.0}
schedule: {every: {seconds: 1}}
do:
  - tell: {emit: {event: {with: {type: chaos.ticked.v1, data: {at: '${ .scheduledAt }'}}}}}
  - hear:
      listen:
        to:
          one:
            with: {type: chaos.ticked.v1}
            correlate: {at: {from: .at, expect: '${ $workflow.input.scheduledAt }'}}
"""
HELD = """
document: {dsl: 1.0.3, namespace: chaos, name: held, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.ticked.v1}}}}
do: [note: {set: {}}]
"""
# What can go wrong with one event: a call in doubt, a model that cannot be used, a step that hangs.
UNLUCKY = """
document: {dsl: 1.0.3, namespace: chaos, name: unlucky, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.unlucky.v1}}}}
do:
  - all:
      fork:
        branches:
          - send:
              call: http
              with: {method: post, endpoint: 'connection://mail/mail/messages', body: {to: a, template: b}}
          - judge: {call: decide, with: {model: credit-approval, input: {}}}
          - count: {call: chaos.counted, with: {number: 1}}
          - hang: {call: chaos.hung}
          - look:
              call: track
              with: {of: chaos, id: '${ $workflow.id }', at: '2026-01-01T00:00:00Z', keys: {all: all}}
"""
STEPS = """
import time

from streams.steps import Context, step


@step("chaos.counted", effect="read")
def counted(number: int, context: Context) -> int:
    context.count("seen", number)
    return number


@step("chaos.hung", effect="read", timeout=1)
def hung() -> None:
    time.sleep(600)


@step("chaos.slow", effect="read")
def slow() -> None:
    time.sleep(1)
"""
# One that cannot be found, while that of the product goes on deciding what it is asked; of one, people look at all.
MODELS = '[active]\ncredit-approval = {version = "9", sha256 = "00"}\naudited = {version = "1", audit = 100}\n'
REFERENCE = dict(Registry().get("credit-risk").card.reference.values)
AUDITED = f"""
document: {{dsl: 1.0.3, namespace: chaos, name: audited, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: chaos.ticked.v1}}}}}}}}
do:
  - judge:
      call: decide
      with: {{model: audited, input: {json.dumps(REFERENCE)}}}
"""
FILES = """
rows:
  folder: {folder}
  format: {{type: csv, header: true}}
  type: chaos.row.v1
  every: 1s
  settle: 0ms
"""
CONNECTIONS = """
mail: {{url: 'http://127.0.0.1:9', rate: 1/s, cost: 0.1}}  # the address is that of the environment
shop: {{url: 'sqlite:///{shop}'}}
partner: {{url: 'amqp://127.0.0.1:9'}}
"""
GIVEN = """
document: {dsl: 1.0.3, namespace: chaos, name: given, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.ticked.v1}}}}
do: [ask: {call: human, with: {team: desk, title: Look, outcomes: [seen], assign: {kind: look}}}]
"""
PEOPLE = "kim: {teams: [desk], capacity: 1000}\n"
PARKED_A_MINUTE, GARBAGE = 4, 12
LEDGER = "chaos-ledger"  # a topic of others


@contextmanager
def unlucky_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site at which much can go wrong."""
    folder = tmp_path / "site"
    for each in (folder / "models", tmp_path / "incoming"):
        each.mkdir(parents=True)
    models_folder(folder / "models", "audited")
    (tmp_path / "incoming" / "rows.csv").write_text("number\n1\n2\n")
    for file, text in {
        "channels.yaml": CHANNELS, "steps/chaos.py": STEPS, "models/active.toml": MODELS, "people.yaml": PEOPLE,
        "connections.yaml": CONNECTIONS.format(shop=_shop(tmp_path)), "rows.yaml": ROWS,
        "files.yaml": FILES.format(folder=tmp_path / "incoming"),
    }.items():  # fmt: skip
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text(text)
    monkeypatch.setitem(WORKERS, own.WORKER, (*WORKERS[own.WORKER], "--steps", str(folder / "steps")))
    environ = {
        "EXLIFY_SITE_DIR": str(folder), "EXLIFY_MAX_PARKED_PER_MINUTE": str(PARKED_A_MINUTE),
        "EXLIFY_LIFECYCLE_EVENTS": "instances",
    }  # fmt: skip
    kafka = brokers.chosen(tmp_path).kafka()
    with kafka as bootstrap, running(bootstrap, tmp_path, **environ) as started:
        yield started


async def happening_by_itself(site: Site) -> None:
    """Starts by time, an event in between for each, starts that are held, and messages of others."""
    folder = site.settings.data_dir / "site"
    with (folder / "connections.yaml").open("a") as file:
        file.write(f"ledger: {{url: 'kafka://{site.settings.bootstrap}'}}\n")
    admin = AdminClient(client_config(site.settings))
    await asyncio.to_thread(admin.create_topics([NewTopic(LEDGER, 1)])[LEDGER].result)
    (folder / "messages.yaml").write_text(
        f"{MESSAGES}ledger: {{connection: ledger, from: {LEDGER}, type: chaos.message.v1}}\n"
    )
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        for text in (HELD, TICKING, UNLUCKY, AUDITED, GIVEN):
            await http.post("/v1/definitions", data=text, headers={"Content-Type": "application/yaml"})
        await http.post("/v1/definitions/held/pause", json={"why": "watched"})


async def unlucky(site: Site, number: int) -> None:
    """An event with which all goes wrong, one that nobody waits for, and one that is none; a row and a message of
    others beside them."""
    await site.lost("mail", 3)
    ordered(site, number)
    told = Producer(client_config(site.settings))
    told.produce(LEDGER, json.dumps({"number": number}).encode())
    await asyncio.to_thread(told.flush)
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        for kind in ("unlucky", "unheard-of"):
            event = {
                "specversion": "1.0",
                "id": f"{number}",
                "source": "/chaos",
                "type": f"chaos.{kind}.v1",
                "data": {},
            }
            await http.post("/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})
    async with Publisher(site.settings) as publisher:
        await publisher.publish(Outgoing(JSON_EVENTS, b"same partition", b"no JSON", ()) for _ in range(GARBAGE))


def _shop(folder: Path) -> Path:
    """The database of a shop without orders."""
    file = folder / "shop.sqlite"
    with sqlite3.connect(file) as shop:
        shop.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
    return file


def ordered(site: Site, number: int) -> None:
    """A row of the shop, which becomes an event."""
    with sqlite3.connect(site.settings.data_dir / "shop.sqlite") as shop:
        shop.execute("INSERT INTO orders VALUES (?)", (number,))


async def agreed(site: Site) -> None:
    """People agree with some of what a model has decided."""
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        reply = await http.get("/v1/tasks", params={"team": "audit", "status": "open", "limit": "5"})
        for task in (await reply.json())["tasks"]:
            answer = {"outcome": "approve", "actor": "kim"}
            await http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=answer)


async def forgotten(site: Site) -> None:
    """A worker is killed and loses what it has stored, so that it reads its changelogs again."""
    site.workers.kill("engine")
    await asyncio.to_thread(shutil.rmtree, site.settings.data_dir / "state" / "engine")
    site.start("engine")


def look_at(site: Site, *names: str) -> None:
    """Prometheus looks at these processes."""
    prometheus.write_targets(site.settings.data_dir, {name: f"{site._url(name)}/metrics" for name in names})


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Somebody else writes into the database of the read model, and takes his time."""
    with closing(sqlite3.connect(site.settings.data_dir / "view.sqlite", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@asynccontextmanager
async def watched(site: Site, rules: Path = server.HERE) -> AsyncIterator[ClientSession]:
    """A Prometheus that looks every second."""
    look_at(site, *site.names)
    (port,) = ports.new(1)
    process = await asyncio.to_thread(Process, server.launch(site.settings.data_dir, port, 1, rules))
    try:
        await site.until(lambda: asyncio.to_thread(server.is_ready, server.url_of(port)), "Prometheus ready")
        async with ClientSession(server.url_of(port), timeout=ASK) as http:
            yield http
    finally:
        process.kill()


async def asked(http: ClientSession, query: str) -> Sequence[Mapping[str, Any]]:
    """What a query gives; a query that is none fails."""
    reply = await http.get("/api/v1/query", params={"query": query.replace("$__rate_interval", WINDOW)})
    answer = await reply.json()
    assert answer["status"] == "success", f"{query}: {answer}"
    found: Sequence[Mapping[str, Any]] = answer["data"]["result"]
    return found


ASKING = """
document: {dsl: 1.0.3, namespace: chaos, name: asking, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.asking.v1}}}}
do: [ask: {call: human, with: {team: desk, title: Look, outcomes: [seen]}}]
"""
LATE = ASKING.replace("asking", "late").replace("team: desk", "team: late")
SLOW = """
document: {dsl: 1.0.3, namespace: chaos, name: slow, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.slow.v1}}}}
do: [stand: {call: chaos.slow}]
"""
PILING = """
document: {dsl: 1.0.3, namespace: chaos, name: piling, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.piling.v1}}}}
do: [send: {call: http, with: {method: post, endpoint: 'connection://identity/nowhere'}}]
"""
DRIFTING = f"""
document: {{dsl: 1.0.3, namespace: chaos, name: drifting, version: 1.0.0}}
schedule: {{on: {{one: {{with: {{type: chaos.drifting.v1}}}}}}}}
do:
  - judge:
      call: decide
      with:
        model: credit-risk
        input: {json.dumps({**REFERENCE, "amount_dm": "${ .amount }"})}
"""
OFFICE = "office: {{hours: ['09:00-{until}']}}\n"
MISSING = "gone:\n  folder: /nowhere/at/all\n  format: {type: csv, header: true}\n  type: chaos.row.v1\n  every: 1s\n"
ROWS = """
shop: {connection: shop, statement: SELECT id FROM orders WHERE id > :id ORDER BY id LIMIT :limit, cursor: id, start: 0,
  type: chaos.row.v1, every: 1s}
"""
MESSAGES = "partner: {connection: partner, from: orders, type: chaos.message.v1}\n"


async def events(site: Site, kind: str, count: int, first: int = 0) -> None:
    """So many events of a type at once."""
    attributes = {"specversion": "1.0", "source": "/chaos", "type": f"chaos.{kind}.v1"}
    await site.publish(CloudEvent({**attributes, "id": f"{first + each}"}, {}) for each in range(count))


async def drifting(site: Site, count: int, amount: int) -> None:
    """So many cases of this amount on one partition, where they are compared with those before."""
    attributes = {"specversion": "1.0", "source": "/chaos", "type": "chaos.drifting.v1"}
    names, partitions = (f"{amount}-{number}" for number in itertools.count()), site.settings.partitions
    here = (each for each in names if ids.partition_of(ids.instance_id("drifting", "/chaos", each), partitions) == 0)
    await site.publish(
        CloudEvent({**attributes, "id": each}, {"amount": amount}) for each in itertools.islice(here, count)
    )


async def answered(site: Site, team: str, outcome: str) -> int:
    """People answer what is open in a team, and differ from the model where they can; gives how much that was."""
    async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as http:
        reply = await http.get("/v1/tasks", params={"team": team, "status": "open", "limit": "50"})
        tasks = (await reply.json())["tasks"]
        for task in tasks:
            answer = {"outcome": outcome, "actor": "kim"}
            await http.post(f"/v1/tasks/{quote(task['task_id'])}/complete", json=answer)
    return len(tasks)


async def unusable(site: Site) -> None:
    """A definition of an earlier day that this version does not take any more."""
    told = described(load(HELD), HELD.replace("set:", "sit:"), "chaos", 1) | {"digest": "0" * 64, "name": "unusable"}
    async with Publisher(site.settings) as publisher:
        value = site.codec.encode(WORKFLOW_DEFINITION, told)
        await publisher.publish([Outgoing(DEFINITIONS, b"0" * 64, value)])


def of_long_ago(site: Site, count: int) -> None:
    """Instances that have begun before yesterday, as their records say, and that ask people now."""
    graph = load(LATE)
    began_ms = int(time.time() * 1_000) - 2 * DAY_MS
    producer = Producer(client_config(site.settings) | {"partitioner": "murmur2_random"})
    for number in range(count):
        attributes = {"type": "chaos.late.v1", "source": "/chaos", "id": f"{number}"}
        record = Record(INBOX.name, 0, number, began_ms, None, b"")
        start = start_of(graph, attributes, Payload.inside(b"{}"), record)
        value = site.codec.encode(START_INSTANCE, start)
        producer.produce(INBOX.name, value, start["instance_id"].encode(), timestamp=began_ms)
    assert producer.flush(ASK_S) == 0
