"""Instances that stand still, move to another version and go on, and cases that are run once more, while the engine is
killed at every named point.

Every wish and every event is told twice. In the end each has ended once, by the version that it was moved to, or that
it was to be run by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import CONTROL_INSTANCE, START_INSTANCE
from schemas.payload import Door, Payload
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
    await _is_as_folded(site)


@pytest.mark.crash
async def test_kills_at_every_point_change_no_end_of_cases_that_run_once_more_from_a_task(site: Site) -> None:
    names = {point: [f"{point}-{number}" for number in range(TOLD)] for point in points("orchestrate")}
    every = [name for some in names.values() for name in some]
    first, again = Subscriber(site, map(_instance, every), WORKFLOW), Subscriber(site, map(_rerun, every), WORKFLOW)
    await site.deploy(FIRST)
    await site.publish([_event(name, "controlled") for name in every] * 2)
    await site.quiet()
    await site.publish([_event(name, "settled") for name in every] * 2)
    assert not (await first.all_ended()).contradicted
    await site.deploy(SECOND)
    starts = _starts(site)
    site.workers.stop(WORKER)
    for point, some in names.items():
        site.workers.start(WORKER, crash_at=f"orchestrate:{point}:{LATER.get(point, 1)}", restarts=False)
        await _run_once_more(site, starts, some)
        assert await ended(site, WORKER) == KILLED, f"orchestrate did not reach {point}"
    site.start(WORKER)
    outcomes = await again.all_ended()
    assert not outcomes.contradicted
    assert {each["status"] for each in outcomes.decoded.values()} == {"completed"}
    output = {at: outcome["output"].value() for at, outcome in outcomes.decoded.items()}
    assert output == {_rerun(name): {"version": 2, "name": name.upper()} for name in every}
    await _is_as_folded(site)


async def _is_as_folded(site: Site) -> None:
    await site.quiet()
    fold = refold.folded_inbox(site)
    assert refold.changelog_table(site) == refold.Table(fold.rows, fold.offsets)
    assert refold.history(site) == fold.entries


def _starts(site: Site) -> dict[str, dict[str, Any]]:
    """What the instances were started with."""
    found = {}
    for record in site.read(INBOX):
        assert record.key is not None and record.value is not None
        name, fields = site.codec.decode(record.value)
        if name == START_INSTANCE:
            found[record.key.decode()] = fields
    return found


async def _run_once_more(site: Site, starts: dict[str, dict[str, Any]], names: Iterable[str]) -> None:
    """Somebody wants these cases to run from their last task, with other input, and says so twice."""
    graph, wishes = load(SECOND), []
    (last,) = (task.pointer for task in graph.tasks if task.name == "out")
    for name in names:
        given = Payload.from_outside([{"name": name.upper()}], Door.EDIT)
        told = {"of": _instance(name), "task": last, "why": "a test", "actor": "ann", "input": given, "context": None}
        fields = starts[_instance(name)] | {
            "instance_id": _rerun(name), "version": graph.version, "digest": graph.digest, "rerun": told,
        }  # fmt: skip
        wishes.append(Outgoing(INBOX, _rerun(name).encode(), site.codec.encode(START_INSTANCE, fields)))
    async with Publisher(site.settings) as publisher:
        await publisher.publish(wishes * 2)


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


def _rerun(name: str) -> str:
    return ids.instance_id(WORKFLOW, SOURCE, f"{name}-controlled\0rerun")


def _event(name: str, what: str) -> CloudEvent:
    attributes = {"specversion": "1.0", "id": f"{name}-{what}", "source": SOURCE, "type": f"acceptance.{what}.v1"}
    return CloudEvent(attributes, {"name": name})
