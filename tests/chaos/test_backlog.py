"""A storm passes: what has come while nobody worked is drained in its order and within bounds, and nobody notices that
workers are exchanged."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import psutil
import pytest

from infra.sandbox.applications import applications
from schemas import ids
from schemas.cloudevents import CloudEvent
from schemas.messages import START_INSTANCE
from streams.ground.spans import percentile
from streams.processors.intake import business_topic
from streams.processors.orchestrate import INBOX
from streams.runtime.clock import now_ms
from tests.acceptance.site import GATEWAY, Site
from tests.chaos import evidence
from tests.chaos.run import Plan, Scene, scene
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.broker, pytest.mark.chaos]
MEBIBYTE = 2**20
MOST_BYTES = 700 * MEBIBYTE  # of a worker, whatever waits
BEGUN = 2_000
WAITING, URGENT = 3_000, 40  # where some are urgent
KNOWN = {GATEWAY, "tests.chaos.peers"}  # processes beside the workers and the broker
LIVE = 5  # events a second that come while the backlog is drained
TICK_S = 0.2
APPLICATIONS = business_topic("onboarding.event.application.v1")
URGENT_SOURCE = "/urgent"
URGENT_ONES = f"""
document: {{dsl: 1.0.3, namespace: chaos, name: urgent, version: 1.0.0, metadata: {{priority: high}}}}
schedule: {{on: {{one: {{with: {{type: exlify.onboarding.application-submitted.v1, source: {URGENT_SOURCE}}}}}}}}}
do: [note: {{set: {{seen: true}}}}]
"""
SHOWN = "select count(*) from instances where status = 'completed'"


def fed(stage: Scene, count: int) -> list[str]:
    """The instances of so many new events."""
    before = len(stage.cases)
    stage.feed(count)
    return [*stage.cases][before:]


class Flow:
    """Events that come at a steady rate, and when each of them was sent."""

    def __init__(self, stage: Scene, rate: float) -> None:
        self.sent_ms: dict[str, int] = {}
        self._stage = stage
        self._rate = rate
        self._began = time.monotonic()

    def go_on(self) -> None:
        """Sends what is to have come by now, and takes what has ended."""
        due = int((time.monotonic() - self._began) * self._rate) - len(self.sent_ms)
        if due > 0:
            sent_ms = now_ms()
            self.sent_ms |= dict.fromkeys(fed(self._stage, due), sent_ms)
        self._stage.watch.fetch()

    def took_ms(self) -> list[int]:
        """From each event to its outcome."""
        return [self._stage.watch.ended_ms[instance] - sent_ms for instance, sent_ms in self.sent_ms.items()]


def out_of_order(site: Site) -> Iterator[str]:
    """Starts of one partition that have overtaken others which came before on the same partition of events."""
    came = {
        dict(record.headers)["ce_id"].decode(): (record.partition, record.offset)
        for record in reversed(site.read(APPLICATIONS))
    }
    last: dict[tuple[int, int], int] = defaultdict(lambda: -1)
    begun = set()
    for record in site.read(INBOX):
        name, data = site.codec.decode(record.value or b"")
        if name == START_INSTANCE and data["instance_id"] not in begun:
            begun.add(data["instance_id"])
            partition, offset = came[data["event_id"]]
            if offset < last[record.partition, partition]:
                yield data["event_id"]
            last[record.partition, partition] = offset


def most_open(stage: Scene) -> int:
    """How many instances were begun and had not ended, at most."""
    begun: dict[str, int] = {}
    for record in stage.site.read(INBOX):
        name, data = stage.site.codec.decode(record.value or b"")
        if name == START_INSTANCE:
            begun.setdefault(data["instance_id"], record.timestamp_ms)
    changes = [*((at_ms, 1) for at_ms in begun.values()), *((at_ms, -1) for at_ms in stage.watch.ended_ms.values())]
    most = number = 0
    for _, change in sorted(changes):
        number += change
        most = max(most, number)
    return most


def all_ended(stage: Scene, flow: Flow, wanted: Iterable[str]) -> dict[str, int]:
    """Waits for the end of all of these while the flow goes on; gives the most memory that each worker has held."""
    held: dict[str, int] = defaultdict(int)
    missing, moved = {*wanted}, time.monotonic()
    while missing:
        flow.go_on()
        left = missing - stage.watch.ended_ms.keys()
        moved = time.monotonic() if len(left) < len(missing) else moved
        missing = left
        assert time.monotonic() - moved < PATIENCE_S, f"{len(missing)} do not move\n{stage.site.workers.log_tails()}"
        stage.site.check_alive()
        for name in stage.site.names:
            held[name] = max(held[name], stage.site.workers.resident_bytes(name))
        time.sleep(TICK_S)
    return held


def cpu_seconds() -> dict[str, float]:
    """What each of the processes that this one has started has used, by what it runs."""
    used: dict[str, float] = defaultdict(float)
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            words = each.cmdline()
            known = [*words[words.index("--name") + 1 :][:1]] if "--name" in words else [*KNOWN.intersection(words)]
            used[known[0] if known else "broker"] += sum(each.cpu_times()[:2])
    return used


async def shown(stage: Scene) -> float:
    """How long after the last outcome the view has them all."""

    async def all_there() -> bool:
        return await stage.site.sql(SHOWN) >= len(stage.watch.ended_ms)

    await stage.site.until(all_there, "the view has all")
    return time.time() - max(stage.watch.ended_ms.values()) / 1_000


def test_a_backlog_is_drained_in_its_order_and_within_bounds(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    option = pytestconfig.getoption
    seconds, rate = option("--backlog-s"), option("--rate")
    workers, environ = ("engine", "steps", "view"), (("EXLIFY_MAX_BEGUN", str(BEGUN)),)
    plan = Plan(
        option("--seed"), seconds * rate, 0, (*workers, GATEWAY), faults="none", workflow="backlog", environ=environ
    )
    with scene(plan, tmp_path) as stage:
        fed(stage, 50)
        stage.settled()
        before = {name: stage.site.workers.resident_bytes(name) for name in workers}
        assert {name: stage.site.workers.stop(name) for name in workers} == dict.fromkeys(workers, 0)
        waiting = fed(stage, plan.applications)
        began_ms = now_ms()
        for name in workers:
            stage.site.start(name)
        asyncio.run(stage.site.ready(*workers))
        ready_s, spent = (now_ms() - began_ms) / 1_000, cpu_seconds()
        flow = Flow(stage, LIVE)
        held = all_ended(stage, flow, waiting)
        took_s = (max(stage.watch.ended_ms[each] for each in waiting) - began_ms) / 1_000
        used = {name: cpu - spent.get(name, 0.0) for name, cpu in cpu_seconds().items()}
        first_s = (min(stage.watch.ended_ms[each] for each in waiting) - began_ms) / 1_000
        stage.settled()
        shown_s = asyncio.run(shown(stage))
        most, overtaken, problems = most_open(stage), [*out_of_order(stage.site)], stage.problems_of_events()
    report(
        seed=plan.seed,
        waiting=len(waiting),
        drained_per_s=round(len(waiting) / took_s, 1),
        times_the_rate=round(len(waiting) / took_s / rate, 2),
        ready_s=ready_s,
        first_ended_s=first_s,
        cpu_ms_each={name: round(1_000 * cpu / len(waiting), 2) for name, cpu in used.items()},
        shown_after_s=round(shown_s, 2),
        live_p50_ms=percentile(flow.took_ms(), 50),
        live_p99_ms=percentile(flow.took_ms(), 99),
        most_open=most,
        mebibytes={name: [before.get(name, 0) // MEBIBYTE, size // MEBIBYTE] for name, size in held.items()},
    )
    assert not problems and not stage.watch.waiting, problems[:10]
    assert not overtaken, f"begun before those that came before them: {overtaken[:10]}"
    assert all(size < MOST_BYTES for size in held.values()), "memory grows with what waits"
    assert most < len(waiting) / 2 or len(waiting) < 4 * BEGUN, "all was begun at once"


def test_who_has_a_higher_priority_overtakes_a_backlog_and_the_backlog_goes_on(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    workers = ("engine", "steps")
    plan = Plan(
        pytestconfig.getoption("--seed"), 0, 0, (*workers, GATEWAY), faults="none", workflow="backlog",
        environ=(("EXLIFY_MAX_BEGUN", "200"),),
    )  # fmt: skip
    with scene(plan, tmp_path) as stage:
        asyncio.run(stage.site.deploy(URGENT_ONES))
        fed(stage, 50)
        stage.settled()
        assert {name: stage.site.workers.stop(name) for name in workers} == dict.fromkeys(workers, 0)
        waiting = fed(stage, WAITING)
        events = [
            CloudEvent({**event, "source": URGENT_SOURCE}, data)
            for event in islice(applications(plan.seed + 1), URGENT)
            if (data := event.pop("data"))
        ]
        for each in events:  # they start the others, too
            stage.cases[ids.instance_id("backlog", URGENT_SOURCE, each.attributes["id"])] = each.data["application_id"]
        asyncio.run(stage.site.publish(events))  # on the same topic, behind all of them
        urgent = evidence.Watch(stage.site, "urgent")
        for name in workers:
            stage.site.start(name)
        flow = Flow(stage, 0)
        until = time.monotonic() + PATIENCE_S
        while len(urgent.outcomes) < URGENT and time.monotonic() < until:
            urgent.fetch()
            flow.go_on()
        urgent.close()
        ended = len(stage.watch.ended_ms)
        all_ended(stage, flow, waiting)
        overtaken, problems = [*out_of_order(stage.site)], stage.problems_of_events()
    before = sum(at_ms < max(urgent.ended_ms.values()) for at_ms in stage.watch.ended_ms.values())
    report(seed=plan.seed, waiting=len(waiting), ended_before_the_last_urgent=before, out_of_order=len(overtaken))
    assert urgent.statuses == {"completed": URGENT}
    assert ended < WAITING / 2, "they have waited for the others"
    assert not problems and stage.watch.statuses["completed"] >= WAITING, problems[:10]


def test_workers_are_exchanged_under_load_and_nobody_notices(
    pytestconfig: pytest.Config, tmp_path: Path, report: Report
) -> None:
    option = pytestconfig.getoption
    workers = ("engine", "engine-2", "steps", "steps-2", "view")
    plan = Plan(option("--seed"), 0, 0, (*workers, GATEWAY), faults="none", workflow="backlog")
    codes: dict[str, int] = {}

    def exchanged() -> None:
        for name in workers:
            codes[name] = stage.site.workers.stop(name)
            stage.site.start(name)
            asyncio.run(stage.site.ready(name))

    with scene(plan, tmp_path) as stage:
        fed(stage, 50)
        stage.settled()
        flow = Flow(stage, option("--rate") / 10)
        thread = threading.Thread(target=exchanged)
        thread.start()
        while thread.is_alive():
            flow.go_on()
            time.sleep(TICK_S)
        stage.settled()
        problems = stage.problems_of_events()
    report(
        seed=plan.seed,
        events=len(flow.sent_ms),
        p50_ms=percentile(flow.took_ms(), 50),
        p99_ms=percentile(flow.took_ms(), 99),
        most_ms=max(flow.took_ms()),
    )
    assert codes == dict.fromkeys(workers, 0), "somebody did not end in order"
    assert not problems and not stage.watch.waiting, problems[:10]
    assert stage.watch.statuses == {"completed": len(stage.cases)}
