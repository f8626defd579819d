"""A chain of two workflows: what one emits starts the other, which ends with what it was told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

SOURCE = "acceptance"
ASKED = "acceptance.asked.v1"
DEFINITIONS = (
    """
document: { dsl: 1.0.3, namespace: acceptance, name: teller, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.asked.v1 } } } }
do:
  - twice:
      for: { in: '${ [1, 2] }' }
      do:
        - tell:
            emit: { event: { with: { type: acceptance.told.v1, data: { n: '${ $input.n }', at: '${ $index }' } } } }
        - back: { set: '${ .data }' }
""",
    """
document: { dsl: 1.0.3, namespace: acceptance, name: hearer, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.told.v1 } } } }
do:
  - hear: { set: { heard: '${ . }' } }
""",
)


async def prepare(site: Site) -> None:
    """Deploys both; events that come afterwards start them."""
    await site.deploy(*DEFINITIONS)


async def ask(site: Site, names: Iterable[str], times: int = 1) -> None:
    """One event of each name, `times` times."""
    events = [
        CloudEvent({"specversion": "1.0", "id": name, "source": SOURCE, "type": ASKED}, {"n": name}) for name in names
    ]
    await site.publish(event for event in events for _ in range(times))


def hearers(names: Iterable[str]) -> dict[str, dict[str, object]]:
    """What the second workflow must have heard, by its instance: two events of each teller."""
    found: dict[str, dict[str, object]] = {}
    for name in names:
        teller = ids.instance_id("teller", SOURCE, name)
        for number in range(2):
            event = f"{teller}/do/0/twice/do/0/tell/{number}/0"
            found[ids.instance_id("hearer", "/workflows/teller", event)] = {"n": name, "at": number}
    return found


async def verified(site: Site, subscriber: Subscriber, names: Sequence[str]) -> None:
    """Each event emitted has started one instance, which ended once with what it was told."""
    outcomes = await subscriber.all_ended()
    heard = {instance: outcome["output"].value()["heard"] for instance, outcome in outcomes.decoded.items()}
    assert heard == hearers(names)
    assert not outcomes.contradicted
