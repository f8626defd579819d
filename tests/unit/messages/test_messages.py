"""Messages become events, each once, whoever is stopped; what cannot be one says why, and loses none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.hub.inlet import MOST_BYTES, Came, InletError
from schemas.business import EventTypes
from schemas.cloudevents import to_headers
from schemas.reasons import Reason
from streams.ground.errors import ConfigurationError, ExlifyError, UnavailableError
from streams.ground.settings import Settings
from streams.ground.site import Site
from streams.messages.declared import Source, read_messages
from streams.messages.places import inlet_of
from streams.messages.reading import Reading
from streams.processors.call.connections import Addresses
from streams.processors.call.mappings import Mappings
from tests.support.row_sources import Kafka

ORDERS = """
orders:
  connection: partner
  from: orders
  type: com.example.order.v1
  subject: /number
  batch: 3
"""
BROKEN = "  broken: com.example.order-broken.v1\n"
EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "com.example.paid.v1"}


class Queue:
    """An inlet in memory: what was taken and not settled comes again."""

    def __init__(self, *came: Came) -> None:
        self.waiting = list(came)
        self.taken = 0

    async def take(self, most: int) -> Sequence[Came]:
        found = self.waiting[:most]
        self.taken = len(found)
        return found

    async def settle(self) -> None:
        del self.waiting[: self.taken]

    async def close(self) -> None:
        self.taken = 0


def order(number: int, **more: Any) -> Came:
    content = json.dumps({"number": f"A-{number}", "pieces": number}).encode()
    given: dict[str, Any] = {"id": str(number), "content": content, "content_type": "application/json", **more}
    return Came(place=f"message {number}", **given)


def reading(folder: Path, queue: Queue, kafka: Kafka, text: str = ORDERS) -> Reading:
    (folder / "messages.yaml").write_text(text)
    site = Site(folder)
    (source,) = site.file("messages.yaml", read_messages).value.values()
    mapping = Mappings(folder, site).get(source.mapping) if source.mapping else None
    return Reading(
        source=source, mapping=mapping, inlet=queue, codec=kafka.codec, types=EventTypes.load(), publisher=kafka
    )


async def all_of(it: Reading) -> None:
    while await it.look():
        pass


async def test_each_message_is_an_event_and_is_done_with_then(tmp_path: Path) -> None:
    queue, kafka = Queue(*map(order, range(1, 8))), Kafka()
    await all_of(reading(tmp_path, queue, kafka))
    assert [each["number"] for each in kafka.data] == [f"A-{number}" for number in range(1, 8)]
    attributes, _ = kafka.events[0]
    assert (attributes["source"], attributes["subject"]) == ("/messages/orders", "A-1")
    assert (len(set(kafka.ids)), queue.waiting) == (7, [])


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_who_is_stopped_anywhere_loses_nothing_and_has_the_same_ids(tmp_path: Path, writes: int) -> None:
    queue, kafka = Queue(*map(order, range(1, 8))), Kafka()
    kafka.away_after = writes
    with pytest.raises(UnavailableError):
        await all_of(reading(tmp_path, queue, kafka))
    kafka.away_after = 10**9
    await reading(tmp_path, queue, kafka).look()
    queue.waiting.insert(0, order(1))  # its being done with was not heard
    await all_of(reading(tmp_path, queue, kafka))
    assert sorted({each["number"] for each in kafka.data}) == [f"A-{number}" for number in range(1, 8)]
    assert len(set(kafka.ids)) == 7


async def test_an_id_is_what_is_declared_or_what_the_sender_says_or_all_of_it(tmp_path: Path) -> None:
    kafka = Kafka()
    for more, text in (("", "a"), ("", "b"), ("", "a"), ("  id: /number\n", "c"), ("  id: /number\n", "d")):
        came = order(1, id=text if text in "cd" else "", headers={"x": text}) if text != "b" else order(2, id="")
        await reading(tmp_path, Queue(came), kafka, ORDERS + more).look()
    first, other, again, declared, same = kafka.ids
    assert first == again != other
    assert declared == same != first


async def test_events_keep_what_they_say_of_themselves(tmp_path: Path) -> None:
    kafka = Kafka()
    text = "orders: {connection: partner, from: orders}\n"
    structured = json.dumps({**EVENT, "data": {"order": "A-1"}}).encode()
    binary = {name: value.decode() for name, value in to_headers({**EVENT, "id": "8"}, "application/json")}
    came = (
        order(1, content=structured, content_type="application/cloudevents+json; charset=utf-8"),
        order(2, content=b'{"order": "A-2"}', headers=binary),
    )
    await all_of(reading(tmp_path, Queue(*came), kafka, text))
    assert [attributes["id"] for attributes, _ in kafka.events] == ["7", "8"]
    assert {attributes["type"] for attributes, _ in kafka.events} == {EVENT["type"]}
    assert kafka.data == [{"order": "A-1"}, {"order": "A-2"}]
    with pytest.raises(ExlifyError, match="message 3 cannot be an event: it is no CloudEvent"):
        await reading(tmp_path, Queue(order(3)), kafka, text).look()
    await reading(tmp_path, Queue(*came), kafka).look()
    attributes, data = kafka.events[-1]
    assert (attributes["type"], attributes["source"], data) == (
        "com.example.order.v1", "/messages/orders", {"order": "A-2"},
    )  # fmt: skip


UNFIT = [
    (b'{"number": 12345678901234567890123}', "application/json", "a whole number"),
    (b"\xff\xfe", "application/json", "cannot be read"),
    (b"<a><!DOCTYPE b></a>", "application/xml", ""),
    (b'{"specversion": "1.0"}', "application/cloudevents+json", "id: is required"),
    (None, "application/json", "larger than"),
    (b"\0" * 890_000, "application/octet-stream", "more than"),
]


@pytest.mark.parametrize(("content", "kind", "says"), UNFIT)
async def test_what_cannot_be_an_event_is_told_to_people_or_stops_the_source(
    tmp_path: Path, content: bytes | None, kind: str, says: str
) -> None:
    queue, kafka = Queue(order(1), order(2, content=content, content_type=kind), order(3)), Kafka()
    with pytest.raises(ExlifyError, match=f"message 2 cannot be an event: .*{says}.*name a type under `broken`"):
        await reading(tmp_path, queue, kafka).look()
    assert (kafka.events, len(queue.waiting)) == ([], 3)
    for _ in range(2):  # a second one has the same id
        await reading(tmp_path, Queue(*queue.waiting), kafka, ORDERS + BROKEN).look()
    kinds = ["broken" in attributes["type"] for attributes, _ in kafka.events]
    assert kinds == [False, True, False] * 2
    told = [data for attributes, data in kafka.events if attributes["type"].endswith("broken.v1")]
    assert told[0]["place"] == "message 2" and says in told[0]["fault"]
    assert len(set(kafka.ids)) == 3


async def test_what_its_inlet_could_not_read_is_told_to_people(tmp_path: Path) -> None:
    queue, kafka = Queue(order(1, fault="what goes with it cannot be read"), order(2)), Kafka()
    await all_of(reading(tmp_path, queue, kafka, ORDERS + BROKEN))
    assert [data.get("fault") for _, data in kafka.events] == ["what goes with it cannot be read", None]
    assert json.loads(kafka.events[0][1]["text"])["number"] == "A-1"


async def test_a_mapping_makes_another_value_and_an_id_that_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "order.yaml").write_text("fields: {nr: .number, sum: {from: .pieces, type: integer}}")
    kafka = Kafka()
    text = ORDERS + BROKEN + "  mapping: order\n  id: /number\n"
    came = order(1), order(2, content=b'{"number": "A-2", "pieces": "x"}'), order(3, content=b'{"pieces": 3}')
    await reading(tmp_path, Queue(*came), kafka, text).look()
    assert kafka.data[0] == {"nr": "A-1", "sum": 1}
    assert "nothing at /number" in kafka.data[2]["fault"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  from: orders\n", "", "no from"),
        ("  connection: partner\n", "", "no connection"),
        ("orders:\n", "Orders 1:\n", "no name of a source"),
        ("subject: /number", "subject: number", "JSON Pointer"),
        ("  type: com.example.order.v1\n", "", "subject of an event"),
        ("batch: 3", "batch: 5000", "from 1 to 100"),
        ("batch: 3", "start: now", "earliest or latest"),
        ("from: orders", "from: b\u00fccher", "ASCII"),
        ("batch: 3", "surprise: 3", "surprise"),
    ],
)
def test_a_faulty_declaration_is_refused_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "messages.yaml").write_text(ORDERS.replace(old, new, 1))
    with pytest.raises(ConfigurationError, match=f"messages.yaml:.*{says}"):
        Site(tmp_path).file("messages.yaml", read_messages)


@pytest.mark.parametrize(
    ("url", "more", "says"),
    [
        ("https://example.com", {}, "has no messages"),
        ("amqps://example.com", {"group": "g"}, "`group` is of connections with kafkas://"),
        ("kafka://example.com", {"done": "Archive"}, "`done` is of connections with imaps://"),
        (None, {}, "no address"),
    ],
)
def test_what_does_not_go_with_its_connection_is_refused(
    tmp_path: Path, url: str | None, more: dict[str, str], says: str
) -> None:
    (tmp_path / "connections.yaml").write_text(f"partner: {url}\n" if url else "{}\n")
    (tmp_path / "messages.yaml").write_text(ORDERS + "".join(f"  {name}: {value}\n" for name, value in more.items()))
    site = Site(tmp_path)
    source = site.file("messages.yaml", read_messages).value["orders"]
    assert isinstance(source, Source)
    with pytest.raises(ConfigurationError, match=says):
        inlet_of(source, Addresses(Settings(site_dir=tmp_path), site))


def test_what_an_inlet_says_has_its_reason() -> None:
    assert str(InletError(Reason.NOT_FOUND, "the queue is not there")) == "NOT_FOUND: the queue is not there"
    assert MOST_BYTES < 1024 * 1024
