"""Past events processed anew: the report is right to the instance, no system is asked anything, kills lose nothing."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from schemas import ids
from schemas.codec import Codec
from streams.processors.replay import HEADER, OUTCOMES
from tests.acceptance import replaying
from tests.acceptance.cases import Case, made_up
from tests.acceptance.journey import Subscriber, deliver, reviewers
from tests.acceptance.replaying import TOPIC, Anew
from tests.acceptance.site import Site
from tests.support.figures import Report

pytestmark = [pytest.mark.acceptance, pytest.mark.broker, pytest.mark.slow]
COUNT = 200


@pytest.fixture(scope="module")
def ended(site: Site) -> list[Case]:
    """Applications that have ended, each by the model or by a reviewer."""
    cases = made_up("replayed", COUNT, seed=22)
    asyncio.run(_ended(site, cases))
    return cases


async def _ended(site: Site, cases: list[Case]) -> None:
    subscriber = Subscriber(site, (case.instance_id for case in cases))
    async with reviewers(site):
        await deliver(site, cases)
        await subscriber.all_ended()
    await site.quiet()


async def test_report_is_right_to_the_instance_after_a_kill(site: Site, ended: list[Case], report: Report) -> None:
    anew = Anew(ended)
    before, figures = await replaying.ledgers(site), await replaying.asked(site, "/v1/instances", limit="1")
    wish = {"topics": [TOPIC], "where": '.application_id | startswith("A-replayed-")', "yaml": anew.yaml}
    survey = await replaying.begun(site, **wish, dry_run=True)
    assert (survey["meant"], survey["gone"], survey["whole"]) == (COUNT, 0, True)
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
    assert await replaying.asked(site, "/v1/instances", limit="1") == figures
    _check_outcomes(site, "threshold", anew)


def _check_outcomes(site: Site, name: str, anew: Anew) -> None:
    """Each that ended has one outcome, on the topic of replays and marked as one."""
    records = [each for each in site.read(OUTCOMES) if dict(each.headers)[HEADER] == name.encode()]
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


async def test_paused_it_stands_and_resumed_it_goes_on(site: Site, ended: list[Case]) -> None:
    where = '.application_id | startswith("A-replayed-000")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="slow", rate=0.5)
    await replaying.replayed(site, "slow", 1)
    paused = await replaying.told(site, "slow", "pause")
    assert paused["status"] == "paused"
    assert (await replaying.told(site, "slow", "resume"))["status"] == "running"
    ended_early = await replaying.told(site, "slow", "cancel")
    assert ended_early["status"] == "cancelled" and ended_early["replayed"] < 10


async def test_what_only_reads_is_really_read(site: Site, ended: list[Case]) -> None:
    before = await replaying.ledgers(site)
    where = '.application_id | startswith("A-replayed-00")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="reading", effects="read")
    told = await replaying.over(site, "reading")
    opened = sum(first.opens_account for _, first in Anew(ended[:100]).first.values())
    assert (told["replayed"], told["changed"], told["report"]["calls"]["real"]) == (100, 0, opened)
    assert await replaying.ledgers(site) == before


async def test_with_effects_on_each_call_is_made_once_more_with_a_key_of_its_own(site: Site, ended: list[Case]) -> None:
    where = '.application_id | test("^A-replayed-00[01]")'
    await replaying.begun(site, topics=[TOPIC], where=where, name="really", effects="on", sure=True)
    site.kill("replay")
    told = await replaying.over(site, "really")
    found = await replaying.results(site, "really")
    assert (told["replayed"], told["unanswered"]) == (20, 0)
    first = Anew(ended[:20]).first
    opened = {each["instance_id"] for each in found if first[each["original_id"]][1].opens_account}
    approved = {each["instance_id"] for each in found if first[each["original_id"]][1].decision == "approved"}
    ours = {each["instance_id"] for each in found}
    for ledger, served in zip(await replaying.ledgers(site), (opened, opened, approved), strict=True):
        done = Counter(ids.instance_of(each["key"]) for each in ledger["entries"] if each["result"] == "done")
        assert not ledger["repeated"]
        assert {key: number for key, number in done.items() if key in ours} == dict.fromkeys(served, 1)


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
