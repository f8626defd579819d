"""Past events processed anew: the report is right to the instance, no system is asked anything, kills lose nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from models.serving.registry import Registry
from schemas.codec import Codec
from schemas.times import rfc3339
from streams.ground.kafka import client_config
from streams.processors.replay import HEADER, OUTCOMES
from tests.acceptance import replaying
from tests.acceptance.cases import WORKFLOW, Case, made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.replaying import TOPIC, Anew, Json
from tests.acceptance.reporting import of_sql, of_topics
from tests.acceptance.site import Site
from tests.support.figures import Report
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
COUNT, SHADOWED = 200, 40


@pytest.fixture(scope="module")
def ended(site: Site) -> list[Case]:
    """Applications that have ended, each by the model or by a reviewer."""
    cases = made_up("replayed", COUNT, seed=22)

    async def all_of_them() -> None:
        await _ended(site, cases)
        await site.quiet()

    asyncio.run(all_of_them())
    return cases


async def _ended(site: Site, cases: list[Case]) -> None:
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        await deliver(site, cases)
        await subscriber.all_ended()


async def test_each_figure_of_the_report_is_what_topics_and_sql_say(site: Site, ended: list[Case]) -> None:
    ours = ", ".join(f"'{case.instance_id}'" for case in ended)
    since_ms = await site.sql(f"SELECT min(started_at_ms) FROM instances WHERE instance_id IN ({ours})")
    report = await replaying.asked(site, "/v1/report", since=rfc3339(since_ms))
    (told,) = [each for each in report["workflows"] if each["workflow"] == WORKFLOW]
    topics, rows = await asyncio.to_thread(of_topics, site, WORKFLOW, since_ms), await of_sql(site, WORKFLOW, since_ms)
    steps, lived = topics.pop("steps"), topics.pop("lived_ms")
    assert {name: told[name] for name in topics} == topics and topics["started"] == COUNT
    assert 0 < topics["without_people"] < COUNT
    assert {name: told[name] for name in rows} == rows
    assert told["automation_rate"] == round(topics["without_people"] / topics["completed"], 4)
    assert told["first_time_right_rate"] == round(topics["first_time_right"] / topics["completed"], 4)
    assert told["looked_at"] == COUNT and abs(told["working_ms"] + told["waiting_ms"] - lived) <= COUNT
    assert abs(sum(each["took_ms"] for each in told["steps"]) - lived) <= COUNT
    assert {each["pointer"]: each["times"] for each in told["steps"] if each["times"]}.items() <= steps.items()


async def test_report_is_right_to_the_instance_after_a_kill(site: Site, ended: list[Case], report: Report) -> None:
    anew = Anew(ended)
    before, business = await replaying.ledgers(site), await replaying.business(site)
    wish = {"topics": [TOPIC], "where": '.application_id | startswith("A-replayed-")', "yaml": anew.yaml}
    survey = await replaying.begun(site, **wish, dry_run=True)
    assert (survey["meant"], survey["gone"], survey["whole"]) == (COUNT, 0, True)
    none = await replaying.begun(site, **wish, dry_run=True, outcomes=["faulted"])
    assert (none["meant"], none["looked_at"], none["sample"]) == (0, survey["looked_at"], [])
    all_of_them = await replaying.begun(site, **wish, dry_run=True, outcomes=["completed"])
    assert all_of_them["meant"] == COUNT
    await replaying.begun(site, **wish, name="threshold", rate=100)
    await replaying.replayed(site, "threshold", 1)
    site.kill("replay")
    told = await replaying.over(site, "threshold")
    found = await replaying.results(site, "threshold")
    report(replayed=told["replayed"], changed=told["changed"], unanswered=told["unanswered"])
    assert (told["status"], told["replayed"]) == ("completed", COUNT)
    assert told["unanswered"] == anew.outcomes()["unanswered"] > 0
    replaying.check(told["report"], found, anew)
    assert told["report"]["outputs"]["changed"] == 0
    assert await replaying.ledgers(site) == before
    assert await replaying.changes(site, business, ["threshold", *anew.first, "A-replayed-"]) == []
    _check_outcomes(site, "threshold", anew)


def _check_outcomes(site: Site, name: str, anew: Anew) -> None:
    """Each that ended has one outcome, on the topic of replays and marked as one."""
    records = [each for each in replaying.held(site, OUTCOMES.name) if dict(each.headers)[HEADER] == name.encode()]
    decoded = [Codec.offline().decode(each.value or b"")[1] for each in records]
    assert len({each["instance_id"] for each in decoded}) == anew.outcomes()["completed"]
    assert not {each["instance_id"] for each in decoded} & anew.first.keys()


async def test_what_is_processed_as_at_first_comes_to_the_same(site: Site, ended: list[Case]) -> None:
    where = '.application_id | startswith("A-replayed-00")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="same", outcomes=["completed"], rate=1000)
    told = await replaying.over(site, "same")
    assert (told["replayed"], told["changed"], told["unanswered"]) == (100, 0, 0)
    assert told["report"]["outputs"] == {"same": 100, "changed": 0, "not compared": 0}
    timed = told["report"]["time"]
    assert timed["before_ms"] == timed["after_ms"] > 0


async def test_another_version_of_a_model_decides_anew(site: Site, ended: list[Case]) -> None:
    where = '.application_id | startswith("A-replayed-")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="model", models=["credit-risk@1"], rate=1000)
    told = await replaying.over(site, "model")
    routes = _routes(told, "assessRisk")
    assert routes == _decided_by_both(ended)
    assert any(before != after for before, after in routes)


def _routes(told: Json, task: str) -> dict[tuple[str, str], int]:
    """The cells of the report for a task."""
    cells = [each for each in told["report"]["routes"] if each["task"] == task]
    return {(each["before"], each["after"]): each["events"] for each in cells}


def _decided_by_both(cases: list[Case]) -> Counter[tuple[str, str]]:
    """What the model in force decides, and the version before it."""
    registry = Registry()
    active, other = registry.get("credit-risk"), registry.get("credit-risk", "1")
    return Counter((active.decide(case.data).route, other.decide(case.data).route) for case in cases)


async def test_paused_it_stands_and_resumed_it_goes_on(site: Site, ended: list[Case]) -> None:
    where = '.application_id | startswith("A-replayed-000")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="slow", rate=0.5)
    await replaying.replayed(site, "slow", 1)
    await replaying.told(site, "slow", "pause", "paused")
    await replaying.told(site, "slow", "resume", "running")
    over = await replaying.told(site, "slow", "cancel", "cancelled")
    assert 0 < over["replayed"] < 10


async def test_what_only_reads_is_really_read(site: Site, ended: list[Case]) -> None:
    before = await replaying.ledgers(site)
    where = '.application_id | startswith("A-replayed-00")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="reading", effects="read")
    told = await replaying.over(site, "reading")
    opened = sum(first.opens_account for _, first in Anew(ended[:100]).first.values())
    assert (told["replayed"], told["changed"], told["report"]["calls"]["real"]) == (100, 0, opened)
    assert await replaying.ledgers(site) == before


async def test_what_is_asked_for_wrongly_is_refused(site: Site, ended: list[Case]) -> None:
    for wish, status, word in (
        ({"topics": ["events.nobody.v1"]}, 404, "no topic"),
        ({"topics": [TOPIC], "where": ".["}, 422, "no jq"),
        ({"topics": [TOPIC], "effects": "on"}, 422, "sure"),
        ({"topics": [TOPIC], "models": ["credit-risk@none"]}, 404, "no model"),
        ({"topics": [TOPIC], "definition": "nothing@1"}, 404, "No definition"),
        ({"topics": [TOPIC], "rate": 0}, 422, "rate"),
        ({"topics": [TOPIC], "name": "same"}, 409, "another"),
    ):
        found = await replaying.refused(site, wish)
        assert (found["status"], word in found["detail"]) == (status, True), found


async def test_history_folds_again_to_the_same_bytes(site: Site, ended: list[Case]) -> None:
    found = await replaying.asked(site, "/v1/verification", workflow="customer-onboarding", limit="100")
    assert (found["checked"], found["findings"]) == (100, [])


async def test_what_the_topic_holds_no_longer_comes_from_history(site: Site, ended: list[Case]) -> None:
    lost, end = _drop(site, 0)
    where = '.application_id | startswith("A-replayed-")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="gone", rate=1000)
    told = await replaying.over(site, "gone")
    assert (told["replayed"], told["changed"], told["unanswered"]) == (COUNT, 0, 0)
    assert (told["from_history"], told["gone"]) == (lost, end) and lost


async def test_what_the_topic_drops_while_a_replay_stands_comes_from_history(site: Site, ended: list[Case]) -> None:
    where = '.application_id | startswith("A-replayed-")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="dropped", rate=COUNT / 5)
    await replaying.replayed(site, "dropped", 1)
    paused = await replaying.told(site, "dropped", "pause", "paused")
    lost, _ = _drop(site, max(each.partition for each in replaying.held(site, TOPIC)))  # which is read last
    await replaying.told(site, "dropped", "resume", "running")
    told = await replaying.over(site, "dropped")
    assert (told["replayed"], told["changed"], told["unanswered"]) == (COUNT, 0, 0)
    assert told["gone"] > paused["gone"] and told["from_history"] >= lost > 0


def _drop(site: Site, partition: int) -> tuple[int, int]:
    """A partition loses all that it holds; gives how many of that were ours, and where it ends."""
    gone = [each for each in replaying.held(site, TOPIC) if each.partition == partition]
    ours = {b"A-replayed-%04d" % number for number in range(COUNT)}
    place = TopicPartition(TOPIC, partition, gone[-1].offset + 1)
    admin = AdminClient(client_config(site.settings))  # kept: what it is asked ends with it
    for deleted in admin.delete_records([place]).values():
        deleted.result(PATIENCE_S)
    return sum(dict(each.headers)["ce_subject"] in ours for each in gone), place.offset


@pytest.mark.crash
async def test_shadow_takes_live_events_as_they_end_through_a_kill_and_asks_nobody(site: Site) -> None:
    cases = made_up("shadowed", SHADOWED, seed=26)
    anew, before = Anew(cases), await replaying.ledgers(site)
    begun = {"topics": [TOPIC], "live": True, "yaml": anew.yaml, "name": "shadow", "rate": 1000}
    refused = await replaying.refused(site, begun | {"effects": "read"})
    assert refused["status"] == 422 and "without effects" in refused["detail"]
    await replaying.begun(site, **begun)
    await replaying.begun(site, topics=[TOPIC], live=True, models=["credit-risk@1"], name="rival", rate=1000)
    await _ended(site, cases[: SHADOWED // 2])
    await replaying.replayed(site, "shadow", 1)
    site.kill("replay")
    await _ended(site, cases[SHADOWED // 2 :])
    await replaying.replayed(site, "shadow", SHADOWED)
    await replaying.told(site, "shadow", "cancel", "cancelled")
    told = await replaying.over(site, "shadow")
    assert (told["replayed"], told["read"], told["unreadable"]) == (SHADOWED, SHADOWED, 0)
    replaying.check(told["report"], await replaying.results(site, "shadow"), anew)
    await replaying.replayed(site, "rival", SHADOWED)
    await replaying.told(site, "rival", "cancel", "cancelled")
    assert _routes(await replaying.over(site, "rival"), "assessRisk") == _decided_by_both(cases)
    live = [each for _, each in anew.first.values()]
    opened, approved = (sum(each.opens_account for each in live), sum(each.decision == "approved" for each in live))
    after = await replaying.ledgers(site)
    more = [one["requests"] - other["requests"] for one, other in zip(after, before, strict=True)]
    assert more == [opened, opened, approved]
