"""A parent with a thousand children is cancelled, and the worker killed with -9 in the middle: no child goes on, and
each is told once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import CANCEL_INSTANCE, START_INSTANCE
from streams.catalogue import PROCESSORS
from streams.ground.publish import Outgoing, Publisher
from streams.processors.orchestrate import INBOX
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site, ended, working
from tests.crash.points import KILLED
from tests.support import brokers

CHILDREN = 1_000
WORKER = PROCESSORS["run"].worker
NAMES = (PROCESSORS["intake"].worker, WORKER)
SOURCE, EVENT = "acceptance", "acceptance.born.v1"
PARENT = f"""
document: {{ dsl: 1.0.3, namespace: acceptance, name: many, version: 1.0.0 }}
schedule: {{ on: {{ one: {{ with: {{ type: {EVENT} }} }} }} }}
do:
  - all:
      call: map
      with:
        in: '${{ [range({CHILDREN})] }}'
        workflow: {{ namespace: acceptance, name: one-of-many }}
        concurrency: {CHILDREN}
"""
CHILD = """
document: { dsl: 1.0.3, namespace: acceptance, name: one-of-many, version: 1.0.0 }
do:
  - pause: { wait: PT1H }
"""
INSTANCE = ids.instance_id("many", SOURCE, "1")
BELOW = [ids.child_id(f"{INSTANCE}/do/0/all/with/workflow/{number}/0") for number in range(CHILDREN)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with no more than intake and engine."""
    with brokers.chosen(tmp_path).kafka() as bootstrap, working(bootstrap, tmp_path, {}, (), NAMES) as started:
        yield started


@pytest.mark.crash
async def test_parent_of_a_thousand_is_cancelled_through_kills(site: Site) -> None:
    await site.deploy(CHILD, PARENT)
    event = CloudEvent({"specversion": "1.0", "id": "1", "source": SOURCE, "type": EVENT}, {})
    await site.publish([event])
    await site.until(lambda: _begun(site), "every child begun")
    site.workers.stop(WORKER)
    await _cancel(site)
    for point in ("run:after_outputs:1", "orchestrate:after_outputs:2", "orchestrate:after_changelog:2"):
        site.workers.start(WORKER, crash_at=point, restarts=False)
        assert await ended(site, WORKER) == KILLED, f"did not reach {point}"
    site.start(WORKER)
    below, parents = Subscriber(site, BELOW, "one-of-many"), Subscriber(site, [INSTANCE], "many")
    await below.all_ended()
    await parents.all_ended()
    for outcomes, number in ((await below.until_quiet(), CHILDREN), (await parents.until_quiet(), 1)):
        assert {each["status"] for each in outcomes.decoded.values()} == {"cancelled"}
        assert len(outcomes.values) == number
        assert not outcomes.contradicted


async def _begun(site: Site) -> bool:
    await site.quiet()
    told = {each["instance_id"] for each in site.decoded(INBOX, START_INSTANCE)}
    return told >= set(BELOW)


async def _cancel(site: Site) -> None:
    wish = {"instance_id": INSTANCE, "reason": "not wanted", "actor": "ann"}
    async with Publisher(site.settings) as publisher:
        value = site.codec.encode(CANCEL_INSTANCE, wish)
        await publisher.publish([Outgoing(INBOX, INSTANCE.encode(), value)])
