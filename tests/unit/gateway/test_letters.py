"""`/v1/letters`: what went aside can be found without being read, and read by its place."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.messages import APPLICATION_SUBMITTED, DEAD_LETTER, GENERIC_EVENT, LETTER, LETTER_ACTION
from schemas.samples import sample
from streams.ground.record_at import RawRecord
from streams.ground.settings import Settings
from streams.processors.letters import ACTIONS
from streams.runtime.parking import PARKING, parked
from streams.runtime.processor import Record
from tests.support.gateways import CODEC, AsyncGateway, Gateway

HASH = "-" + "0c" * 16
EVENT = Record("orders.v1", 2, 5, 0, b"k", b'{"customer": {"name": "Ada"}, "n": 1}', (("ce_id", b"7"),))
FRAMED = CODEC.encode(DEAD_LETTER, sample(current()[DEAD_LETTER]))
held: dict[tuple[str, int, int], RawRecord] = {}


async def look(settings: Settings, topic: str, partition: int, offset: int) -> RawRecord | None:
    return held.get((topic, partition, offset))


@pytest.fixture
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    output = parked(EVENT, "intake", "no frame")
    held.clear()
    held[PARKING.name, 2, 9] = RawRecord(output.key, output.value, list(output.headers))
    async with AsyncGateway(settings, look=look, topics_there=topics_there, answer_timeout_s=0.05) as running:
        yield running


def letter(digit: int, **more: Any) -> dict[str, Any]:
    return {
        "letter_id": f"2{HASH[:-1]}{digit}", "seq": 0, "kind": "parked", "status": "open", "processor": "intake",
        "reason": "no frame", "topic": "orders.v1", "partition": 2, "offset": 5, "held_topic": PARKING.name,
        "held_offset": 9, "size": 40, "replays": 0, "at_ms": 1_000 + digit, "changed_at_ms": 1_000, **more,
    }  # fmt: skip


async def ids(gateway: Gateway, query: str) -> list[str]:
    status, found = await gateway.ask("GET", f"/v1/letters?{query}")
    assert status == 200
    return [each["letter_id"][-1] for each in found["letters"]]


async def test_letters_are_found_by_what_is_known_of_them(gateway: Gateway) -> None:
    gateway.see(LETTER, letter(1))
    gateway.see(LETTER, letter(2, kind="dead", processor="call", reason="UNREACHED", workflow="order", topic="dead"))
    gateway.see(LETTER, letter(3, status="edited"))
    gateway.see(LETTER, letter(4))
    gateway.see(LETTER, letter(4, seq=1, status="dropped"))
    assert await ids(gateway, "") == ["1", "2", "3", "4"]
    assert await ids(gateway, "status=undecided") == ["1", "2", "3"]
    assert await ids(gateway, "status=dropped") == ["4"]
    assert await ids(gateway, "kind=dead&workflow=order&reason=UNREACH") == ["2"]
    assert await ids(gateway, "reason=%25") == []
    assert await ids(gateway, "topic=orders.v1&processor=intake&since=1970-01-01T00:00:01.002Z") == ["3", "4"]
    _, page = await gateway.ask("GET", "/v1/letters?limit=3")
    assert await ids(gateway, f"cursor={page['next']}") == ["4"]
    assert (await gateway.ask("GET", "/v1/letters?status=lost"))[0] == 400


async def test_lists_say_nothing_of_what_is_in_a_letter(gateway: Gateway) -> None:
    gateway.see(LETTER, letter(1))
    _, found = await gateway.ask("GET", "/v1/letters")
    assert "Ada" not in str(found)
    _, shown = await gateway.ask("GET", f"/v1/letters/{letter(1)['letter_id']}")
    assert shown["original"]["data"]["customer"]["name"] == "Ada"
    assert base64.b64decode(shown["original"]["value"]) == EVENT.value
    assert shown["original"]["headers"] == [{"name": "ce_id", "value": "7"}]
    assert shown["edited"] is None


async def test_a_letter_shows_both_versions_and_what_is_held_no_longer(gateway: Gateway) -> None:
    action = {"action": "edit", "seq": 0, "value": b'{"n":2}', "why": "w", "actor": "a", "action_id": "x"}
    value = CODEC.encode(LETTER_ACTION, {"letter_id": "2" + HASH, **action})
    held[ACTIONS.name, 2, 3] = RawRecord(b"2" + HASH.encode(), value, [])
    gateway.see(LETTER, letter(1, status="edited", edited_offset=3))
    _, shown = await gateway.ask("GET", f"/v1/letters/{letter(1)['letter_id']}")
    assert (shown["original"]["data"]["n"], shown["edited"]["data"]) == (1, {"n": 2})
    held.clear()
    _, shown = await gateway.ask("GET", f"/v1/letters/{letter(1)['letter_id']}")
    assert (shown["original"], shown["edited"]) == (None, None)
    assert (await gateway.ask("GET", "/v1/letters/2-nobody"))[0] == 404


async def test_a_dead_letter_is_shown_as_it_is_read(gateway: Gateway) -> None:
    held["dead-letter.command.call.v1", 2, 9] = RawRecord(b"k", FRAMED, [])
    gateway.see(LETTER, letter(1, kind="dead", held_topic="dead-letter.command.call.v1"))
    _, shown = await gateway.ask("GET", f"/v1/letters/{letter(1)['letter_id']}")
    assert shown["original"]["message"] == DEAD_LETTER
    assert shown["original"]["data"]["error"]["reason"]


async def topics_there(settings: Settings) -> list[str]:
    return ["orders.v1"]


async def act(gateway: Gateway, verb: str, **wish: Any) -> tuple[int, Any]:
    return await gateway.ask("POST", f"/v1/letters/{verb}", json={"why": "mended", **wish})


async def test_decisions_name_the_state_that_was_seen_and_say_what_is_not_known(gateway: Gateway) -> None:
    gateway.see(LETTER, letter(1, seq=4))
    gateway.see(LETTER, letter(2, topic="gone.v1"))
    ids = [letter(digit)["letter_id"] for digit in (1, 2, 3)]
    status, told = await act(gateway, "redrive", letters=ids, actor="kim", force=True)
    assert status == 202
    words = {each["letter_id"]: (each["taken"], each["detail"]) for each in told["letters"]}
    assert words[ids[0]] == (None, None)
    assert words[ids[1]] == (False, "there is no topic gone.v1 any more")
    assert words[ids[2]][0] is False
    ((name, action),) = gateway.outbox.decoded()
    assert (name, action["letter_id"], action["seq"], action["actor"]) == (LETTER_ACTION, ids[0], 4, "kim")
    assert (action["force"], gateway.outbox.records[0].topic) == (True, ACTIONS)
    assert ACTIONS.partition_of(gateway.outbox.records[0].key, 3) == 2


async def test_what_became_of_a_decision_is_told(gateway: Gateway) -> None:
    one = letter(1)
    gateway.see(LETTER, {**one, "seq": 1, "status": "redriven", "action_id": f"n#{one['letter_id']}"})
    wish = {"why": "mended", "letters": [one["letter_id"]]}
    status, told = await gateway.ask("POST", "/v1/letters/drop", json=wish, headers={"Idempotency-Key": "n"})
    assert (status, told["letters"][0]["taken"]) == (200, True)
    gateway.see(LETTER, {**one, "seq": 2, "refused": "no", "action_id": f"m#{one['letter_id']}"})
    status, told = await gateway.ask("POST", "/v1/letters/drop", json=wish, headers={"Idempotency-Key": "m"})
    assert (status, told["detail"]) == (409, "Refused: no.")


async def edited(gateway: Gateway, value: bytes | None, changes: dict[str, Any], **more: Any) -> Any:
    """The value that an edit makes of one, or the status where it is refused."""
    held[PARKING.name, 2, 9] = RawRecord(b"k", value, list(parked(EVENT, "intake", "no frame").headers))
    gateway.see(LETTER, letter(1, **more))
    gateway.outbox.records.clear()
    status, _ = await act(gateway, "edit", letter=letter(1)["letter_id"], set=changes)
    return gateway.outbox.decoded()[0][1]["value"] if status == 202 else status


async def test_members_are_set_in_the_form_that_the_value_has(gateway: Gateway) -> None:
    assert await edited(gateway, EVENT.value, {"customer.name": "Eva", "new.x": 1}) == (
        b'{"customer":{"name":"Eva"},"n":1,"new":{"x":1}}'
    )
    assert await edited(gateway, b'{"list":[{"a":1}]}', {"list.0.a": 2}) == b'{"list":[{"a":2}]}'
    generic = CODEC.encode(GENERIC_EVENT, {"data": b'{"n":1}'})
    assert CODEC.decode(await edited(gateway, generic, {"data.n": 2})) == (GENERIC_EVENT, {"data": b'{"n":2}'})
    broken = CODEC.encode(GENERIC_EVENT, {"data": b"{oops"})
    assert CODEC.decode(await edited(gateway, broken, {"data": {"n": 3}}))[1] == {"data": b'{"n":3}'}
    assert await edited(gateway, broken, {"data.n": 3}) == 422
    typed = CODEC.encode(APPLICATION_SUBMITTED, sample(current()[APPLICATION_SUBMITTED]))
    member = next(each["name"] for each in current()[APPLICATION_SUBMITTED]["fields"] if each["type"] == "string")
    assert CODEC.decode(await edited(gateway, typed, {member: "other"}))[1][member] == "other"
    assert await edited(gateway, typed, {member: 5}) == 422
    assert await edited(gateway, typed, {"no_such_member": 5}) == 422
    assert await edited(gateway, b"\xff\x00", {"a": 1}) == 422
    assert await edited(gateway, b'{"a":1}', {"a.b": 1}) == 422
    assert await edited(gateway, None, {"a": 1}) == 422


async def test_an_edit_builds_on_the_edit_before_and_of_a_dead_letter_is_a_patch(gateway: Gateway) -> None:
    action = {"action": "edit", "seq": 0, "value": b'{"n":2}', "why": "w", "actor": "a", "action_id": "x"}
    value = CODEC.encode(LETTER_ACTION, {"letter_id": "2" + HASH, **action})
    held[ACTIONS.name, 2, 3] = RawRecord(b"", value, [])
    assert await edited(gateway, b'{"n":1}', {"m": 1}, edited_offset=3) == b'{"n":2,"m":1}'
    assert await edited(gateway, FRAMED, {"a.b": 1, "a.c": "x"}, kind="dead", seq=1) == b'{"a":{"b":1,"c":"x"}}'


@pytest.mark.parametrize(
    ("verb", "wish"),
    [
        ("redrive", {"letters": []}),
        ("redrive", {"letters": ["x"] * 501}),
        ("drop", {"letters": [5]}),
        ("edit", {"letter": letter(1)["letter_id"]}),
        ("edit", {"letter": letter(1)["letter_id"], "value": "e30=", "set": {"a": 1}}),
        ("edit", {"letter": letter(1)["letter_id"], "value": "no base64!"}),
        ("drop", {"letters": ["x"], "why": ""}),
    ],
)
async def test_what_cannot_be_meant_is_refused(gateway: Gateway, verb: str, wish: dict[str, Any]) -> None:
    gateway.see(LETTER, letter(1))
    assert (await act(gateway, verb, **wish))[0] == 422
    assert gateway.outbox.records == []
