"""Which alerts fire in a real Prometheus that watches a run with faults; the rules are those that ship.

All but how long something has to last: that no run can wait for. What makes the others fire is shown by promtool alone
(`infra/prometheus/firing_test.yml`).
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from infra.prometheus import server
from streams.processors import own
from streams.runtime.host import LOOK_AROUND_S
from tests.acceptance.cases import made_up
from tests.acceptance.journey import deliver
from tests.acceptance.site import ASK, Site
from tests.chaos import mishaps
from tests.chaos.mishaps import forgotten, happening_by_itself, unlucky, unlucky_site, watched
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.broker,
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which(server.PROGRAM) is None, reason="prometheus is not here: make peers"),
]
LOOK_S = 1.0
MORE = 6  # events with which all goes wrong: enough for a breaker, and for lost threads
FIRE = {
    "ExlifyEventsForNobody", "ExlifyIncidentOpen", "ExlifyInstancesFault", "ExlifyInstanceStuck", "ExlifyModelFaulty",
    "ExlifyNoticesUndelivered", "ExlifyOwnStepsHang", "ExlifyOwnStepsWait", "ExlifyParkingHeld", "ExlifyPositionStands",
    "ExlifyProcessDown", "ExlifyProcessorUnhosted", "ExlifyRecordParked", "ExlifyRoomForFaultsGoesFast",
    "ExlifyRoomForFaultsGoesSlowly", "ExlifySiteFileFaulty", "ExlifyStepsInDoubt", "ExlifySystemNotCalled",
    "ExlifyUndoStands",
}  # fmt: skip
"""Those that have reason to in the first run."""
FIRE_LATER = {
    "ExlifyDefinitionUnusable", "ExlifyFilesStuck", "ExlifyHopsSlow", "ExlifyInstanceIdle", "ExlifyMembersComeAndGo",
    "ExlifyMessagesStuck", "ExlifyModelErrorRising", "ExlifyProcessorNotReady", "ExlifyRoomForLateGoesFast",
    "ExlifyRoomForLateGoesSlowly", "ExlifyRoomForPeopleGoesFast", "ExlifyRoomForPeopleGoesSlowly",
    "ExlifyRoomForUnseenGoesSlowly", "ExlifyRowsStuck",
}  # fmt: skip
"""Those that have reason to in the second, where nobody is unlucky but everything is slow, late or wrong."""
FIRE_LAST = {
    "ExlifyIncidentsPile", "ExlifyLag", "ExlifyModelDrifted", "ExlifyRoomForUnseenGoesFast", "ExlifySiteFilesDiffer",
}  # fmt: skip
"""Those that have reason to in the third, where there is much of one kind, and a process with files of its own."""
STOPS, STOPPED_S = 4, 6.0  # of the view: older than a record may be when it is seen
FAULTY = """
document: {dsl: 1.0.3, namespace: chaos, name: faulty, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.unlucky.v1}}}}
do: [fail: {raise: {error: {type: 'https://example.com/bad', title: It is bad, status: 400}}}]
"""
HALF_UNDONE = """
document: {dsl: 1.0.3, namespace: chaos, name: half-undone, version: 1.0.0}
schedule: {on: {one: {with: {type: chaos.unlucky.v1}}}}
do:
  - verify:
      call: http
      with: {method: post, endpoint: 'connection://identity/identity/verifications', body: {applicant: {id: 1}}}
      metadata: {effect: idempotent, compensate: {call: chaos.hung}}
  - fail: {raise: {error: {type: 'https://example.com/bad', title: It is bad, status: 400}}}
"""


def hurried(folder: Path) -> Path:
    """The rules, with nothing that has to last."""
    folder.mkdir()
    for name in server.RULES:
        text = re.sub(r"^ +for: .*\n", "", (server.HERE / name).read_text(), flags=re.MULTILINE)
        (folder / name).write_text(re.sub(r"(_seconds > )[\d* ]+", r"\g<1>1", text))
    return folder


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with unlucky_site(tmp_path, monkeypatch) as started:
        yield started


async def noted(http: ClientSession, fired: set[str]) -> None:
    """Notes what fires, for ever."""
    while True:
        answer = await (await http.get("/api/v1/alerts")).json()
        fired |= {each["labels"]["alertname"] for each in answer["data"]["alerts"] if each["state"] == "firing"}
        await asyncio.sleep(LOOK_S)


async def seen(fired: set[str], wanted: set[str]) -> None:
    """Returns once all of these have fired, or have had all the time that they get."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and not fired >= wanted:
        await asyncio.sleep(LOOK_S)


async def test_alerts_fire_where_there_is_reason_to(site: Site, report: Report) -> None:
    fired: set[str] = set()
    async with watched(site, hurried(site.settings.data_dir / "rules")) as http:
        noting = asyncio.create_task(noted(http, fired))
        await happening_by_itself(site)
        await site.deploy(FAULTY)
        async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as gateway:
            await gateway.post("/v1/definitions", data=HALF_UNDONE, headers={"Content-Type": "application/yaml"})
        for count in (20, 40, 60):
            await unlucky(site, count)
        await deliver(site, made_up("stopped", 10))
        await site.away("mail", 10_000)
        for number in range(MORE):
            await unlucky(site, 61 + number)
            await asyncio.sleep(LOOK_S)  # a series that begins has no rate
        await seen(fired, {"ExlifyOwnStepsHang"})  # before the worker that tells of it is stopped
        (site.settings.data_dir / "site" / "calendars.yaml").write_text("office: whenever\n")
        site.workers.signal(own.WORKER, signal.SIGSTOP)
        await unlucky(site, 80)
        await forgotten(site)
        await seen(fired, FIRE)
        reply = await (await http.get("/api/v1/rules", params={"type": "alert"})).json()
        noting.cancel()
    known = {rule["name"] for group in reply["data"]["groups"] for rule in group["rules"]}
    report(alerts=len(known), fired=sorted(fired), silent=sorted(known - fired))
    assert fired >= FIRE, f"they had reason to: {sorted(FIRE - fired)}"


async def answering(site: Site) -> None:
    """People answer one after the other, and never as the model."""
    while True:
        for team, outcome in (("desk", "seen"), ("late", "seen"), ("audit", "not-approve")):
            await mishaps.answered(site, team, outcome)
        await asyncio.sleep(LOOK_S)


async def come_and_go(site: Site) -> None:
    """Another worker comes and goes."""
    for _ in range(3):
        site.start("engine-2")
        await site.ready("engine-2")
        await asyncio.to_thread(site.workers.stop, "engine-2")


async def test_alerts_fire_where_all_is_slow_or_late(site: Site, report: Report) -> None:
    fired: set[str] = set()
    folder = site.settings.data_dir / "site"
    (folder / "files.yaml").write_text(mishaps.MISSING)
    (folder / "messages.yaml").write_text(mishaps.MESSAGES)
    (folder / "connections.yaml").write_text(mishaps.CONNECTIONS.format(shop="/nowhere/at/all.sqlite"))
    async with watched(site, hurried(site.settings.data_dir / "rules")) as http:
        beside = [asyncio.create_task(noted(http, fired))]
        for text in (mishaps.ASKING, mishaps.LATE, mishaps.SLOW, mishaps.AUDITED):
            async with ClientSession(site.gateway, timeout=ASK, raise_for_status=True) as gateway:
                await gateway.post("/v1/definitions", data=text, headers={"Content-Type": "application/yaml"})
        await mishaps.unusable(site)
        await mishaps.events(site, "asking", 25)
        await asyncio.to_thread(mishaps.of_long_ago, site, 25)
        await mishaps.events(site, "ticked", 120)
        beside.append(asyncio.create_task(answering(site)))
        for number in range(STOPS):
            site.workers.signal("view", signal.SIGSTOP)
            await mishaps.events(site, "asking", 5, first=100 + 5 * number)
            await asyncio.sleep(STOPPED_S)
            site.workers.signal("view", signal.SIGCONT)
            await asyncio.sleep(LOOK_S)
        for number in range(6):
            await mishaps.events(site, "slow", 400, first=400 * number)
            await asyncio.sleep(LOOK_S)
        await come_and_go(site)
        await seen(fired, FIRE_LATER)
        for each in beside:
            each.cancel()
        ended = await asyncio.gather(*beside, return_exceptions=True)
    report(fired=sorted(fired), silent=sorted(FIRE_LATER - fired), ended=[repr(each) for each in ended])
    assert fired >= FIRE_LATER, f"they had reason to: {sorted(FIRE_LATER - fired)}"


async def test_alerts_fire_where_much_is_the_same(site: Site, report: Report) -> None:
    fired: set[str] = set()
    folder, other = site.settings.data_dir / "site", site.settings.data_dir / "other-site"
    (folder / "calendars.yaml").write_text(mishaps.OFFICE.format(until="17:00"))
    shutil.copytree(folder, other)
    (other / "calendars.yaml").write_text(mishaps.OFFICE.format(until="18:00"))
    async with watched(site, hurried(site.settings.data_dir / "rules")) as http:
        noting = asyncio.create_task(noted(http, fired))
        site.workers.start("steps-2", restarts=False, EXLIFY_SITE_DIR=str(other))
        await site.ready("steps-2")
        mishaps.look_at(site, *site.names, "steps-2")
        await site.deploy(mishaps.PILING, mishaps.DRIFTING, mishaps.ASKING)
        for number in range(STOPS):
            with mishaps.locked(site):
                await mishaps.events(site, "asking", 5, first=5 * number)
                await asyncio.sleep(STOPPED_S / 2)
            await asyncio.sleep(LOOK_S)
        with mishaps.locked(site):
            await mishaps.events(site, "asking", 2_000, first=100)
            await asyncio.sleep(3.5 * LOOK_AROUND_S)  # until those behind have looked how far
        await mishaps.events(site, "piling", 40)
        for amount in (500, 15_000):
            await mishaps.drifting(site, 1_100, amount)
        await seen(fired, FIRE_LAST)
        noting.cancel()
    report(fired=sorted(fired), silent=sorted(FIRE_LAST - fired))
    assert fired >= FIRE_LAST, f"they had reason to: {sorted(FIRE_LAST - fired)}"


def test_every_alert_fires() -> None:
    rules = "".join((server.HERE / name).read_text() for name in server.RULES)
    assert {*re.findall(r"- alert: (\w+)", rules)} == FIRE | FIRE_LATER | FIRE_LAST
