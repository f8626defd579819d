"""Workflows that run others: a parent with several children side by side, of which some are cancelled with it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

SOURCE = "acceptance"
CHILDREN = 5
_CHILD = "run: { workflow: { namespace: acceptance, name: child, input: '${ {n, c: NUMBER} }' } }"
_BRANCHES = "".join(f"          - c{each}: {{ {_CHILD.replace('NUMBER', str(each))} }}\n" for each in range(CHILDREN))
DEFINITIONS = (
    """
document: { dsl: 1.0.3, namespace: acceptance, name: parent, version: 1.0.0, metadata: { onError: fault } }
schedule: { on: { one: { with: { type: acceptance.born.v1 } } } }
do:
  - all:
      fork:
        branches:
BRANCHES
      timeout: { after: '${ if .stays then "PT1H" else "PT0.5S" end }' }
""".replace("BRANCHES\n", _BRANCHES),
    """
document: { dsl: 1.0.3, namespace: acceptance, name: child, version: 1.0.0 }
do:
  - pause: { wait: '${ if .n % 2 == 0 then "PT0S" else "PT1H" end }' }
  - out: { set: { c: '${ .c }' } }
""",
)


async def prepare(site: Site) -> None:
    """Deploys both, the children first."""
    await site.deploy(*reversed(DEFINITIONS))


async def begin(site: Site, numbers: Sequence[int], times: int = 2) -> None:
    """A parent for each number: the children of even ones end at once, those of odd ones are cancelled with it."""
    events = [
        CloudEvent(
            {"specversion": "1.0", "id": str(number), "source": SOURCE, "type": "acceptance.born.v1"},
            {"n": number, "stays": number % 2 == 0},
        )
        for number in numbers
    ]
    await site.publish(event for event in events for _ in range(times))


def parent(number: int) -> str:
    """The instance of a number."""
    return ids.instance_id("parent", SOURCE, str(number))


def children(number: int) -> list[str]:
    """The instances that it starts."""
    steps = (f"{parent(number)}/do/0/all/fork/branches/{each}/c{each}/0/0" for each in range(CHILDREN))
    return [ids.child_id(step) for step in steps]


async def verified(parents: Subscriber, below: Subscriber, numbers: Sequence[int]) -> None:
    """All have ended once, those of odd numbers because their parent did."""
    outcomes, theirs = await parents.all_ended(), await below.all_ended()
    for number in numbers:
        stays = number % 2 == 0
        outcome = outcomes.decoded[parent(number)]
        assert outcome["status"] == ("completed" if stays else "faulted")
        if stays:
            assert outcome["output"].value() == [{"c": each} for each in range(CHILDREN)]
        for each in children(number):
            assert theirs.decoded[each]["status"] == ("completed" if stays else "cancelled")
    assert not outcomes.contradicted
    assert not theirs.contradicted
