"""At-least-once delivery, any order: an event has one outcome however often, wherever and whenever it arrives."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from confluent_kafka import Producer

from schemas.business import EventTypes
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from streams.gateway.hooks import BUILT_IN
from streams.ground.kafka import client_config
from streams.ground.publish import Outgoing, Publisher
from streams.processors.intake import business_topic
from streams.processors.orchestrate import HISTORY
from tests.acceptance import onboarding
from tests.acceptance.cases import HOOK, Case, made_up
from tests.acceptance.journey import Subscriber, reviewers
from tests.acceptance.site import Site
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
SEED = 7
MOST_COPIES = 5


def records(cases: Iterable[Case]) -> list[Outgoing]:
    """One business event for each case, as any Kafka producer may write it."""
    types, codec = EventTypes.load(), Codec.offline()
    events = [
        CloudEvent(
            {
                "specversion": "1.0", "id": case.delivery_id, "source": case.source, "type": BUILT_IN[HOOK]["type"],
                "subject": case.application_id,
            },
            case.data,
        )
        for case in cases
    ]  # fmt: skip
    encoded = [types.encode_event(codec, event) for event in events]
    return [Outgoing(business_topic(each.topic), each.key, each.value, each.headers) for each in encoded]


def scatter(site: Site, originals: Sequence[Outgoing]) -> int:
    """Publishes up to five copies of each, in any order, on any partition: as if several producers tried again at once.

    Returns how many.
    """
    drawn = random.Random(SEED)
    copies = [each for each in originals for _ in range(drawn.randint(1, MOST_COPIES))]
    drawn.shuffle(copies)
    producer = Producer(client_config(site.settings))
    for topic, key, value, headers in copies:
        number = drawn.randrange(site.settings.partitions)
        producer.produce(topic.name, value, key, number, headers=list(headers))
    assert producer.flush(PATIENCE_S) == 0
    return len(copies)


async def test_scattered_copies_lead_to_one_outcome_each(site: Site, report: Report) -> None:
    cases = made_up("scattered", 60)
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        copies = await asyncio.to_thread(scatter, site, records(cases))
        await subscriber.all_ended()
    figures = await onboarding.verified(site, cases, subscriber)
    report(copies=copies, **figures)
    assert figures["outcomes_repeated_on_the_wire"] == 0


async def test_copies_behind_the_outcome_start_nothing(site: Site) -> None:
    cases = made_up("belated", 20)
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site), Publisher(site.settings) as publisher:
        await publisher.publish(records(cases))
        await subscriber.all_ended()
        await site.quiet()
        before = entries(site, cases)
        await asyncio.to_thread(scatter, site, records(cases))
        await onboarding.verified(site, cases, subscriber)
    assert entries(site, cases) == before


def entries(site: Site, cases: Iterable[Case]) -> Counter[bytes | None]:
    """How many history entries each instance has."""
    instances = {case.instance_id.encode() for case in cases}
    return Counter(record.key for record in site.read(HISTORY) if record.key in instances)
