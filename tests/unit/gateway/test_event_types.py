"""`/v1/event-types`: types of events that a business declares itself, at run time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.business import EventTypes
from schemas.codec import Codec, UnknownSchemaId
from schemas.messages import OWN_EVENT_TYPE
from schemas.registry import RegistryRefusedError
from streams.definitions import DEFINITIONS
from streams.definitions.event_types import learn
from tests.support.gateways import Gateway

TYPE = "com.example.order.placed.v1"
FIELDS: list[dict[str, Any]] = [{"name": "id", "type": "string"}, {"name": "amount", "type": "double"}]
DECIMAL = {"type": "bytes", "logicalType": "decimal"}
DOUBLED = [
    {"name": f"f{n}", "type": {"type": "record", "name": f"R{n}", "fields": [
        {"name": f"g{m}", "type": f"shop.R{n - 1}" if n else "int"} for m in range(2)
    ]}}
    for n in range(30)
]  # fmt: skip
NOTE = {"name": "note", "type": ["null", "string"], "default": None}


def avsc(*fields: dict[str, Any], **more: Any) -> str:
    return json.dumps(
        {"type": "record", "name": "shop.OrderPlaced", "ce_type": TYPE, "fields": [*FIELDS, *fields], **more}
    )


async def add(gateway: Gateway, text: str) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    return await gateway.ask("POST", "/v1/event-types?actor=kim", data=text, headers=headers)


async def publish(gateway: Gateway, data: Any) -> tuple[int, Any]:
    event = {"specversion": "1.0", "id": "1", "source": "/tests", "type": TYPE, "data": data}
    return await gateway.ask("POST", "/v1/events", json=event, headers={"Content-Type": "application/cloudevents+json"})


async def test_declared_type_is_told_and_its_events_are_checked_and_travel_in_avro(gateway: Gateway) -> None:
    status, told = await add(gateway, avsc())
    assert (status, told["result"], told["record"]) == (201, "added", "shop.OrderPlaced")
    ((name, data),) = gateway.outbox.decoded()
    assert (name, gateway.outbox.records[0].topic, data["actor"]) == (OWN_EVENT_TYPE, DEFINITIONS, "kim")
    status, refused = await publish(gateway, {"id": "A"})
    assert status == 422
    assert "data.amount" in json.dumps(refused)
    assert (await publish(gateway, {"id": "A", "amount": 3}))[0] == 202
    value = gateway.outbox.records[1].value
    elsewhere, types = Codec.offline(), EventTypes.load()
    with pytest.raises(UnknownSchemaId):
        elsewhere.decode(value or b"")
    learn(types, elsewhere, data)
    attributes, read = types.event_of(gateway.outbox.records[1].headers, *elsewhere.decode(value or b""))
    assert (attributes["type"], read) == (TYPE, {"id": "A", "amount": 3.0})
    assert types.event_of([], *elsewhere.decode(value or b""))[0]["type"] == TYPE, "also of a producer without headers"


async def test_new_schema_has_to_read_what_was_written_before(gateway: Gateway) -> None:
    _, first = await add(gateway, avsc())
    assert (await add(gateway, avsc()))[1]["result"] == "unchanged"
    for wrong in (avsc({"name": "more", "type": "string"}), avsc(fields=[{"name": "id", "type": "int"}])):
        status, told = await add(gateway, wrong)
        assert (status, "event-incompatible" in told["type"]) == (409, True), told
    status, told = await add(gateway, avsc(NOTE))
    assert (status, told["result"]) == (201, "changed")
    assert told["schema_id"] != first["schema_id"]
    assert len({record.key for record in gateway.outbox.records}) == 2, "compaction leaves each schema"
    assert (await publish(gateway, {"id": "A", "amount": 3, "note": "soon"}))[0] == 202


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("{", "not JSON"),
        ('"string"', "not an Avro record"),
        ('{"type": "record", "name": "a.B", "fields": [{"name": "x", "type": "odd"}], "ce_type": "b"}', "not an Avro"),
        (avsc(ce_type=None), "`ce_type` names"),
        (avsc(ce_type="a\0b"), "`ce_type` names"),
        (avsc(name="exlify.Decision"), "are the product's"),
        (avsc(topic="mine"), "`topic`"),
        (avsc({"name": "next", "type": ["null", "shop.OrderPlaced"]}), "a type that holds itself"),
        (avsc({"name": "more", "type": {"type": "array", "items": "null"}}), "repeats what takes no bytes"),
        (avsc(*DOUBLED), "once each is written out"),
        (avsc({"name": "sum", "type": {**DECIMAL, "precision": 10**9}}), "more than 1,000 digits"),
        (avsc({"name": "sum", "type": DECIMAL}), "without a precision"),
        (avsc({"name": "deep", "type": json.loads('{"type": "array", "items": ' * 300 + '"int"' + "}" * 300)}), "deep"),
        (avsc(ce_type=next(iter(EventTypes.load().declared))), "is a type of the product"),
    ],
)
async def test_what_is_no_declaration_is_refused_with_why(gateway: Gateway, text: str, because: str) -> None:
    status, told = await add(gateway, text)
    assert (status, because in told["detail"]) == (422, True), told
    assert gateway.outbox.records == []


@pytest.mark.parametrize(("said", "status", "kind"), [(422, 422, "event-type"), (403, 503, "unavailable")])
async def test_what_the_registry_refuses_is_told_as_what_it_is(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, said: int, status: int, kind: str
) -> None:
    async def refuse(_: Any) -> int:
        raise RegistryRefusedError("schema registry: no such default", said)

    monkeypatch.setattr(gateway.services.codec, "register", refuse)
    answered, told = await add(gateway, avsc())
    assert (answered, kind in told["type"], "no such default" in told["detail"]) == (status, True, True)


async def test_types_are_listed_and_shown(gateway: Gateway) -> None:
    await add(gateway, avsc())
    _, listed = await gateway.ask("GET", "/v1/event-types")
    assert [each["type"] for each in listed["event_types"] if each["own"]] == [TYPE]
    assert len(listed["event_types"]) == 1 + len(EventTypes.load().declared)
    _, shown = await gateway.ask("GET", f"/v1/event-types/{TYPE}")
    assert [field["name"] for field in shown["schema"]["fields"]] == ["id", "amount"]
    assert (await gateway.ask("GET", "/v1/event-types/nobody"))[0] == 404
