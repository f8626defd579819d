"""`/v1/letters`: what went aside can be found without being read, and read by its place."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.catalogue import current
from schemas.messages import DEAD_LETTER, LETTER, LETTER_ACTION
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
    async with AsyncGateway(settings, look=look, answer_timeout_s=0.05) as running:
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
