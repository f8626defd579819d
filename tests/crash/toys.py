"""Toy processors, one of each kind that the runtime hosts, and what a run without faults makes of the same input.

Every kind shows what can go wrong with it. `Tally` chains a digest through each key, so that a record which was lost,
doubled or overtaken changes every later output of the key. `Relay` keeps nothing. `Booker` calls a ledger outside and
may do so once. `Reminder` works by time. `Reader` reads Avro and meets bytes that are none.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import aiohttp

from schemas.messages import TIMER_FIRED
from streams.runtime.declaration import Declaration
from streams.runtime.parking import parked
from streams.runtime.processor import (
    Effects,
    FastProcessor,
    Message,
    Output,
    Row,
    SlowProcessor,
    StateView,
    WritableState,
)
from tests.crash.inputs import DONE, DOUBTFUL, TABLE, Expected, Input, parse, recognised, topic
from tests.crash.own_step import Own, expected_own, timeless

MAX_DELAY_MS = 1_200  # of a reminder
DEADLY = (b"kill", b"spin", b"hog", b"slow")
SLOW_S = 2.0
SENT = b"sent"


class _Toy:
    """Its topics and its group carry the scenario's name, so that scenarios share a broker."""

    framed: ClassVar[bool] = False
    table: ClassVar[str | None] = TABLE

    def __init__(self, name: str) -> None:
        self.declaration = Declaration(
            name=name, summary="a toy", worker="toys", make="", reads=(topic(name, "in"),), table=self.table
        )
        self.out = topic(name, "out")

    def _output(self, id_: bytes, value: bytes) -> Output:
        return Output(self.out, id_, value)


class Tally(_Toy, FastProcessor):
    """Fast, with a table: drops what it has seen by sequence, and chains a digest through what it has not."""

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        effects = Effects([], {})
        for message in batch:
            item = parse(message)
            row = effects.changes.get(item.key) or state.get(item.key)
            last, digest = _tally_row(row)
            if item.number > last:
                _fail_once(item)
                digest = _chained(digest, item)
                effects.changes[item.key] = Row(b"%d:%s" % (item.number, digest))
                effects.outputs.append(self._output(item.id, digest))
        return effects


def _tally_row(row: Row | None) -> tuple[int, bytes]:
    if row is None:
        return 0, b""
    last, digest = row.value.split(b":", 1)
    return int(last), digest


def _chained(digest: bytes, item: Input) -> bytes:
    return hashlib.sha256(digest + item.value).hexdigest().encode()


def _fail_once(item: Input) -> None:
    """Raises the first time that the record named by EXLIFY_TOY_FAIL_ONCE (`id=marker file`) comes by."""
    id_, _, marker = os.environ.get("EXLIFY_TOY_FAIL_ONCE", "").partition("=")
    if id_.encode() == item.id and not Path(marker).exists():
        Path(marker).touch()
        raise RuntimeError(f"no luck with {id_}")


def expected_tally(inputs: Iterable[Input]) -> Expected:
    digests: dict[bytes, tuple[int, bytes]] = {}
    outputs = {}
    for item in inputs:
        last, digest = digests.get(item.key, (0, b""))
        if item.number > last:
            digests[item.key] = item.number, _chained(digest, item)
            outputs[item.id] = {digests[item.key][1]}
    return Expected(outputs, {key: {b"%d:%s" % last} for key, last in digests.items()})


class Relay(_Toy, FastProcessor):
    """Fast, without a table: everything goes on as it came."""

    table = None

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        return Effects([self._output(item.id, item.payload) for item in map(parse, batch)], {})


def expected_relay(inputs: Iterable[Input]) -> Expected:
    return Expected({item.id: {item.payload} for item in inputs}, {})


class Booker(_Toy, SlowProcessor):
    """Slow, with intents: books every item in a ledger outside, which has an effect each time that it is asked.

    Items with an odd number are booked with a key by which the ledger knows them again: they may be asked for twice.
    The others may not; where only the intent is on record the answer is that nobody knows.
    """

    concurrency = 16

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._ledger = os.environ.get("EXLIFY_TOY_LEDGER", "")
        self._locks: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._finished: set[bytes] = set()  # a second copy may come before the result of the first is in the table

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        item = parse(message)
        async with self._locks[item.id]:
            row = state.get(item.id)
            if row is not None and row.value != SENT:
                return self._answer(item, row.value)
            if item.id in self._finished:
                return self._answer(item, DONE)
            if row is None:
                await state.write({item.id: Row(SENT)})
            elif not recognised(item):
                return self._answer(item, DOUBTFUL)
            await self._book(item)
            self._finished.add(item.id)
            return self._answer(item, DONE)

    async def _book(self, item: Input) -> None:
        kind = "known" if recognised(item) else "blind"
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
            session.post(f"{self._ledger}/{kind}/{item.id.decode()}") as reply,
        ):
            reply.raise_for_status()

    def _answer(self, item: Input, result: bytes) -> Effects:
        return Effects([self._output(item.id, result)], {item.id: Row(result)})


def expected_booker(inputs: Iterable[Input]) -> Expected:
    results = {item.id: {DONE} if recognised(item) else {DONE, DOUBTFUL} for item in inputs}
    return Expected(results, results)


class Reminder(_Toy, FastProcessor):
    """Fast, with rows that fall due: each item is announced a while after it came, once."""

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        effects = Effects([], {})
        for message in batch:
            item = parse(message)
            if state.get(item.id) is None and item.id not in effects.changes:
                due_ms = message.record.timestamp_ms + int(item.payload) % MAX_DELAY_MS
                effects.changes[item.id] = Row(b"waiting", due_ms)
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        return Effects([self._output(key, b"due")], {key: Row(b"announced")})


def expected_reminder(inputs: Iterable[Input]) -> Expected:
    ids = {item.id for item in inputs}
    return Expected({id_: {b"due"} for id_ in ids}, {id_: {b"announced"} for id_ in ids})


class Reader(_Toy, FastProcessor):
    """Fast, reads Avro: says which instance's timer fired, and parks what says nothing."""

    framed = True
    table = None

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        return Effects([self._read(message) for message in batch], {})

    def _read(self, message: Message) -> Output:
        if message.name != TIMER_FIRED:
            return parked(message.record, self.declaration.name, "no timer")
        return self._output(message.data["instance_id"].encode(), b"fired")


class Victim(Tally):
    """A tally that some records are too much for: they end its process, or take their time."""

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        for message in batch:
            _suffer(message.record.value or b"")
        return super().handle([each for each in batch if each.record.value not in DEADLY], state)


class Prey(Booker):
    """A booker that some records are too much for: they end its process, or take their time."""

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        value = message.record.value or b""
        if value in DEADLY:
            _suffer(value)
            return Effects([], {})
        return await super().handle_one(message, state)


def _suffer(value: bytes) -> None:
    if value == b"kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif value == b"spin":
        while True:
            pass
    elif value == b"hog":
        _ = bytearray(8 * 2**30)
    elif value == b"slow":
        Path(os.environ["EXLIFY_TOY_MARK"]).touch()
        time.sleep(SLOW_S)


class Kind(NamedTuple):
    """A kind of processor: how it is made, and what it must come to."""

    make: Callable[[str], FastProcessor | SlowProcessor]
    expected: Callable[[Iterable[Input]], Expected]
    timeless: Callable[[bytes], bytes] = bytes  # a row without what the clock alone decides

    @property
    def has_table(self) -> bool:
        return self.make("any").declaration.table is not None


KINDS = {
    "tally": Kind(Tally, expected_tally),
    "relay": Kind(Relay, expected_relay),
    "booker": Kind(Booker, expected_booker),
    "own": Kind(Own, expected_own, timeless),
    "reminder": Kind(Reminder, expected_reminder),
    "reader": Kind(Reader, expected_relay),
    "victim": Kind(Victim, expected_tally),
    "prey": Kind(Prey, expected_booker),
}
