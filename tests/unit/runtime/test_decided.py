"""Decisions about one row that come close together: none is lost, whether it is written at once, with others or when
its time has come."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from streams.runtime.decided import Decided
from streams.runtime.processor import Effects, Message, Output, Record, Row, WritableState
from streams.runtime.recent import UNKNOWN
from streams.runtime.writer import Written
from tests.support.lanes import INPUT, OUT, Outside, Patient, running, slow_lane, until

COUNT = 60
KEYS = (b"a", b"b")
DUE_MS = 1  # long ago
TOLD = b"told"


class Unsteady(Outside):
    """Takes its time with each write, now more and now less."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def append(
        self, topic: str, partition: int, changes: Sequence[tuple[bytes, bytes | None]], header: tuple[str, bytes]
    ) -> list[Written]:
        await turns(self._chance)
        return await super().append(topic, partition, changes, header)

    async def send(self, outputs: Iterable[Output], partition: int) -> None:
        await turns(self._chance)
        await super().send(outputs, partition)


class Adding(Patient):
    """Each record adds its number to a row, sooner or later, in one of the ways that there are."""

    concurrency = 20

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.decided: dict[bytes, list[bytes]] = {key: [] for key in KEYS}

    def on_record(self, effects: Effects) -> bool:
        return TOLD in {output.value for output in effects.outputs}

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        number, key = b"%d" % message.record.offset, self._chance.choice(KEYS)
        await turns(self._chance)
        row = self._added(state.get(key), key, number, self._chance.choice((0, 0, DUE_MS)))
        if self._chance.random() < 0.2:
            await state.write({key: row})
            return Effects([], {})
        return Effects([Output(OUT, key, self._chance.choice((b"", TOLD)))], {key: row})

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        return Effects([], {key: self._added(row, key, b"due%d" % self._chance.getrandbits(40), 0)})

    def _added(self, before: Row | None, key: bytes, number: bytes, due_ms: int) -> Row:
        self.decided[key].append(number)
        return Row((before.value + b" " if before else b"") + number, due_ms)


async def turns(chance: random.Random) -> None:
    for _ in range(chance.choice((0, 1, 2, 5, 20))):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(12))
async def test_no_decision_about_a_row_is_lost(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    adding = Adding(chance)
    lane = await slow_lane(adding, Unsteady(chance), tmp_path)
    table = lane._table
    assert table is not None
    async with running(lane):
        for offset in range(COUNT):
            lane.deliver(INPUT, [Record("in", 0, offset, 0, b"k", b"v")])
            await turns(chance)
        await until(lambda: lane.committable() == {INPUT: COUNT})
        await until(lambda: not table.due._due)
        await until(lambda: not lane._decided._newest)
    for key in KEYS:
        row = table.get(key)
        assert row is not None and row.value.split() == adding.decided[key]


def test_what_is_written_is_forgotten_unless_it_was_decided_anew() -> None:
    decided, first, second = Decided(), Row(b"1"), Row(b"2")
    decided.wait({b"k": first, b"gone": None})
    taken = decided.take()
    decided.wait({b"k": second})
    decided.written(taken)
    assert (decided.get(b"k"), decided.get(b"gone")) == (second, UNKNOWN)
    decided.written(decided.take())
    assert decided.get(b"k") is UNKNOWN


def test_what_is_written_at_once_is_not_written_over_by_what_was_decided_before() -> None:
    decided, row = Decided(), Row(b"now")
    decided.wait({b"taken": Row(b"0"), b"other": None})
    taken = decided.take()
    decided.wait({b"waiting": Row(b"0")})
    decided.overtake({b"taken": row, b"waiting": row})
    assert (taken, decided.take(), decided.get(b"taken")) == ({b"other": None}, {}, row)
