"""Orders that wait for events: payments one after the other, two events together, and one that never comes.

Of each order some events come before it and some after, all of them twice. The same events start further instances
together: a parcel when an order is there and labelled, a bill of all that was paid until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas import ids
from schemas.cloudevents import CloudEvent
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import Site

SOURCE = "acceptance"
WORKFLOW = "order"
DEFINITION = """
document: { dsl: 1.0.3, namespace: acceptance, name: order, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.ordered.v1 } } } }
do:
  - payments:
      for: { in: '${ [1, 2] }' }
      do:
        - paid:
            listen:
              to:
                one:
                  with: { type: acceptance.paid.v1, data: .part > 0 }
                  correlate: { order: { from: .order, expect: '${ $workflow.input[0].data.order }' } }
            export: { as: '${ {paid: (($context.paid // []) + map(.part))} }' }
  - both:
      listen:
        to:
          all:
            - with: { type: acceptance.packed.v1 }
              correlate: { order: { from: .order, expect: '${ $workflow.input[0].data.order }' } }
            - with: { type: acceptance.labelled.v1 }
              correlate: { order: { from: .order, expect: '${ $workflow.input[0].data.order }' } }
  - hope:
      try:
        - never:
            listen:
              to:
                any:
                  - with: { type: acceptance.praised.v1 }
                    correlate: { order: { from: .order, expect: '${ $workflow.input[0].data.order }' } }
                until: false
            timeout: { after: PT0.2S }
      catch: { errors: { with: { status: 408 } } }
  - out: { set: { paid: '${ $context.paid }', rest: '${ map(.what) }' } }
"""
OF_ORDER = "{with: {type: acceptance.%s.v1}, correlate: {order: {from: .order}}}"
TOGETHER = {
    "parcel": f"""
document: {{ dsl: 1.0.3, namespace: acceptance, name: parcel, version: 1.0.0 }}
schedule: {{ on: {{ all: [{OF_ORDER % "ordered"}, {OF_ORDER % "labelled"}] }} }}
do: [{{ out: {{ set: {{ all: '${{ map(.what) }}' }} }} }}]
""",
    "bill": f"""
document: {{ dsl: 1.0.3, namespace: acceptance, name: bill, version: 1.0.0 }}
schedule: {{ on: {{ any: [{OF_ORDER % "paid"}], until: {{ one: {OF_ORDER % "labelled"} }} }} }}
do: [{{ out: {{ set: {{ parts: '${{ map(.part) }}' }} }} }}]
""",
}
DONE = {"paid": [1, 2], "rest": ["packed", "labelled"]}


async def prepare(site: Site) -> None:
    """Deploys the workflows."""
    for each in (DEFINITION, *TOGETHER.values()):
        await site.deploy(each)


async def happen(site: Site, names: Sequence[str]) -> None:
    """All that happens about these orders, every event twice."""
    before = [_event(name, "paid", part=part) for name in names[::2] for part in (0, 1, 2)]
    before += [_event(name, "packed") for name in names[::3]]
    after = [_event(name, "paid", part=part) for name in names[1::2] for part in (1, 2)]
    after += [_event(name, "labelled") for name in names]
    after += [_event(name, "packed") for name in names if name not in names[::3]]
    await site.publish([*before, *(_event(name, "ordered") for name in names), *after] * 2)


async def verified(site: Site, subscriber: Subscriber, names: Sequence[str]) -> None:
    """Each order has ended once, with all its events, each taken once and in its order."""
    outcomes = await subscriber.all_ended()
    output = {instance: outcome["output"].value() for instance, outcome in outcomes.decoded.items()}
    assert output == dict.fromkeys(instances(names), DONE)
    assert not outcomes.contradicted


async def verified_together(site: Site, subscribers: Mapping[str, Subscriber], names: Sequence[str]) -> None:
    """Of each order one parcel and one bill, with all of their events."""
    parts = {name: [0, 1, 2] if name in names[::2] else [1, 2] for name in names}
    wanted: dict[str, list[object]] = {
        "parcel": [{"all": ["ordered", "labelled"]} for _ in names],
        "bill": [{"parts": parts[name]} for name in names],
    }
    for workflow, subscriber in subscribers.items():
        outcomes = await subscriber.all_ended()
        output = {instance: outcome["output"].value() for instance, outcome in outcomes.decoded.items()}
        assert output == dict(zip(together(workflow, names), wanted[workflow], strict=True))
        assert not outcomes.contradicted


def together(workflow: str, names: Iterable[str]) -> list[str]:
    """The instances that several events of these orders start; the label comes last."""
    return [ids.instance_id(workflow, SOURCE, f"{name}-labelled-") for name in names]


def instances(names: Iterable[str]) -> list[str]:
    """The instances of these orders."""
    return [ids.instance_id(WORKFLOW, SOURCE, f"{name}-ordered-") for name in names]


def _event(name: str, what: str, part: int | None = None) -> CloudEvent:
    id_ = f"{name}-{what}-{'' if part is None else part}"
    attributes = {"specversion": "1.0", "id": id_, "source": SOURCE, "type": f"acceptance.{what}.v1", "subject": name}
    return CloudEvent(attributes, {"order": name, "what": what} | ({} if part is None else {"part": part}))
