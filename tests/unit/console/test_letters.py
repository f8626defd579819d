"""What went aside: grouped by its cause, read and edited, sent again or dropped together as the preview has shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.messages import APPLICATION_SUBMITTED, INCIDENT, LETTER, LETTER_ACTION
from schemas.samples import sample
from streams.console import install
from streams.ground.record_at import RawRecord
from streams.ground.settings import Settings
from streams.processors.letters import ACTIONS
from streams.runtime.parking import PARKING, parked
from streams.runtime.processor import Record
from tests.support.consoles import INSTANCE, NOW_MS, Console
from tests.support.gateways import CODEC, AsyncGateway

EVENT = Record("orders.v1", 2, 5, 0, b"k", b'{"customer": {"name": "Ada"}, "n": 1}', (("ce_id", b"7"),))
HOUR = 3_600_000
held: dict[tuple[str, int, int], RawRecord] = {}


async def look(settings: Settings, topic: str, partition: int, offset: int) -> RawRecord | None:
    return held.get((topic, partition, offset))


async def topics_there(settings: Settings) -> list[str]:
    return ["orders.v1"]


@pytest.fixture
async def console(settings: Settings) -> AsyncIterator[Console]:
    held.clear()
    output = parked(EVENT, "intake", "no frame")
    held[PARKING.name, 2, 9] = RawRecord(output.key, output.value, list(output.headers))
    async with AsyncGateway(settings, install, look=look, topics_there=topics_there, answer_timeout_s=0.01) as running:
        yield Console(running)


def letter(number: int, **more: Any) -> dict[str, Any]:
    return {
        "letter_id": f"2-{number:032x}", "seq": 0, "kind": "parked", "status": "open", "processor": "intake",
        "reason": "no frame", "topic": "orders.v1", "partition": 2, "offset": 5, "held_topic": PARKING.name,
        "held_offset": 9, "size": 40, "replays": 0, "at_ms": NOW_MS - HOUR - number - 1, "changed_at_ms": NOW_MS - HOUR,
        **more,
    }  # fmt: skip


def dead(number: int, effect: str = "none", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The letter of a failed step, and its incident."""
    of = {"instance_id": INSTANCE, "workflow": "order", "pointer": "/do/0/pay"}
    example = sample(current()[INCIDENT])
    error = example["error"] | {"title": "It failed", "reason": "REMOTE_FAULT", "effect": effect}
    incident = example | of | {
        "incident_id": f"{INSTANCE}/{number}", "number": number, "status": "open", "error": error, "actor": None,
        "closed_at_ms": None, "reason": "REMOTE_FAULT",
    }  # fmt: skip
    about = {"kind": "dead", "processor": "call", "topic": "dead", "reason": "REMOTE_FAULT", "incident": number}
    return letter(number, **about, **of, **more), incident


def ids(console: Console) -> list[str]:
    return [data["letter_id"] for name, data in console.gateway.outbox.decoded() if name == LETTER_ACTION]


def answered(console: Console, told: dict[str, Any], act: str, **more: Any) -> None:
    """Its processor has taken what was asked, or refused it."""
    action_id = f"{act.rpartition('/')[2]}#{told['letter_id']}"
    console.gateway.see(LETTER, told | {"seq": told["seq"] + 1, "action_id": action_id} | more)


async def test_letters_are_grouped_by_their_cause_with_trend_and_effect(console: Console) -> None:
    for number in range(3):
        console.gateway.see(LETTER, letter(number))
    console.gateway.see(LETTER, letter(7, status="dropped"))
    for number, effect in ((11, "none"), (12, "unknown")):
        told, incident = dead(number, effect, at_ms=NOW_MS - 30 * HOUR)
        console.gateway.see(LETTER, told)
        console.gateway.see(INCIDENT, incident)
    parked_ones, failed_ones = (await console.data("/letters"))["causes"]
    assert (parked_ones["count"], parked_ones["reason"], parked_ones["effects"]) == (3, "no frame", {})
    assert parked_ones["by_hour"] == [0] * 22 + [3, 0]
    assert (failed_ones["count"], failed_ones["effects"]) == (2, {"none": 1, "unknown": 1})
    assert sum(failed_ones["by_hour"]) == 0
    _, page = await console.get("/letters")
    assert "doing it again does no harm" in page and "set aside before anybody acted on it" in page
    narrowed = await console.data("/letters?" + failed_ones["query"])
    assert [each["letter_id"] for each in narrowed["letters"]] == [letter(11)["letter_id"], letter(12)["letter_id"]]
    assert len((await console.data("/letters?status=all"))["letters"]) == 6
    assert "Ada" not in page


async def test_letters_have_pages_and_empty_ones_say_what_comes(console: Console) -> None:
    assert "Nothing has gone aside" in (await console.get("/letters"))[1]
    for number in range(51):
        console.gateway.see(LETTER, letter(number, reason=f"reason {number}"))
    first = await console.data("/letters")
    second = await console.data(first["next"])
    assert len({each["letter_id"] for each in first["letters"] + second["letters"]}) == 51
    assert first["more_causes"] and len(first["causes"]) == 50
    assert "No letter is like that" in (await console.get("/letters?reason=other"))[1]


async def test_preview_says_of_each_letter_what_becomes_of_it(console: Console) -> None:
    console.gateway.see(LETTER, letter(1))
    console.gateway.see(LETTER, letter(2, replays=3))
    console.gateway.see(LETTER, letter(3, left_out="value"))
    console.gateway.see(LETTER, letter(4, topic="gone.v1"))
    data = await console.data("/letters/redrive?kind=parked")
    assert data["counts"] == {"ready": 1, "forced": 1, "never": 2}
    assert list(data["whys"]["forced"]) == ["it came back 3 times already; mend the cause first, or force it"]
    assert "there is no topic gone.v1 any more" in data["whys"]["never"]
    assert (await console.data("/letters/drop?kind=parked"))["counts"] == {"ready": 4, "forced": 0, "never": 0}


@pytest.mark.parametrize(("fields", "expected"), [({}, [1]), ({"force": "yes"}, [1, 2])])
async def test_act_sends_what_the_preview_counted_and_tells_of_each(
    console: Console, fields: dict[str, str], expected: list[int]
) -> None:
    for told in (letter(1), letter(2, replays=3), letter(4, topic="gone.v1")):
        console.gateway.see(LETTER, told)
    path = unescape(
        re.findall(r'href="(/letters/redrive[^"]*)"', (await console.get("/letters?topic=orders.v1"))[1])[0]
    )
    _, page = await console.get(path)
    assert "Send 1 letter again" in page and "1 letter only if forced" in page
    console.gateway.see(LETTER, letter(5))  # comes after somebody has looked
    status, onward, _ = await console.send(path, page, {"reason": "mended", **fields})
    assert status == 303
    while not (await console.data(onward))["sent"]:
        await asyncio.sleep(0)
    assert sorted(ids(console)) == [letter(number)["letter_id"] for number in expected]
    (_, said), *_ = console.gateway.outbox.decoded()
    assert (said["action"], said["why"], said["seq"]) == ("redrive", "mended", 0) and said["actor"]
    assert said["force"] == bool(fields)
    asked = await console.data(onward)
    assert asked["counts"].get("asked") == len(expected) and asked["counts"].get("refused", 0) == 2 - len(expected)
    answered(console, letter(1), onward, status="redriven")
    done = await console.data(onward)
    assert done["counts"]["redriven"] == 1
    answered(console, letter(1, replays=1) | {"seq": 1}, onward)
    assert (await console.data(onward))["counts"]["came back"] == 1
    answered(console, letter(1) | {"seq": 2}, onward, refused="it has changed since it was looked at")
    assert "it has changed since it was looked at" in (await console.get(onward))[1]
    assert (await console.send(path, page, {"reason": "again"}))[0] == 409  # once


async def test_drop_of_a_failed_step_says_that_the_step_waits_on(console: Console) -> None:
    told, incident = dead(3, "unknown")
    console.gateway.see(LETTER, told)
    console.gateway.see(INCIDENT, incident)
    _, page = await console.get("/letters/drop?kind=dead")
    assert "goes on waiting for a decision" in page and "nobody can tell whether it was done" in page
    _, onward, _ = await console.send("/letters/drop?kind=dead", page, {"reason": "sent by hand"})
    while not (await console.data(onward))["sent"]:
        await asyncio.sleep(0)
    ((_, said),) = console.gateway.outbox.decoded()
    assert (said["action"], said["letter_id"]) == ("drop", told["letter_id"])
    assert "There is nothing to do" in (await console.get("/letters/drop?reason=other"))[1]


async def test_letter_is_read_and_edited_as_it_is_written(console: Console) -> None:
    path = f"/letters/{letter(1)['letter_id']}"
    console.gateway.see(LETTER, letter(1))
    _, page = await console.get(path)
    assert "Ada" in page and "ce_id" in page
    _, form = await console.get(path + "?ask=edit")
    assert unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", form)[0]) == (EVENT.value or b"").decode()
    sent = {"text": '{"n": 2}\r\n', "why": "typo"}
    status, onward, _ = await console.send(path, form, sent)
    ((_, said),) = console.gateway.outbox.decoded()
    assert (status, onward) == (303, f"{path}?sent=edit")
    assert (said["action"], said["value"], said["why"], said["seq"]) == ("edit", b'{"n": 2}\n', "typo", 0)
    held[ACTIONS.name, 2, 3] = RawRecord(b"", CODEC.encode(LETTER_ACTION, said), [])
    console.gateway.see(LETTER, letter(1, seq=1, status="edited", edited_offset=3, actor="kim", why="typo"))
    _, page = await console.get(path)
    assert "As edited" in page and "As it came" in page and "kim" in page


async def test_edit_of_what_is_no_text_sets_members_and_of_a_failed_step_gives_others(console: Console) -> None:
    value = CODEC.encode(APPLICATION_SUBMITTED, sample(current()[APPLICATION_SUBMITTED]))
    told = parked(EVENT, "intake", "no frame")
    held[PARKING.name, 2, 9] = RawRecord(b"k", value, list(told.headers))
    member = next(each["name"] for each in current()[APPLICATION_SUBMITTED]["fields"] if each["type"] == "string")
    console.gateway.see(LETTER, letter(1))
    path = f"/letters/{letter(1)['letter_id']}"
    _, form = await console.get(path + "?ask=edit")
    status, _, answer = await console.send(path, form, {"text": "[]", "why": "x"})
    assert status == 422 and "an object of paths and values" in answer and ">[]</textarea>" in answer
    assert (await console.send(path, form, {"text": f'{{"{member}": "other"}}', "why": "x"}))[0] == 303
    ((_, said),) = console.gateway.outbox.decoded()
    assert CODEC.decode(said["value"])[1][member] == "other"
    failed, _ = dead(3)
    console.gateway.see(LETTER, failed)
    path = f"/letters/{failed['letter_id']}"
    _, form = await console.get(path + "?ask=edit")
    assert (await console.send(path, form, {"text": '{"sum": 3}', "why": "x"}))[0] == 303
    assert console.gateway.outbox.decoded()[1][1]["value"] == b'{"sum":3}'


@pytest.mark.parametrize("fields", [{"text": "x", "why": ""}, {"text": "", "why": "x"}])
async def test_edit_that_says_nothing_is_refused(console: Console, fields: dict[str, str]) -> None:
    failed, _ = dead(3)
    console.gateway.see(LETTER, failed)
    path = f"/letters/{failed['letter_id']}"
    _, form = await console.get(path + "?ask=edit")
    status, _, answer = await console.send(path, form, fields)
    assert status == 422 and "Not taken" in answer and console.gateway.outbox.records == []


async def test_bytes_that_are_no_text_are_for_the_command_line(console: Console) -> None:
    told = parked(EVENT, "intake", "no frame")
    held[PARKING.name, 2, 9] = RawRecord(b"k", b"\xff\x00\x07", list(told.headers))
    console.gateway.see(LETTER, letter(1))
    _, form = await console.get(f"/letters/{letter(1)['letter_id']}?ask=edit")
    assert "exlify letters edit" in form and "<textarea" not in form
    held.clear()
    assert "held no longer" in (await console.get(f"/letters/{letter(1)['letter_id']}"))[1]
    assert (await console.get("/letters/2-nobody"))[0] == 404
