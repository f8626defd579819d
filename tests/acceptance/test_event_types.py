"""A type of events that is declared while everything runs: who knows Avro alone starts workflows with it."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from aiohttp import ClientSession
from fastavro import parse_schema, schemaless_writer

from schemas import ids
from streams.ground.publish import Outgoing, Publisher
from streams.processors.intake import business_topic
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import ASK, Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]

TYPE = "acceptance.parcel.scanned.v1"
TOPIC = "business.event.generic.v1"
FIELDS: list[dict[str, Any]] = [{"name": "parcel", "type": "string"}, {"name": "weight", "type": "double"}]
PLACE = {"name": "place", "type": ["null", "string"], "default": None}
DEFINITION = """
document: { dsl: 1.0.3, namespace: acceptance, name: scanned, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.parcel.scanned.v1 } } } }
do:
  - seen: { set: { parcel: '${ .parcel }', heavy: '${ .weight > 10 }', place: '${ .place // "nowhere" }' } }
"""


async def declare(site: Site, *fields: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Declares the type over HTTP; gives its schema, and the answer."""
    schema = {"type": "record", "name": "acceptance.Scanned", "ce_type": TYPE, "fields": [*FIELDS, *fields]}
    headers = {"Content-Type": "application/json"}
    async with (
        ClientSession(site.gateway, timeout=ASK) as http,
        http.post("/v1/event-types", data=json.dumps(schema), headers=headers) as reply,
    ):
        told = await reply.json()
        assert reply.status == 201, told
        return schema, told


async def produce(site: Site, schema: dict[str, Any], schema_id: int, scans: dict[str, dict[str, Any]]) -> None:
    """Writes each twice, as any producer of Kafka does: frame, Avro, headers of CloudEvents."""
    records = []
    for id_, data in scans.items():
        out = BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
        out.seek(5)
        schemaless_writer(out, parse_schema(schema), data)
        attributes = {"specversion": "1.0", "id": id_, "source": "/scanner", "type": TYPE}
        headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        records.append(Outgoing(business_topic(TOPIC), id_.encode(), out.getvalue(), headers))
    async with Publisher(site.settings) as publisher:
        await publisher.publish(records * 2)


async def test_events_of_a_type_declared_meanwhile_start_a_workflow_once(site: Site) -> None:
    await site.deploy(DEFINITION)
    first, told = await declare(site)
    await produce(site, first, told["schema_id"], {"a": {"parcel": "A", "weight": 12}})
    site.kill("steps")
    second, changed = await declare(site, PLACE)
    assert (told["result"], changed["result"]) == ("added", "changed")
    await produce(site, second, changed["schema_id"], {"b": {"parcel": "B", "weight": 2, "place": "Kiel"}})
    await produce(site, first, told["schema_id"], {"c": {"parcel": "C", "weight": 1}})
    instances = {ids.instance_id("scanned", "/scanner", id_): id_ for id_ in "abc"}
    outcomes = await Subscriber(site, instances, "scanned").all_ended()
    assert {instances[each]: outcome["output"].value() for each, outcome in outcomes.decoded.items()} == {
        "a": {"parcel": "A", "heavy": True, "place": "nowhere"},
        "b": {"parcel": "B", "heavy": False, "place": "Kiel"},
        "c": {"parcel": "C", "heavy": False, "place": "nowhere"},
    }
    assert not outcomes.contradicted
