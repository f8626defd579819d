"""What nobody mends in time is told, once, to those who can, and a channel that does not deliver is told of, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from schemas.catalogue import current
from schemas.messages import INSTANCE_DEADLINE, LETTER, MODEL_STATE, SYSTEM_REPORT
from schemas.reasons import Reason
from schemas.samples import sample
from streams.processors.call import REPORTS
from streams.processors.decide import STATES
from streams.processors.escalate import ALERTS, ANSWERS, CAUSES, NOTICES
from streams.processors.letters import LETTERS
from streams.runtime.processor import Output
from tests.support import peers
from tests.support.alerting import CODEC, HOUR, INSTANCE, MINUTE, Alerting, told
from tests.support.mailboxes import mailbox

TITLE = "desk is late: Look at it"
AWAY = f"http://127.0.0.1:{peers.unused_port()}"


@asynccontextmanager
async def alerting(folder: Path, channels: str = "") -> AsyncIterator[Alerting]:
    (folder / "channels.yaml").write_text(channels)
    made = Alerting(folder)
    await made.notify.open()
    yield made
    await made.notify.close()


def ladder(url: str, boss: str = "", **more: str) -> str:
    lines = "".join(f", {name}: {value}" for name, value in more.items())
    text = f"channels:\n  team: {{webhook: '{url}'{lines}}}\n"
    rung = ""
    if boss:
        text += f"  boss: {{webhook: '{boss}'}}\n"
        rung = "    - {after: 1h, tell: [boss]}\n"
    return f"{text}ladders:\n  usual:\n    - tell: [team]\n{rung}"


def said(peer: peers.Peer) -> list[dict[str, Any]]:
    return [json.loads(peer.body(index)) for index in range(peer.count)]


async def test_an_incident_older_than_its_limit_is_told_once_and_its_end_too(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as team, alerting(tmp_path, ladder(team.url)) as ours:
        opened = ours.now_ms
        await ours.incident()
        await ours.incident()  # a copy
        await ours.wait(14 * MINUTE)
        assert ours.alerts == {}
        await ours.wait(MINUTE)
        assert (ours.alert["status"], ours.alert["severity"], ours.alert["count"]) == ("open", "warning", 1)
        await ours.wait(5 * HOUR)
        await ours.incident("retried")
        assert ours.alert["status"] == "closed"
        assert [each["event"] for each in said(team)] == ["opened", "closed"]
        assert told(ours.alert) == [("opened", "team", "told"), ("closed", "team", "told")]
        await ours.incident(opened_at_ms=opened)  # an old copy comes late
        await ours.wait(HOUR)
        assert ours.alert["status"] == "closed"


async def test_what_ends_within_its_limit_is_no_alert(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        await ours.incident()
        await ours.wait(10 * MINUTE)
        await ours.incident("skipped")
        await ours.wait(HOUR)
        assert ours.alerts == {}


async def test_a_thousand_causes_at_one_place_are_one_alert_and_one_notice(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as team, alerting(tmp_path, ladder(team.url)) as ours:
        for number in range(50):
            await ours.incident(number=number)
        await ours.wait(HOUR)
        assert (ours.alert["count"], ours.alert["total"], team.count) == (50, 50, 1)
        for number in range(49):
            await ours.incident("retried", number)
        assert (ours.alert["count"], ours.alert["status"]) == (1, "open")
        await ours.incident("retried", 49)
        assert (ours.alert["count"], ours.alert["status"], team.count) == (0, "closed", 2)


async def test_the_ladder_climbs_until_somebody_takes_it_on(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as team, peers.peer(peers.answers(peers.OK)) as boss:
        async with alerting(tmp_path, ladder(team.url, boss.url)) as ours:
            await ours.incident()
            await ours.wait(15 * MINUTE)
            assert (team.count, boss.count) == (1, 0)
            await ours.wait(HOUR)
            assert (team.count, boss.count) == (1, 1)
            assert said(boss)[0]["event"] == "escalated"
        async with alerting(tmp_path, ladder(team.url, boss.url)) as ours:
            await ours.incident()
            await ours.wait(15 * MINUTE)
            await ours.act("ack")
            await ours.wait(24 * HOUR)
            assert (ours.alert["acknowledged_by"], team.count, boss.count) == ("ada", 2, 1)
            await ours.act("ack", action_id="2", actor="bob")
            assert ours.alert["refused"] == "ada has taken it on already"


async def test_silence_holds_the_ladder_until_it_ends(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as peer, alerting(tmp_path, ladder(peer.url, peer.url)) as ours:
        await ours.incident()
        await ours.wait(15 * MINUTE)
        await ours.act("silence", until_ms=ours.now_ms + 3 * HOUR)
        await ours.wait(3 * HOUR - 1)
        assert peer.count == 1
        await ours.wait(1)
        assert peer.count == 2


async def test_what_comes_and_goes_is_told_once_in_its_window(tmp_path: Path) -> None:
    once = peers.peer(peers.answers(peers.OK))
    async with once as team, alerting(tmp_path, ladder(team.url, closes="false")) as ours:
        for number in range(5):
            await ours.incident(number=number)
            await ours.wait(16 * MINUTE)
            assert ours.alert["status"] == "open"
            await ours.incident("retried", number)
        assert ours.alert["status"] == "closed"
        times = [each["at_ms"] for each in ours.alert["notices"]]
        assert len(times) == team.count
        assert all(after - before >= HOUR for before, after in pairwise(times))


async def test_what_told_nobody_before_it_ended_is_told_when_it_comes_back(tmp_path: Path) -> None:
    script = [peers.status(503), peers.answers(peers.OK)]
    async with peers.peer(*script) as team:
        text = ladder(team.url, effect="keyed") + "rules:\n  - {cause: delivery, older: never}\n"
        async with alerting(tmp_path, text) as ours:
            await ours.incident()
            await ours.wait(15 * MINUTE)
            await ours.incident("retried")
            assert told(ours.alert) == [("opened", "team", "dropped")]
            await ours.incident(number=2)
            await ours.wait(15 * MINUTE)
            assert told(ours.alert)[-1] == ("opened", "team", "told")
            await ours.incident("retried", 2)
            await ours.incident(number=3)
            await ours.wait(16 * MINUTE)
            assert [each["event"] for each in said(team)[1:]] == ["opened", "closed"]


async def test_who_may_have_been_told_is_told_of_the_end(tmp_path: Path) -> None:
    """The answer to a notice is lost, and what it was about ends before the next try."""
    async with peers.peer(peers.resets, peers.answers(peers.OK)) as team:
        text = ladder(team.url, effect="keyed") + "  other: [{after: 1d, tell: [team]}]\n"
        async with alerting(tmp_path, f"{text}rules: [{{cause: delivery, ladder: other}}]\n") as ours:

            def notices() -> list[tuple[str, str, str]]:
                (alert,) = [each for each in ours.alerts.values() if each["kind"] == "incident"]
                return told(alert)

            await ours.incident()
            await ours.wait(15 * MINUTE)
            assert notices() == [("opened", "team", "waiting")]
            await ours.incident("retried")
            assert notices() == [("opened", "team", "dropped"), ("closed", "team", "told")]


async def test_a_notice_that_does_not_arrive_is_tried_until_it_does(tmp_path: Path) -> None:
    script = [*[peers.status(503)] * 4, peers.answers(peers.OK)]
    async with peers.peer(*script) as team, peers.peer(peers.answers(peers.OK)) as boss:
        text = ladder(team.url, boss.url, effect="keyed")
        text += "  other:\n    - tell: [boss]\nrules:\n  - {cause: delivery, ladder: other}\n"
        async with alerting(tmp_path, text) as ours:
            await ours.incident()
            await ours.wait(16 * MINUTE)
            about_the_channel = next(each for each in ours.alerts.values() if each["kind"] == "delivery")
            assert "team" in about_the_channel["title"]
            assert [each["kind"] for each in said(boss)] == ["delivery", "delivery"]
            assert [each["event"] for each in said(boss)] == ["opened", "closed"]
            (alert,) = [each for each in ours.alerts.values() if each["kind"] == "incident"]
            assert (told(alert), team.count) == ([("opened", "team", "told")], 5)
            keys = {team.header("Idempotency-Key", index) for index in range(team.count)}
            assert len(keys) == 1


async def test_an_alert_goes_out_by_mail(tmp_path: Path) -> None:
    async with mailbox() as box:
        team = f"{{mail: '{box.url}', from: exlify@example.com, to: [ops@example.com]}}"
        text = f"channels: {{team: {team}}}\nladders: {{usual: [{{tell: [team]}}]}}\n"
        async with alerting(tmp_path, text) as ours:
            await ours.incident()
            await ours.wait(15 * MINUTE)
            await ours.incident("retried")
    subjects = [each["Subject"] for each in box.mails]
    assert subjects[0] == "[warning] order waits at /do/0/pay for a decision: UNREACHED"
    assert subjects[1:] == [f"{subjects[0]} (closed)"]


async def test_a_channel_that_nobody_declares_any_more_is_told_of_and_waits(tmp_path: Path) -> None:
    async with alerting(tmp_path, ladder(AWAY)) as ours:
        await ours.incident()
        await ours.wait(15 * MINUTE)
        assert [each["reason"] for each in ours.alert["notices"]] == [Reason.UNREACHED]
        (tmp_path / "channels.yaml").write_text("")
        for _ in range(2):
            ours.notify._plan.look()
            ours.escalate._plan.look()
        await ours.wait(HOUR)
        reasons = {each["reason"] for alert in ours.alerts.values() for each in alert["notices"]}
        assert reasons == {Reason.MISCONFIGURED}
        assert "delivery" in {each["kind"] for each in ours.alerts.values()}


async def test_killed_between_intent_and_answer_a_blind_notice_is_a_doubt_that_is_told(tmp_path: Path) -> None:
    async with peers.peer(peers.never_answers) as team, alerting(tmp_path, ladder(team.url)) as ours:
        await ours.incident()
        held: list[Output] = []
        ours.lost = lambda output: output.topic == NOTICES and not held.append(output)  # type: ignore[func-returns-value]
        await ours.wait(16 * MINUTE)
        ours.lost = lambda output: False
        under_way = asyncio.create_task(ours.send(held[0]))
        await team.asked.wait()
        under_way.cancel()
        await asyncio.gather(under_way, return_exceptions=True)
        ours.lost = lambda output: output.topic == NOTICES and b"delivery" in (output.value or b"")
        await ours._run([held[0]])
        assert team.count == 1
        kinds = {each["kind"]: each for each in ours.alerts.values()}
        assert told(kinds["incident"]) == [("opened", "team", "doubt")]
        assert kinds["delivery"]["detail"] == Reason.OUTCOME_UNKNOWN
        await ours.wait(10 * HOUR)
        assert team.count == 1


async def test_whatever_is_handled_again_after_a_crash_is_told_once(tmp_path: Path) -> None:
    """Every record twice, and the rows of the first time lost: the same ids, so one notice."""
    async with peers.peer(peers.answers(peers.OK)) as team, alerting(tmp_path, ladder(team.url)) as ours:
        await ours.incident()
        rows = dict(ours.table.rows)
        await ours.wait(16 * MINUTE)
        first = list(ours.sent)
        ours.table.rows, ours.now_ms = rows, ours.now_ms - 16 * MINUTE
        await ours.wait(16 * MINUTE)
        assert team.count == 1
        assert ours.sent[len(first) :][0] == first[1]  # the cause, raised with the same bytes
        for output in first:
            if output.topic in (CAUSES, ANSWERS):
                ours.take(output)
            elif output.topic == NOTICES:
                await ours.send(output)
        assert (team.count, ours.alert["count"]) == (1, 1)


async def test_a_late_task_is_told_to_its_team_at_once(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        await ours.task()
        await ours.wait(HOUR - 1)
        assert ours.alerts == {}
        await ours.wait(1)
        assert (ours.alert["kind"], ours.alert["owner"], ours.alert["title"]) == (
            "task",
            "desk",
            "desk is late: Look at it",
        )
        await ours.task("completed", due_ms=ours.now_ms)
        assert ours.alert["status"] == "closed"


async def test_a_task_whose_answer_is_taken_back_is_late_as_before(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        due_ms = ours.now_ms + HOUR
        await ours.task(due_ms=due_ms, version=1)
        await ours.task("answered", due_ms=due_ms, version=2)
        await ours.task(due_ms=due_ms, version=1)  # a copy
        await ours.wait(HOUR)
        assert ours.alerts == {}
        await ours.task(due_ms=due_ms, version=3)
        await ours.wait(1)
        assert ours.alert["title"] == "desk is late: Look at it"
        await ours.task("completed", due_ms=due_ms, version=4)
        assert ours.alert["status"] == "closed"


async def test_a_task_that_was_handed_on_is_late_at_the_team_that_has_it(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        due_ms = ours.now_ms + HOUR
        await ours.task(due_ms=due_ms)
        await ours.task(due_ms=due_ms, team="managers")
        await ours.wait(HOUR)
        assert (ours.alert["owner"], ours.alert["title"]) == ("managers", "managers is late: Look at it")
        await ours.task("completed", due_ms=due_ms, team="managers")
        assert ours.alert["status"] == "closed"


async def test_a_reminder_is_told_until_the_task_gets_on_and_the_next_one_too(tmp_path: Path) -> None:
    async with peers.peer(peers.answers(peers.OK)) as team, alerting(tmp_path, ladder(team.url)) as ours:
        rungs = [{"team": name, "after_ms": HOUR, "calendar": None} for name in ("", "", "managers")]
        acts = [{"action_id": f"remind/{n}", "action": "remind", "actor": "exlify", "at_ms": n} for n in range(2)]
        given: dict[str, Any] = {"ladder": rungs, "due_ms": None}
        await ours.task(rung=0, acts=[], **given)
        assert team.count == 0
        await ours.task(rung=1, acts=acts[:1], **given)
        await ours.wait(1)
        await ours.task(rung=2, acts=acts, **given)
        await ours.wait(1)
        titles = [each["title"] for each in said(team)]
        assert titles == ["desk is reminded: Look at it"] * 3
        assert sorted(each["event"] for each in said(team)) == ["closed", "opened", "opened"]
        await ours.task(rung=3, acts=acts, team="managers", **given)
        assert {each["status"] for each in ours.alerts.values()} == {"closed"}


async def test_an_instance_past_its_deadline_is_an_alert_also_in_working_time(tmp_path: Path) -> None:
    (tmp_path / "calendars.yaml").write_text(
        "always: {days: [mon, tue, wed, thu, fri, sat, sun], hours: ['00:00-12:00']}"
    )
    async with alerting(tmp_path) as ours:
        begun = {"workflow": "order", "owner": "desk", "business_key": "A-1", "within_ms": 13 * HOUR, "over": False}
        begun |= {"instance_id": INSTANCE, "started_at_ms": 0, "calendar": "always"}
        ours.now_ms = 24 * HOUR
        await ours.deliver("deadlines", INSTANCE_DEADLINE, begun)
        await ours.wait(HOUR - 1)
        assert ours.alerts == {}
        await ours.wait(1)
        assert (ours.alert["kind"], ours.alert["severity"], ours.alert["owner"]) == ("deadline", "critical", "desk")
        await ours.deliver("deadlines", INSTANCE_DEADLINE, {**begun, "over": True})
        assert ours.alert["status"] == "closed"


async def test_a_suspended_model_is_an_alert_until_it_acts_again(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        change = sample(current()[MODEL_STATE])["changes"][0]
        for state, status in (("suspended", "open"), ("active", "closed")):
            data = {"name": "risk", "changes": [{**change, "state": state, "from_ms": ours.now_ms}]}
            await ours._run([Output(STATES, b"risk", CODEC.encode(MODEL_STATE, data))])
            await ours.wait(MINUTE)
            assert (ours.alert["kind"], ours.alert["status"], ours.alert["severity"]) == ("model", status, "critical")


async def test_a_breaker_is_an_alert_while_a_worker_says_that_it_is_open(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:

        async def report(worker: str, breaker: str) -> None:
            data = {
                **sample(current()[SYSTEM_REPORT]), "connection": "erp", "worker": worker, "breaker": breaker,
                "at_ms": ours.now_ms,
            }  # fmt: skip
            await ours._run([Output(REPORTS, b"erp", CODEC.encode(SYSTEM_REPORT, data))])

        for _ in range(29):
            await report("a", "open")
            await report("b", "half_open")
            await ours.wait(10_000)
        assert ours.alerts == {}
        await report("a", "open")
        await report("b", "closed")
        await ours.wait(10_000)
        assert (ours.alert["kind"], ours.alert["status"]) == ("breaker", "open")
        await report("a", "closed")
        assert ours.alert["status"] == "closed"
        await report("a", "open")
        await ours.wait(HOUR)  # the worker has died, and nobody else says so
        assert ours.alert["status"] == "closed"


async def test_parked_records_are_an_alert_and_dead_letters_are_their_incidents(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        for kind, number in (("dead", 1), ("parked", 2)):
            letter = {
                **sample(current()[LETTER]), "kind": kind, "status": "open", "letter_id": f"0-{number:032}",
                "at_ms": ours.now_ms, "processor": "intake", "topic": "orders",
            }  # fmt: skip
            await ours._run([Output(LETTERS, letter["letter_id"].encode(), CODEC.encode(LETTER, letter))])
        await ours.wait(HOUR)
        assert (ours.alert["kind"], ours.alert["count"]) == ("letter", 1)


async def test_rules_say_how_old_how_grave_and_to_whom(tmp_path: Path) -> None:
    text = """
rules:
  - {cause: incident, workflow: order, older: 2m, severity: critical}
  - {cause: incident, older: never}
"""
    async with alerting(tmp_path, text) as ours:
        await ours.incident()
        await ours.incident(number=2, workflow="other")
        await ours.wait(2 * MINUTE)
        assert (ours.alert["severity"], ours.alert["workflow"]) == ("critical", "order")
        await ours.wait(100 * HOUR)
        assert len(ours.alerts) == 1


async def test_an_alert_that_is_over_is_forgotten_here_and_on_its_topic(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        await ours.incident()
        await ours.wait(HOUR)
        await ours.incident("retried")
        ours.lost = lambda output: output.topic == ALERTS and output.value is None
        await ours.wait(8 * 24 * HOUR)
        assert ours.table.rows == {}
        assert ours.sent[-1].value is None


async def test_actions_about_nothing_are_taken_note_of_and_change_nothing(tmp_path: Path) -> None:
    async with alerting(tmp_path) as ours:
        await ours.act("ack", alert_id="00" * 16)
        await ours.incident()
        await ours.wait(HOUR)
        await ours.act("dance", action_id="2")
        assert "nobody knows" in ours.alert["refused"]
        await ours.incident("retried")
        await ours.act("ack", action_id="3")
        assert ours.alert["refused"] == "it has ended already"
