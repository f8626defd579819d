"""A workflow that counts its events at two keys: one that all of them share, and one of every third."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

SOURCE, WORKFLOW, EVENT = "acceptance", "tracked", "acceptance.tracked.v1"
LANES = 3
DEFINITION = """
document: { dsl: 1.0.3, namespace: acceptance, name: tracked, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.tracked.v1 } } } }
do:
  - look:
      call: track
      with: { of: parcels, id: '${ .id }', amount: 2, keys: { hub: '${ .hub }', lane: '${ .lane }' } }
      export: { as: '${ $input }' }
  - again:
      call: mark
      with: { of: parcels, id: '${ $context.id }', keys: { hub: '${ $context.hub }' } }
      output: { as: '${ $input }' }
"""


async def prepare(site: Site) -> None:
    """Deploys it; events that come afterwards start it."""
    await site.deploy(DEFINITION)


async def happen(site: Site, hub: str, numbers: Iterable[int]) -> None:
    """One event of each number at a hub, twice."""
    events = [
        CloudEvent(
            {"specversion": "1.0", "id": f"{hub}-{number}", "source": SOURCE, "type": EVENT},
            {"id": f"{hub}-{number}", "hub": hub, "lane": f"{hub}-{number % LANES}"},
        )
        for number in numbers
    ]
    await site.publish(event for event in events for _ in range(2))


def instances(hub: str, numbers: Iterable[int]) -> list[str]:
    """Those that these events start."""
    return [ids.instance_id(WORKFLOW, SOURCE, f"{hub}-{number}") for number in numbers]


async def verified(subscriber: Subscriber, numbers: Sequence[int]) -> None:
    """Each event was counted once at each key: it has seen those that came before it, and no other has seen as many."""
    outcomes = await subscriber.all_ended()
    assert not outcomes.contradicted
    told = [outcome["output"].value()["before"] for outcome in outcomes.decoded.values()]
    assert sorted(each["hub_count_30d"] for each in told) == [*range(len(numbers))]
    assert {each["hub_amount_30d"] for each in told if each["hub_count_30d"]} == {2.0}
    lanes = [sum(number % LANES == lane for number in numbers) for lane in range(LANES)]
    assert sorted(each["lane_count_30d"] for each in told) == sorted(n for count in lanes for n in range(count))
