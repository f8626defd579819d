"""Workflows whose starts are held or come by time: what is published, said and deployed, and what has to come of it."""

from __future__ import annotations

import time
from collections.abc import Iterable

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.codec import Codec
from schemas.messages import START_INSTANCE
from streams.definitions.states import State, Word, say
from streams.ground.publish import Publisher
from streams.processors.orchestrate import INBOX
from streams.processors.schedule.processor import SOURCE as BY_TIME
from tests.acceptance.site import Site

SOURCE = "acceptance"
HELD, TICK = "held", "tick"
CODEC = Codec.offline()
EVENT = "acceptance.held.v1"
SECOND_MS = 1_000
DEFINITIONS = {
    HELD: """
document: {{ dsl: 1.0.3, namespace: acceptance, name: held, version: 1.0.{number} }}
schedule: {{ on: {{ one: {{ with: {{ type: acceptance.held.v1 }} }} }} }}
do:
  - note: {{ set: {{ seen: '${{ .n }}' }} }}
""",
    TICK: """
document: {{ dsl: 1.0.3, namespace: acceptance, name: tick, version: 1.0.{number} }}
schedule: {{ every: {{ seconds: 1 }} }}
do:
  - note: {{ set: {{ at: '${{ .scheduledAt }}' }} }}
""",
}


async def prepare(site: Site) -> None:
    """Deploys what is held, paused."""
    await _deploy(site, HELD, 0)
    await _say(site, State.PAUSED)


async def activate(site: Site) -> None:
    """What is held may start."""
    await _say(site, State.ACTIVE)


async def tick(site: Site, number: int) -> None:
    """One more version of the workflow that starts each second."""
    await _deploy(site, TICK, number)


async def publish(site: Site, names: Iterable[str], times: int = 1) -> None:
    """One event of each name, `times` times."""
    events = [
        CloudEvent({"specversion": "1.0", "id": name, "source": SOURCE, "type": EVENT}, {"n": name}) for name in names
    ]
    await site.publish(event for event in events for _ in range(times))


def held(names: Iterable[str]) -> list[str]:
    """The instances that these events start."""
    return [ids.instance_id(HELD, SOURCE, name) for name in names]


async def ticked(site: Site, more: int) -> None:
    """Some more times come; each that has come is one instance, and all lie on one grid."""
    before = len(_times(site))

    async def have_come() -> bool:
        return len(_times(site)) >= before + more

    await site.until(have_come, "times have come")
    found = _times(site)
    assert len({at_ms % SECOND_MS for at_ms in found.values()}) == 1
    assert len(set(found.values())) == len(found), "two instances for one time"


def _times(site: Site) -> dict[str, int]:
    """The time of each instance that was started by time; the same one may stand on the inbox twice."""
    found: dict[str, int] = {}
    for record in site.read(INBOX):
        name, start = CODEC.decode(record.value or b"")
        if name == START_INSTANCE and start["source"] == BY_TIME:
            assert found.setdefault(start["instance_id"], start["time_ms"]) == start["time_ms"]
    return found


async def _deploy(site: Site, name: str, number: int) -> None:
    await site.deploy(DEFINITIONS[name].format(number=number))


async def _say(site: Site, state: State) -> None:
    word = Word(name=HELD, state=state, why="a test", actor="acceptance", at_ms=int(time.time() * 1_000))
    async with Publisher(site.settings) as publisher:
        await say(publisher, CODEC, word)
