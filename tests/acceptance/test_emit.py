"""`emit` on Kafka: an event that a workflow publishes starts another, once, however often it is asked."""

from __future__ import annotations

import orjson
import pytest

from streams.ground.publish import Outgoing, Publisher
from streams.processors.plain import JSON_EVENTS
from tests.acceptance import chain
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def test_what_one_workflow_emits_starts_another_once(site: Site) -> None:
    names = [f"chain-{number}" for number in range(20)]
    await chain.prepare(site)
    await chain.ask(site, names, times=2)
    await chain.verified(site, Subscriber(site, chain.hearers(names), "hearer"), names)


async def test_events_in_plain_json_start_a_workflow_once(site: Site) -> None:
    names = [f"plain-{number}" for number in range(20)]
    await chain.prepare(site)
    events = [{"specversion": "1.0", "id": name, "source": chain.SOURCE, "type": chain.ASKED} for name in names]
    values = [(event["id"].encode(), orjson.dumps({**event, "data": {"n": event["id"]}})) for event in events]
    async with Publisher(site.settings) as publisher:
        await publisher.publish(Outgoing(JSON_EVENTS, key, value) for key, value in values * 2)
    await chain.verified(site, Subscriber(site, chain.hearers(names), "hearer"), names)
