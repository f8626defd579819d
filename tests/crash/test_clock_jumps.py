"""The clock of the workers jumps by an hour, back and forward, while instances wait: no timer is lost or fires twice.

What producers stamp is right, so a timer that is set while the clock is wrong is due as one of before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas import ids
from schemas.cloudevents import CloudEvent
from streams.catalogue import PROCESSORS
from streams.definitions import outcome_topic
from tests.acceptance.journey import Subscriber
from tests.acceptance.site import LOOK_S, Site, working
from tests.chaos.other_clock import FILE
from tests.support import brokers
from tests.support.waiting import PATIENCE_S

WORKERS = tuple(dict.fromkeys(PROCESSORS[each].worker for each in ("intake", "orchestrate")))
SOURCE, EVENT = "acceptance", "acceptance.waits.v1"
HOUR_S = 3_600
AHEAD_S = HOUR_S - 60  # Kafka takes nothing that is an hour ahead
WAITS = {"short": "PT2S", "half": "PT30M", "long": "PT90M"}
WAVES = ("first", "behind", "ahead")
NUMBER = 20  # of each, at each time
DEFINITION = """
document: {{ dsl: 1.0.3, namespace: acceptance, name: {name}, version: 1.0.0 }}
schedule: {{ on: {{ one: {{ with: {{ type: {event} }} }} }} }}
do: [{{ rest: {{ wait: {length} }} }}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose clock can be set."""
    program = "tests.chaos.other_clock"
    with brokers.chosen(tmp_path).kafka() as bootstrap, working(bootstrap, tmp_path, {}, (), WORKERS, program) as found:
        yield found


@pytest.mark.crash
async def test_clock_that_jumps_by_an_hour_loses_no_timer_and_doubles_none(site: Site) -> None:
    await site.deploy(*(DEFINITION.format(name=name, event=EVENT, length=length) for name, length in WAITS.items()))
    over: set[str] = set()

    async def began(wave: str) -> None:
        events = [
            CloudEvent({"specversion": "1.0", "id": f"{wave}-{number}", "source": SOURCE, "type": EVENT}, {})
            for number in range(NUMBER)
        ]
        await site.publish(events * 2)

    async def end(*waves: tuple[str, str]) -> None:
        over.update(f"{name} {wave}" for name, wave in waves)
        for name, wave in waves:
            await Subscriber(site, _instances(name, wave), name).all_ended()

    await began("first")
    await end(("short", "first"))
    await _set_clock(site, -HOUR_S, steps=1)
    await began("behind")
    await _set_clock(site, 0, steps=2)
    await end(("short", "behind"))
    await _set_clock(site, AHEAD_S, steps=3)
    await end(("half", "first"), ("half", "behind"))
    await began("ahead")
    await end(("short", "ahead"), ("half", "ahead"))
    await _set_clock(site, 0, steps=4)
    await site.quiet()
    for name in WAITS:
        wanted = [each for wave in WAVES if f"{name} {wave}" in over for each in _instances(name, wave)]
        told = [site.codec.decode(each.value)[1] for each in site.read(outcome_topic(name)) if each.value]
        assert sorted(each["instance_id"] for each in told) == sorted(wanted), name


def _instances(name: str, wave: str) -> list[str]:
    return [ids.instance_id(name, SOURCE, f"{wave}-{number}") for number in range(NUMBER)]


async def _set_clock(site: Site, wrong_by_s: int, steps: int) -> None:
    """Returns once every worker has seen that its clock has jumped."""
    (site.settings.data_dir / FILE).write_text(f"{wrong_by_s}")
    async with asyncio.timeout(PATIENCE_S):
        for name in WORKERS:
            while site.workers.log(name).read_text().count("clock stepped") < steps:
                await asyncio.sleep(LOOK_S)
