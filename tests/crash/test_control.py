"""Instances that stand still, move to another version and go on, while the engine is killed at every named point.

Every wish and every event is told twice. In the end each has ended once, by the version that it was moved to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import CONTROL_INSTANCE
from streams.catalogue import PROCESSORS
from streams.ground.publish import Outgoing, Publisher
from streams.processors.orchestrate import INBOX
from tests.acceptance import refold
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site, ended, working
from tests.crash.hosts import points
from tests.crash.points import KILLED, LATER
from tests.support import brokers
from tests.support.definitions import load

WORKFLOW, SOURCE = "controlled", "acceptance"
WORKER = PROCESSORS["orchestrate"].worker
NAMES = tuple(dict.fromkeys((PROCESSORS["intake"].worker, WORKER)))
TOLD = 3  # names for each point
VERSION = """
document: {{ dsl: 1.0.3, namespace: acceptance, name: controlled, version: {version}.0.0 }}
schedule: {{ on: {{ one: {{ with: {{ type: acceptance.controlled.v1 }} }} }} }}
do:
  - heard:
      listen:
        to:
          one:
            with: {{ type: acceptance.settled.v1 }}
            correlate: {{ name: {{ from: .name, expect: '${{ $workflow.input[0].data.name }}' }} }}
  - out: {{ set: {{ version: {version}, name: '${{ .[0].name }}' }} }}
"""
FIRST, SECOND = VERSION.format(version=1), VERSION.format(version=2)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with no more than intake and engine."""
    with brokers.chosen(tmp_path).kafka() as bootstrap, working(bootstrap, tmp_path, {}, (), NAMES) as started:
        yield started


@pytest.mark.crash
async def test_kills_at_every_point_change_no_end_of_instances_under_control(site: Site) -> None:
    names = {point: [f"{point}-{number}" for number in range(TOLD)] for point in points("orchestrate")}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, map(_instance, every), WORKFLOW)
    await site.deploy(FIRST)
    await site.publish([_event(name, "controlled") for name in every] * 2)
    await site.quiet()
    await site.deploy(SECOND)
    site.workers.stop(WORKER)
    for point, some in names.items():
        site.workers.start(WORKER, crash_at=f"orchestrate:{point}:{LATER.get(point, 1)}", restarts=False)
        await _wish(site, some, "suspend")
        await site.publish([_event(name, "settled") for name in some] * 2)
        await _wish(site, some, "move", digest=load(SECOND).digest)
        await _wish(site, some, "resume")
        assert await ended(site, WORKER) == KILLED, f"orchestrate did not reach {point}"
    site.start(WORKER)
    outcomes = await subscriber.all_ended()
    assert not outcomes.contradicted
    assert {each["status"] for each in outcomes.decoded.values()} == {"completed"}
    output = {at: outcome["output"].value() for at, outcome in outcomes.decoded.items()}
    assert output == {_instance(name): {"version": 2, "name": name} for name in every}
    await site.quiet()
    fold = refold.folded_inbox(site)
    assert refold.changelog_table(site) == refold.Table(fold.rows, fold.offsets)
    assert refold.history(site) == fold.entries


async def _wish(site: Site, names: Iterable[str], action: str, digest: str | None = None) -> None:
    """Somebody wants this of the instances of these names, and says so twice."""
    wishes = []
    for name in names:
        at = _instance(name)
        fields = {
            "instance_id": at, "control_id": f"{action}-{at}", "action": action, "digest": digest,
            "why": "a test", "actor": "ann",
        }  # fmt: skip
        wishes.append(Outgoing(INBOX, at.encode(), site.codec.encode(CONTROL_INSTANCE, fields)))
    async with Publisher(site.settings) as publisher:
        await publisher.publish(wishes * 2)


def _instance(name: str) -> str:
    return ids.instance_id(WORKFLOW, SOURCE, f"{name}-controlled")


def _event(name: str, what: str) -> CloudEvent:
    attributes = {"specversion": "1.0", "id": f"{name}-{what}", "source": SOURCE, "type": f"acceptance.{what}.v1"}
    return CloudEvent(attributes, {"name": name})
