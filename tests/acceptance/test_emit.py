"""`emit` on Kafka: an event that a workflow publishes starts another, once, however often it is asked."""

from __future__ import annotations

import pytest

from tests.acceptance import chain
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]


async def test_what_one_workflow_emits_starts_another_once(site: Site) -> None:
    names = [f"chain-{number}" for number in range(20)]
    await chain.prepare(site)
    await chain.ask(site, names, times=2)
    await chain.verified(site, Subscriber(site, chain.hearers(names), "hearer"), names)
