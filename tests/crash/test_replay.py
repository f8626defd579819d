"""Ten thousand events processed anew while live ones go on: killed three times, the report is right to the instance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance import replaying
from tests.acceptance.cases import Case, made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.replaying import TOPIC, Anew
from tests.acceptance.site import OUTSIDE, Site, running
from tests.support import brokers
from tests.support.figures import Report

pytestmark = [pytest.mark.crash, pytest.mark.broker]
COUNT, KILLS, RATE = 10_000, 3, 200  # the replay goes on for longer than what is live beside it
LIVE, LIVE_RATE = 1_000, 25.0  # as fast before as beside it, and slower than what the machine can do


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with brokers.chosen(tmp_path).kafka() as bootstrap, running(bootstrap, tmp_path) as started:
        yield started


async def ended(site: Site, cases: Sequence[Case]) -> None:
    """Brings applications to their end, as fast as that goes."""
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        await deliver(site, cases)
        await subscriber.all_ended()


async def lived(site: Site, cases: Sequence[Case]) -> list[int]:
    """Brings applications to their end that come evenly, whatever becomes of those before; gives the milliseconds from
    its delivery to the end of each that no person looked at."""
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    sent: dict[str, float] = {}
    began = time.monotonic()
    async with reviewers(site):
        async with asyncio.TaskGroup() as deliveries:
            for number, case in enumerate(cases):
                await asyncio.sleep(began + number / LIVE_RATE - time.monotonic())
                sent[case.instance_id] = time.time() * 1_000
                deliveries.create_task(deliver(site, [case]))
        await subscriber.all_ended()
    outcomes = subscriber.outcomes.decoded.items()
    alone = [name for name, each in outcomes if each["output"].value()["risk"]["route"] == "approve"]
    return sorted(round(subscriber.outcomes.decoded[name]["ended_at_ms"] - sent[name]) for name in alone)


async def test_report_is_right_to_the_instance_and_live_events_go_on(site: Site, report: Report) -> None:
    cases = made_up("past", COUNT, seed=23)
    await ended(site, cases)  # so all that is measured is warm
    alone = await lived(site, made_up("alone", LIVE, seed=24))
    cases_beside = made_up("beside", LIVE, seed=25)
    anew, before = Anew(cases), await replaying.ledgers(site)
    where = '.application_id | startswith("A-past-")'
    began = time.monotonic()
    await replaying.begun(site, topics=[TOPIC], where=where, yaml=anew.yaml, name="many", rate=RATE)
    beside = asyncio.create_task(lived(site, cases_beside))
    for kill in range(1, KILLS + 1):
        await replaying.replayed(site, "many", kill * COUNT // (KILLS + 2))
        site.kill("replay")
    took = await beside
    told = await replaying.over(site, "many")
    seconds = time.monotonic() - began
    found = await replaying.results(site, "many")
    report(
        replayed=told["replayed"], per_s=round(COUNT / seconds, 1), kills=KILLS,
        live_per_s=LIVE_RATE, measured_before=len(alone), measured_beside=len(took),
        live_p50_ms_before=alone[len(alone) // 2], live_p50_ms_beside=took[len(took) // 2],
        live_p99_ms_before=alone[len(alone) * 99 // 100], live_p99_ms_beside=took[len(took) * 99 // 100],
    )  # fmt: skip
    assert (told["status"], told["replayed"]) == ("completed", COUNT)
    replaying.check(told["report"], found, anew)
    live = [each for _, each in Anew(cases_beside).first.values()]
    opened, approved = (sum(each.opens_account for each in live), sum(each.decision == "approved" for each in live))
    wanted = dict(zip(OUTSIDE, (opened, opened, approved), strict=True))
    after = await replaying.ledgers(site)
    more = [one["requests"] - other["requests"] for one, other in zip(after, before, strict=True)]
    assert dict(zip(OUTSIDE, more, strict=True)) == wanted, "a system was asked for the sake of the replay"
