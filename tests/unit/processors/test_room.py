"""What has been begun is worked off before more begins, and who does not get on holds back nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.cloudevents import to_headers
from schemas.messages import GENERIC_EVENT
from streams.definitions.deploy import described
from streams.ground.errors import UnavailableError
from streams.ground.unread import Standing
from streams.processors.intake import room
from streams.processors.intake.processor import Intake
from streams.processors.intake.room import Room
from streams.processors.orchestrate import CORRELATION
from streams.runtime.processor import NO_STATE, Crowded, Message, Record
from tests.support.contexts import context
from tests.support.definitions import empty_book, load

LISTENS = """
document: { dsl: 1.0.3, namespace: test, name: listens, version: 1.0.0 }
do:
  - hear:
      listen: { to: { one: { with: { type: com.example.heard.v1 }, correlate: { n: { from: .n, expect: 1 } } } } }
"""


class Measured:
    """What is found, look after look; the last for ever."""

    def __init__(self, *found: Mapping[str, Standing] | Exception) -> None:
        self.found = [*found]
        self.looks = 0

    def __call__(self) -> Mapping[str, Standing]:
        self.looks += 1
        now = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(now, Exception):
            raise now
        return now


async def settled(ours: Room) -> bool:
    """Whether there is room after another look."""
    try:
        ours.ask()
    except Crowded as crowded:
        await crowded.wait()
    try:
        ours.ask()
    except Crowded:
        return False
    finally:
        await ours.close()
    return True


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LOOK_S", 0.0)


async def test_nobody_looks_while_there_is_plenty_of_room() -> None:
    measured = Measured({})
    ours = Room(100, measured)
    ours.take(49)
    ours.ask()
    assert measured.looks == 0


async def test_nothing_begins_while_what_has_been_begun_waits() -> None:
    ours = Room(100, Measured({"orchestrate": Standing(1, 100)}, {"orchestrate": Standing(60, 40)}))
    ours.take(100)
    assert not await settled(ours)
    assert await settled(ours)


async def test_who_stands_still_holds_back_nobody_else() -> None:
    ours = Room(100, Measured({"own": Standing(7, 5_000), "call": Standing(1, 10)}))
    ours.take(100)
    assert not await settled(ours), "that it stands is not known yet"
    assert await settled(ours)


async def test_an_engine_that_stands_is_waited_for() -> None:
    ours = Room(100, Measured({"orchestrate": Standing(7, 5_000)}))
    ours.take(100)
    for _ in range(3):
        assert not await settled(ours)


async def test_a_kafka_that_is_away_holds_back_nothing() -> None:
    ours = Room(100, Measured(UnavailableError("away")))
    ours.take(100)
    assert await settled(ours)


def test_events_that_only_others_wait_for_begin_nothing() -> None:
    book = empty_book()
    book.learn(described(load(LISTENS), LISTENS, "test", 0))
    intake, measured = Intake(context(definitions=book)), Measured({})
    intake._room = Room(10, measured)
    for number in range(100):
        attributes = {"specversion": "1.0", "id": str(number), "source": "/tests", "type": "com.example.heard.v1"}
        record = Record(
            "business.event.generic.v1", 0, number, 1, None, b"", to_headers(attributes, "application/avro")
        )
        outputs = intake.handle([Message(record, GENERIC_EVENT, {"data": b'{"n": 1}'})], NO_STATE).outputs
        assert [each.topic for each in outputs] == [CORRELATION]
    assert (intake._room.share(0), measured.looks) == (10, 0)
