"""What has been begun is worked off before more begins, and who does not get on holds back nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from streams.ground.errors import UnavailableError
from streams.ground.unread import Standing
from streams.processors.intake import room
from streams.processors.intake.room import Room
from streams.runtime.processor import Crowded


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
