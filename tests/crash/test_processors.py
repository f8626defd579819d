"""The real processors, each killed at every named point of the write order, while customer onboarding runs on a site.

Every application is delivered twice. In the end there is one outcome for each, as model, reviewers and outside systems
say, and the outside systems did each thing once, also where they were away for a while.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.ground.kafka import client_config
from streams.processors.lifecycle import LIFECYCLE
from tests.acceptance import chain, dealing, family, meeting, onboarding, replaying, starts, telling, tracking
from tests.acceptance.cases import made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.site import Site, ended, running
from tests.crash.hosts import HOSTED_BY, points
from tests.crash.points import KILLED, LATER
from tests.support import brokers, peers

# Those that have tests of their own, and an own step that onboarding does not have: `onboarding.letter` is one, too.
APART = (
    "emit", "correlate", "run", "plain", "hold", "schedule", "rolling", "assign", "notify", "replay", "support.tone",
)  # fmt: skip
IN_ONBOARDING = [name for name in HOSTED_BY if name not in APART]
APPLICATIONS = 12  # for each point


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of this module's own."""
    folder = tmp_path_factory.mktemp("site")
    (of_files := folder / "site").mkdir()
    with (
        brokers.chosen(folder).kafka() as bootstrap,
        running(bootstrap, folder, EXLIFY_LIFECYCLE_EVENTS="tasks", EXLIFY_SITE_DIR=str(of_files)) as started,
    ):
        yield started


@pytest.mark.crash
@pytest.mark.parametrize("processor", IN_ONBOARDING)
async def test_kills_at_every_point_change_no_outcome(site: Site, processor: str) -> None:
    worker = HOSTED_BY[processor]
    cases = {point: made_up(f"{processor}-{point}", APPLICATIONS) for point in points(processor)}
    every = [case for each in cases.values() for case in each]
    subscriber = Subscriber(site, (case.instance_id for case in every))
    site.workers.stop(worker)
    async with reviewers(site), site.slowed(onboarding.SLOW):
        for point, some in cases.items():
            site.workers.start(worker, crash_at=f"{processor}:{point}:1", restarts=False)
            if processor in ("recover", "letters"):  # which have work only where something fails
                await site.away("erp", times=1)
            await deliver(site, some, times=2)
            assert await ended(site, worker) == KILLED, f"{processor} did not reach {point}"
        site.start(worker)
        await subscriber.all_ended()
    await site.ready()
    await onboarding.verified(site, every, subscriber)
    if processor == "lifecycle":
        await _told_once_and_in_order(site, [case.instance_id for case in every])


async def _told_once_and_in_order(site: Site, instances: Sequence[str]) -> None:
    """Of each instance a subscriber who drops what it knows hears its start first, its end last, and each task."""
    await site.quiet()
    consumer = Consumer(client_config(site.settings) | {"group.id": "listener", "enable.auto.commit": False})
    consumer.assign([TopicPartition(LIFECYCLE.name, number, 0) for number in range(site.settings.partitions)])
    heard: dict[str, dict[str, str]] = {each: {} for each in instances}
    while records := await asyncio.to_thread(consumer.consume, 5_000, 3.0):
        for event in (orjson.loads(record.value() or b"") for record in records):
            if event["subject"] in heard:
                heard[event["subject"]].setdefault(event["id"], event["type"].split(".", 2)[2])
    consumer.close()
    for types in heard.values():
        told = [*types.values()]
        assert told[0] == "workflow.started.v1"
        assert told[-1] == "workflow.completed.v1"
        assert Counter(told)["task.started.v1"] == Counter(told)["task.completed.v1"] + Counter(told)["task.faulted.v1"]


@pytest.mark.crash
async def test_kills_at_every_point_emit_nothing_twice(site: Site) -> None:
    await chain.prepare(site)
    names = {point: [f"emit-{point}-{number}" for number in range(APPLICATIONS)] for point in points("emit")}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, chain.hearers(every), "hearer")
    site.workers.stop(HOSTED_BY["emit"])
    for point, some in names.items():
        site.workers.start(HOSTED_BY["emit"], crash_at=f"emit:{point}:1", restarts=False)
        await chain.ask(site, some, times=2)
        assert await ended(site, HOSTED_BY["emit"]) == KILLED, f"emit did not reach {point}"
    site.start(HOSTED_BY["emit"])
    await chain.verified(site, subscriber, every)


@pytest.mark.crash
async def test_kills_at_every_point_tell_a_team_of_each_alert(site: Site) -> None:
    names = {point: f"told-{point.replace('_', '-')}" for point in points("notify")}
    async with peers.peer(peers.answers(peers.OK)) as team:
        await telling.prepare(site, team, list(names.values()))
        site.workers.stop(HOSTED_BY["notify"])
        for point, name in names.items():
            site.workers.start(HOSTED_BY["notify"], crash_at=f"notify:{point}:1", restarts=False)
            await telling.begin(site, name)
            assert await ended(site, HOSTED_BY["notify"]) == KILLED, f"notify did not reach {point}"
        site.start(HOSTED_BY["notify"])
        await telling.verified(site, team, list(names.values()))


@pytest.mark.crash
async def test_kills_at_every_point_process_past_events_anew_once(site: Site) -> None:
    cases, worker = made_up("past", 2 * APPLICATIONS), HOSTED_BY["replay"]
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        await deliver(site, cases)
        await subscriber.all_ended()
    anew, where = replaying.Anew(cases), '.application_id | startswith("A-past-")'
    names = {point: f"killed-{point.replace('_', '-')}" for point in points("replay")}
    site.workers.stop(worker)
    for point, name in names.items():
        site.workers.start(worker, crash_at=f"replay:{point}:1", restarts=False)
        await replaying.begun(site, topics=[replaying.TOPIC], where=where, yaml=anew.yaml, name=name)
        assert await ended(site, worker) == KILLED, f"replay did not reach {point}"
    site.start(worker)
    for name in names.values():
        told = await replaying.over(site, name)
        assert (told["status"], told["replayed"]) == ("completed", len(cases))
        replaying.check(told["report"], await replaying.results(site, name), anew)


@pytest.mark.crash
async def test_kills_at_every_point_lose_and_double_no_held_event(site: Site) -> None:
    await starts.prepare(site)
    names = {point: [f"hold-{point}-{number}" for number in range(APPLICATIONS)] for point in points("hold")}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, starts.held(every), starts.HELD)
    site.workers.stop(HOSTED_BY["hold"])
    for point, some in names.items():
        site.workers.start(HOSTED_BY["hold"], crash_at=f"hold:{point}:1", restarts=False)
        await starts.publish(site, some, times=2)
        assert await ended(site, HOSTED_BY["hold"]) == KILLED, f"hold did not reach {point}"
    await starts.activate(site)
    for point in ("after_outputs", "after_changelog"):  # while they are let go
        site.workers.start(HOSTED_BY["hold"], crash_at=f"hold:{point}:1", restarts=False)
        assert await ended(site, HOSTED_BY["hold"]) == KILLED, f"hold did not reach {point}"
    site.start(HOSTED_BY["hold"])
    outcomes = await subscriber.all_ended()
    assert not outcomes.contradicted


@pytest.mark.crash
async def test_kills_at_every_point_start_one_instance_for_each_time(site: Site) -> None:
    site.workers.stop(HOSTED_BY["schedule"])
    for number, point in enumerate(points("schedule")):
        await starts.tick(site, number)  # what it reads
        site.workers.start(HOSTED_BY["schedule"], crash_at=f"schedule:{point}:1", restarts=False)
        assert await ended(site, HOSTED_BY["schedule"]) == KILLED, f"schedule did not reach {point}"
    site.start(HOSTED_BY["schedule"])
    await starts.ticked(site, more=3)


@pytest.mark.crash
async def test_kills_at_every_point_lose_no_event_that_is_listened_for(site: Site) -> None:
    await meeting.prepare(site)
    names = {point: [f"met-{point}-{number}" for number in range(APPLICATIONS)] for point in points("correlate")}
    every = [name for some in names.values() for name in some]
    subscriber = Subscriber(site, meeting.instances(every), meeting.WORKFLOW)
    started = {each: Subscriber(site, meeting.together(each, every), each) for each in meeting.TOGETHER}
    worker = HOSTED_BY["correlate"]
    site.workers.stop(worker)
    for point, some in names.items():
        site.workers.start(worker, crash_at=f"correlate:{point}:{LATER.get(point, 2)}", restarts=False)
        await meeting.happen(site, some)
        assert await ended(site, worker) == KILLED, f"correlate did not reach {point}"
    site.start(worker)
    await meeting.verified(site, subscriber, every)
    await meeting.verified_together(site, started, every)


@pytest.mark.crash
async def test_kills_at_every_point_start_and_cancel_children_once(site: Site) -> None:
    await family.prepare(site)
    worker = HOSTED_BY["run"]
    numbers = {point: range(4 * at, 4 * at + 4) for at, point in enumerate(points("run"))}
    every = [number for some in numbers.values() for number in some]
    parents = Subscriber(site, map(family.parent, every), "parent")
    below = Subscriber(site, (each for number in every for each in family.children(number)), "child")
    site.workers.stop(worker)
    for point, some in numbers.items():
        site.workers.start(worker, crash_at=f"run:{point}:1", restarts=False)
        await family.begin(site, some)
        assert await ended(site, worker) == KILLED, f"run did not reach {point}"
    site.start(worker)
    await family.verified(parents, below, every)


@pytest.mark.crash
async def test_kills_at_every_point_count_each_event_once_at_each_of_its_keys(site: Site) -> None:
    await tracking.prepare(site)
    worker, hub = HOSTED_BY["rolling"], "killed"
    numbers = {point: range(12 * at, 12 * at + 12) for at, point in enumerate(points("rolling"))}
    every = [number for some in numbers.values() for number in some]
    subscriber = Subscriber(site, tracking.instances(hub, every), tracking.WORKFLOW)
    site.workers.stop(worker)
    for point, some in numbers.items():
        site.workers.start(worker, crash_at=f"rolling:{point}:{LATER.get(point, 2)}", restarts=False)
        await tracking.happen(site, hub, some)
        assert await ended(site, worker) == KILLED, f"rolling did not reach {point}"
    site.start(worker)
    await tracking.verified(subscriber, every)


@pytest.mark.crash
async def test_kills_at_every_point_give_each_task_to_one_who_can_and_has_room(site: Site) -> None:
    await dealing.prepare(site)
    worker = HOSTED_BY["assign"]
    numbers = {point: range(12 * at, 12 * at + 12) for at, point in enumerate(points("assign"))}
    every = [number for some in numbers.values() for number in some]
    subscriber = Subscriber(site, dealing.instances(every), dealing.WORKFLOW)
    site.workers.stop(worker)
    async with dealing.answering(site):
        for point, some in numbers.items():
            site.workers.start(worker, crash_at=f"assign:{point}:{LATER.get(point, 2)}", restarts=False)
            await dealing.happen(site, some)
            assert await ended(site, worker) == KILLED, f"assign did not reach {point}"
        site.start(worker)
        await dealing.verified(site, subscriber, every)
