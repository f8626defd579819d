"""Instances that are given up with three effects outside, of which the third often waits for another try: each effect
is undone once, or was never there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from aiohttp import ClientSession

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import CANCEL_INSTANCE
from streams.ground.publish import Outgoing, Publisher
from streams.processors.orchestrate import INBOX
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import ASK, Site

WORKFLOW = "undoing"
SOURCE = "acceptance"
SLOW = {"system": "mail", "latency_ms": 20, "jitter_ms": 400}  # so that a kill finds undos under way
TOGETHER, AWAY = 8, 2  # so many are begun at once, and of so many the third is refused: too few for a breaker, in a row
STEPS = {"letter": "mail/mail/messages", "notice": "mail/mail/messages", "check": "identity/identity/verifications"}
_BRANCH = """
          - STEP:
              call: http
              with:
                method: post
                endpoint: connection://PLACE
                body: { to: STEP, template: do, applicant: { name: '${ .name }' } }
              metadata:
                effect: keyed
                recovery: { delay: PT1H, jitter: none }
                compensate:
                  call: http
                  with:
                    method: post
                    endpoint: connection://mail/mail/messages
                    body: { to: STEP, template: undo, of: '${ .key }' }
                  metadata: { effect: keyed, recovery: { retries: 8, delay: PT0.1S } }
"""
DEFINITION = """
document: { dsl: 1.0.3, namespace: acceptance, name: undoing, version: 1.0.0 }
schedule: { on: { one: { with: { type: acceptance.given-up.v1 } } } }
do:
  - all:
      fork:
        branches:
BRANCHES
  - stay: { wait: PT1H }
""".replace("BRANCHES", "".join(_BRANCH.replace("STEP", step).replace("PLACE", at) for step, at in STEPS.items()))


def instance(name: str) -> str:
    """The instance of a name."""
    return ids.instance_id(WORKFLOW, SOURCE, name)


def pointer(step: str) -> str:
    """The pointer of one of the three steps."""
    return f"/do/0/all/fork/branches/{list(STEPS).index(step)}/{step}"


async def prepare(site: Site) -> None:
    """Deploys the workflow; the system of the first two effects is slow from now on."""
    await site.deploy(DEFINITION)
    async with ClientSession(timeout=ASK, raise_for_status=True) as http:
        await http.post(f"{site.sandbox['control']}/faults", json=SLOW)


async def begin(site: Site, names: Sequence[str]) -> None:
    """An instance for each name, delivered twice; returns when two of its three effects are there, the third is there
    or was refused once, and nothing is under way: a system that is away, or held to be, does not end the doubt about a
    call during which a worker died, and people would be asked."""
    for first in range(0, len(names), TOGETHER):
        await site.away("identity", times=AWAY)
        await _begin(site, names[first : first + TOGETHER])
    await site.quiet()


async def _begin(site: Site, names: Sequence[str]) -> None:
    events = [
        CloudEvent(
            {"specversion": "1.0", "id": name, "source": SOURCE, "type": "acceptance.given-up.v1"}, {"name": name}
        )
        for name in names
    ]
    await site.publish(event for event in events for _ in range(2))
    keys = {step: {f"{instance(name)}{pointer(step)}/0/0" for name in names} for step in STEPS}

    async def are_there() -> bool:
        asked = {entry["key"] for entry in (await site.ledger("identity"))["entries"]}
        return keys["check"] <= asked and keys["letter"] | keys["notice"] <= set(await done(site, ["mail"]))

    await site.until(are_there, "two effects of each, and a try of the third")


async def give_up(site: Site, names: Iterable[str]) -> None:
    """Somebody cancels them, and says so twice."""
    wishes = [
        Outgoing(
            INBOX,
            instance(name).encode(),
            site.codec.encode(CANCEL_INSTANCE, {"instance_id": instance(name), "reason": "refused", "actor": "ann"}),
        )
        for name in names
    ]
    async with Publisher(site.settings) as publisher:
        await publisher.publish(wish for wish in wishes for _ in range(2))


async def done(site: Site, systems: Iterable[str] = ("mail", "identity")) -> Counter[str]:
    """How often a system outside has had the effect of each step."""
    entries = [entry for system in systems for entry in (await site.ledger(system))["entries"]]
    return Counter(entry["key"] for entry in entries if entry["result"] == "done")


async def verified(site: Site, subscriber: Subscriber, names: Sequence[str]) -> Counter[int]:
    """Each effect and each undo is there once, nothing else is, and the outcome says the same; gives how many of the
    three steps were done."""
    outcomes = await subscriber.all_ended()
    effects = await done(site)
    assert not outcomes.contradicted
    assert set(effects.values()) == {1}, "something was done twice"
    figures: Counter[int] = Counter()
    for name in names:
        outcome, at = outcomes.decoded[instance(name)], instance(name)
        assert outcome["status"] == "cancelled" and outcome["standing"] is None, outcome
        was_done = {step for step in STEPS if f"{at}{pointer(step)}/0/0" in effects}
        was_undone = {step for step in STEPS if f"{at}{pointer(step)}/metadata/compensate/0/0" in effects}
        told = outcome["undone"] or []
        assert was_done == was_undone and sorted(told) == sorted(map(pointer, was_done)), (was_done, outcome)
        figures[len(was_done)] += 1
    return figures
