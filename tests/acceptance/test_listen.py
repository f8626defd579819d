"""`listen` on Kafka: events and instances meet, whichever is first and however often an event is delivered."""

from __future__ import annotations

import pytest

from tests.acceptance import meeting
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def test_events_reach_the_instances_that_listen_for_them_once(site: Site) -> None:
    names = [f"order-{number}" for number in range(20)]
    await meeting.prepare(site)
    subscriber = Subscriber(site, meeting.instances(names), meeting.WORKFLOW)
    started = {each: Subscriber(site, meeting.together(each, names), each) for each in meeting.TOGETHER}
    await meeting.happen(site, names)
    await meeting.verified(site, subscriber, names)
    await meeting.verified_together(site, started, names)
