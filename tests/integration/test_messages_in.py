"""Messages of a real RabbitMQ, a real Kafka and a real Dovecot become events, each once, also where all goes away."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiormq
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pamqp.commands import Basic

from connectors.hub.inlet import MOST_BYTES, InletError
from schemas.business import EventTypes
from schemas.cloudevents import parse_time_ms
from streams.ground.errors import UnavailableError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.messages.declared import read_messages
from streams.messages.places import inlet_of
from streams.messages.reading import Reading
from streams.messages.watching import Watching
from streams.processors.call.connections import Addresses
from tests.support.dovecot import Dovecot
from tests.support.rabbitmq import RabbitMq
from tests.support.row_sources import Kafka
from tests.support.waiting import PATIENCE_S, until

SOURCE = """
it:
  connection: partner
  from: %s
  type: com.example.came.v1
  broken: com.example.came-broken.v1
  batch: 5
%s"""
MAIL = (
    "From: Ada =?utf-8?q?S=C3=B6hne?= <ada@example.org>\r\nTo: desk@example.com\r\nSubject: Order {n}\r\n"
    "Message-ID: <{n}@example.org>\r\nDate: Fri, 27 Nov 2026 03:00:00 +0100\r\n\r\nNumber {n}, please.\r\n"
)


class Taking:
    """A site with one source, what its events are kept in, and who takes."""

    def __init__(self, folder: Path, url: str, place: str, more: str = "") -> None:
        (folder / "url").write_text(url)
        (folder / "url").chmod(0o600)
        (folder / "connections.yaml").write_text("partner: ${file:url}\n")
        (folder / "messages.yaml").write_text(SOURCE % (place, more))
        self.settings, self.site, self.kafka = Settings(site_dir=folder), Site(folder), Kafka()
        self.addresses = Addresses(self.settings, self.site)
        self.source = self.site.file("messages.yaml", read_messages).value["it"]

    def numbers(self) -> list[int]:
        """What has come, by number."""
        return sorted(each["n"] for each in self.kafka.data if "n" in each)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        inlet = inlet_of(self.source, self.addresses)
        try:
            yield Reading(
                source=self.source,
                mapping=None,
                inlet=inlet,
                codec=self.kafka.codec,
                types=EventTypes.load(),
                publisher=self.kafka,
            )
        finally:
            await inlet.close()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        watching = Watching(
            site=self.site,
            settings=self.settings,
            addresses=self.addresses,
            codec=self.kafka.codec,
            publisher=self.kafka,
        )
        task = asyncio.create_task(watching.watch(self.source))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def taken(it: Taking, wanted: Callable[[], bool]) -> None:
    """Looks until something holds."""
    async with it.reading() as reading, asyncio.timeout(PATIENCE_S):
        while not wanted():
            await reading.look()


async def stopped_before_it_was_done_with(it: Taking) -> None:
    """Somebody takes, and ends before they are heard: what they had comes again."""
    it.kafka.away_after = 0
    async with it.reading() as reading, asyncio.timeout(PATIENCE_S):
        with pytest.raises(UnavailableError):
            while True:
                await reading.look()
    it.kafka.away_after = 10**9


# --- queues


@asynccontextmanager
async def channel(server: RabbitMq) -> AsyncIterator[Any]:
    async with aiormq.connect(server.url) as connection:
        yield await connection.channel()


async def put(server: RabbitMq, queue: str, *bodies: bytes, **properties: Any) -> None:
    async with channel(server) as opened:
        await opened.queue_declare(queue, durable=True)
        for each in bodies:
            said = Basic.Properties(content_type="application/json", delivery_mode=2, **properties)
            await opened.basic_publish(each, routing_key=queue, properties=said)


async def waiting(server: RabbitMq, queue: str) -> int:
    async with channel(server) as opened:
        return (await opened.queue_declare(queue, passive=True)).message_count or 0


def numbered(*numbers: int) -> list[bytes]:
    return [json.dumps({"n": number}).encode() for number in numbers]


async def test_messages_of_a_queue_become_events_once(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    await put(rabbitmq, queue, *numbered(*range(12)))
    it = Taking(tmp_path, rabbitmq.url, queue)
    await stopped_before_it_was_done_with(it)
    assert it.kafka.events == []
    await taken(it, lambda: len(it.kafka.events) >= 12)
    assert (it.numbers(), len(set(it.kafka.ids))) == (list(range(12)), 12)
    assert await waiting(rabbitmq, queue) == 0


@pytest.mark.parametrize("prefix", ["cloudEvents:", "cloudEvents_", "ce_", "ce-"])
async def test_events_in_the_headers_of_a_queue_are_what_they_say(
    rabbitmq: RabbitMq, tmp_path: Path, prefix: str
) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    time = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)  # as some clients write it
    said = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.came.v1", "time": time, "retry": 2}
    headers = {prefix + name: value for name, value in said.items()} | {"tenant": "north"}
    await put(rabbitmq, queue, *numbered(1), headers=headers)
    it = Taking(tmp_path, rabbitmq.url, queue)
    (tmp_path / "messages.yaml").write_text(f"it: {{connection: partner, from: {queue}}}\n")
    it.source = Site(tmp_path).file("messages.yaml", read_messages).value["it"]
    await taken(it, lambda: len(it.kafka.events) >= 1)
    ((attributes, data),) = it.kafka.events
    assert data == {"n": 1}
    assert {name: attributes[name] for name in ("id", "source", "type", "retry")} == {
        "id": "7", "source": "/shop", "type": "com.example.came.v1", "retry": "2",
    }  # fmt: skip
    assert parse_time_ms(attributes["time"]) == int(time.timestamp() * 1_000)


async def test_a_large_message_is_let_go_as_it_comes_and_told(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    await put(rabbitmq, queue, *numbered(1), b"x" * (MOST_BYTES * 20), *numbered(2))
    it = Taking(tmp_path, rabbitmq.url, queue)
    await taken(it, lambda: len(it.kafka.events) >= 3)
    assert it.numbers() == [1, 2]
    (told,) = [data for attributes, data in it.kafka.events if "broken" in attributes["type"]]
    assert "larger than" in told["fault"] and told["text"] is None


@pytest.mark.crash
async def test_a_queue_goes_on_when_its_server_does(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    await put(rabbitmq, queue, *numbered(1))
    it = Taking(tmp_path, rabbitmq.url, queue)
    async with it.watching():
        await until(lambda: it.numbers() == [1])
        await asyncio.to_thread(rabbitmq.stop)
        await asyncio.to_thread(rabbitmq.start)
        await put(rabbitmq, queue, *numbered(2))
        await until(lambda: set(it.numbers()) == {1, 2})
    assert len(set(it.kafka.ids)) == 2


async def test_what_stands_in_the_way_of_a_queue_is_said(rabbitmq: RabbitMq, tmp_path: Path) -> None:
    queue = f"q-{uuid.uuid4().hex}"
    for url, says in (
        (rabbitmq.url, "NOT_FOUND: the exchange or the queue is not there"),
        (rabbitmq.url.replace("pass", "fail"), "AUTH_EXPIRED"),
        (f"{rabbitmq.url}/nowhere", "MISCONFIGURED: the server has no such virtual host"),
        (rabbitmq.guest, "FORBIDDEN"),
    ):
        if url == rabbitmq.guest:
            await put(rabbitmq, queue)
        async with Taking(tmp_path, url, queue).reading() as reading:
            with pytest.raises(InletError, match=says):
                await reading.look()
    await put(rabbitmq, queue, *numbered(1))
    async with Taking(tmp_path, rabbitmq.url, queue).reading() as reading, channel(rabbitmq) as opened:
        assert await reading.look() == 1
        await opened.queue_delete(queue)
        with pytest.raises(InletError, match="NOT_FOUND"):
            await reading.look()


# --- topics of other clusters


def topic_of(kafka: str) -> str:
    name = f"foreign-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])[name].result(PATIENCE_S)
    return name


def written(kafka: str, topic: str, *values: bytes, **headers: str) -> None:
    producer = Producer({"bootstrap.servers": kafka})
    for number, each in enumerate(values):
        producer.produce(topic, each, str(number).encode(), headers=list(headers.items()))
    assert producer.flush(PATIENCE_S) == 0


@pytest.mark.broker
async def test_messages_of_a_topic_become_events_once(kafka: str, tmp_path: Path) -> None:
    topic = topic_of(kafka)
    written(kafka, topic, *numbered(*range(12)), b"{")
    it = Taking(tmp_path, f"kafka://{kafka}", topic, f"  group: {topic}\n")
    await stopped_before_it_was_done_with(it)
    await taken(it, lambda: len(it.kafka.events) >= 13)
    assert (it.numbers(), len(set(it.kafka.ids))) == (list(range(12)), 13)
    written(kafka, topic, *numbered(99), ce_specversion="1.0", ce_id="7", ce_source="/a", ce_type="b")
    await taken(it, lambda: 99 in it.numbers())
    assert len(it.kafka.events) == 14
    async with Taking(tmp_path, f"kafka://{kafka}", "missing-topic").reading() as reading:
        with pytest.raises(InletError, match="NOT_FOUND: the topic is not there"):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await reading.look()


# --- mailboxes


def mails(*numbers: int) -> list[bytes]:
    return [MAIL.format(n=number).encode() for number in numbers]


def subjects(it: Taking) -> list[str]:
    return sorted(each["subject"] for each in it.kafka.data if "subject" in each)


@pytest.mark.parametrize(("more", "left", "archived"), [("", 8, 0), ("  done: Archive\n", 1, 7)])
async def test_mails_become_events_once(dovecot: Dovecot, tmp_path: Path, more: str, left: int, archived: int) -> None:
    dovecot.empty()
    dovecot.put(*mails(0))
    client = dovecot.connected()
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Seen)")  # somebody has read it
    client.logout()
    dovecot.put(*mails(*range(1, 8)))
    it = Taking(tmp_path, dovecot.url, "INBOX", more)
    await stopped_before_it_was_done_with(it)
    assert dovecot.count("INBOX", "UNSEEN") == 7
    await taken(it, lambda: len(it.kafka.events) >= 7)
    assert subjects(it) == [f"Order {number}" for number in range(1, 8)]
    assert len(set(it.kafka.ids)) == 7
    assert (dovecot.count("INBOX"), dovecot.count("INBOX", "UNSEEN"), dovecot.count("Archive")) == (left, 0, archived)
    found = it.kafka.data[0]
    assert found["from"] == [{"name": "Ada Söhne", "address": "ada@example.org"}]
    assert (found["date"], found["messageId"]) == ("2026-11-27T02:00:00.000Z", "<1@example.org>")
    assert found["text"].strip() == "Number 1, please."


async def test_hostile_mails_are_told_and_hold_up_nobody(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.empty()
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (number, number) for number in range(2_000)
    )
    large = MAIL.format(n=9).encode() + b"x" * MOST_BYTES
    dovecot.put(deep, large, *mails(3))
    it = Taking(tmp_path, dovecot.url, "INBOX")
    await taken(it, lambda: len(it.kafka.events) >= 3)
    assert subjects(it)[-1] == "Order 3"
    assert dovecot.count("INBOX", "UNSEEN") == 0


@pytest.mark.crash
async def test_a_mailbox_goes_on_when_its_server_does(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.empty()
    it = Taking(tmp_path, dovecot.url, "INBOX")
    async with it.watching():
        dovecot.put(*mails(1))
        await until(lambda: subjects(it) == ["Order 1"])
        dovecot.stop()
        dovecot.start()
        dovecot.put(*mails(2))
        await until(lambda: subjects(it) == ["Order 1", "Order 2"])


async def test_what_stands_in_the_way_of_a_mailbox_is_said(dovecot: Dovecot, tmp_path: Path) -> None:
    dovecot.empty()
    dovecot.put(*mails(3))
    for url, place, more, says in (
        (dovecot.url.replace("pass", "fail"), "INBOX", "", "AUTH_EXPIRED"),
        (dovecot.url, "Nowhere", "", "NOT_FOUND: the folder is not there"),
        (dovecot.url, "INBOX", "  done: Nowhere\n", "MISCONFIGURED: mails cannot be moved"),
    ):
        async with Taking(tmp_path, url, place, more).reading() as reading:
            with pytest.raises(InletError, match=says):
                await reading.look()
