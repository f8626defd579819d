"""Starts of paused workflows in; the same starts, on the version of that day, once their workflow is active again. Also
those of an active one for which no place was left, as workflows of a higher priority have theirs first.

A row for each start, numbered in the order in which they came, and a *gate* for each workflow, which knows the first
and the last number. Only gates are looked at while a workflow is paused, so what is held costs its row and no more. A
gate that may open says so on the topic that the starts come on, since only a handler sees other rows than one; that
lets a portion go, and the gate says so again while something is left.

A start that is held twice after a crash is the same instance, and `orchestrate` starts that once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from schemas.messages import HELD_STARTS, RELEASE_STARTS, START_INSTANCE
from streams.definitions.states import State
from streams.processors import hold
from streams.processors.context import Context
from streams.processors.hold import COUNTS, HELD
from streams.processors.intake import IntakeSettings
from streams.processors.intake.backlog import Begun
from streams.processors.intake.room import Room
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import parked
from streams.runtime.processor import Crowded, Effects, FastProcessor, Message, Output, Row, StateView

PORTION = 200  # starts let go at once
PORTION_BYTES = 16 * 1024 * 1024  # of them; one more at most
STEADY_MS = 1_000  # whoever comes first, one start of each workflow goes in that time
ALWAYS_MS = 1  # of a gate: it is due whenever it is offered, which is after each change of it, too


class Gate(msgspec.Struct, array_like=True):
    """What is held of a workflow on a partition: the starts from `first` up to and without `end`."""

    workflow: str
    key: bytes  # of a record that came on this partition, so that one with it comes there, too
    first: int
    end: int
    since_ms: int
    gone_ms: int = 0  # when the last of them went


class Start(msgspec.Struct, array_like=True):
    """A start that is held."""

    key: bytes
    value: bytes
    at_ms: int


class Hold(FastProcessor):
    """Holds starts, and lets them go in the order in which they came."""

    declaration = hold.DECLARATION
    offered_again_ms = 2_000

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._begun = Begun(context.settings, context.declarations)
        self._room = Room(context.settings.of(IntakeSettings).max_begun, self._begun.measured)

    async def close(self) -> None:
        """Lets go of the connection by which it knows what waits."""
        await self._room.close()
        await asyncio.to_thread(self._begun.close)

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known, and which of them are paused."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Each start is held; what may be let go is."""
        effects = Effects([], {})
        touched: dict[str, Message] = {}
        for message in batch:
            if message.name == START_INSTANCE:
                self._keep(message, state, effects)
            elif message.name == RELEASE_STARTS:
                self._release(message, state, effects)
            else:
                what = f"{message.name} is nothing to hold" if message.name else "a record without a value"
                effects.outputs.append(parked(message.record, self.declaration.name, what))
                continue
            touched[message.data["workflow"]] = message
        for workflow, message in touched.items():
            effects.outputs.append(self._told(workflow, message, state, effects))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """A gate that may open says so."""
        gate = msgspec.msgpack.decode(row.value, type=Gate)
        if self._definitions.state(gate.workflow) is State.PAUSED or not self._places(gate, now_ms):
            return Effects([], {})
        value = self._codec.encode(RELEASE_STARTS, {"workflow": gate.workflow})
        return Effects([Output(HELD, gate.key, value)], {})

    def _keep(self, message: Message, state: StateView, effects: Effects) -> None:
        record, workflow = message.record, message.data["workflow"]
        assert record.key is not None and record.value is not None
        gate = _gate(workflow, state, effects) or Gate(workflow, record.key, 0, 0, record.timestamp_ms)
        start = Start(record.key, record.value, record.timestamp_ms)
        effects.changes[_place(workflow, gate.end)] = Row(msgspec.msgpack.encode(start))
        gate.end += 1
        _put(gate, effects)
        effects.counts.append(partial(_count, workflow, "held", 1))

    def _release(self, message: Message, state: StateView, effects: Effects) -> None:
        """Lets a portion go if that is still wanted."""
        workflow = message.data["workflow"]
        gate, fate = _gate(workflow, state, effects), self._definitions.state(workflow)
        if gate is None or fate is State.PAUSED:
            return
        now_ms = message.record.timestamp_ms
        most = self._places(gate, now_ms) if fate is State.ACTIVE else PORTION
        last, given_bytes = gate.first, 0
        while last < min(gate.end, gate.first + most) and given_bytes < PORTION_BYTES:
            place = _place(workflow, last)
            if fate is State.ACTIVE:
                held = _start_at(place, state, effects)
                effects.outputs.append(self._start(workflow, held))
                given_bytes += len(held.value)
            effects.changes[place] = None
            last += 1
        effects.counts.append(partial(_count, workflow, _FATES[fate], last - gate.first))
        if fate is State.ACTIVE:
            self._room.take(last - gate.first)
        gate.first, gate.gone_ms = last, now_ms
        if last == gate.end:
            effects.changes[_gate_key(workflow)] = None
            return
        gate.since_ms = _start_at(_place(workflow, last), state, effects).at_ms
        _put(gate, effects)

    def _places(self, gate: Gate, now_ms: int) -> int:
        """How many starts may go now: of a workflow that others outrank as there are places for it, or a single one
        after a while."""
        rank = self._definitions.rank(gate.workflow)
        if not rank:
            return PORTION
        with suppress(Crowded):
            self._room.ask(rank)
        return min(PORTION, self._room.share(rank)) or int(now_ms >= max(gate.since_ms, gate.gone_ms) + STEADY_MS)

    def _start(self, workflow: str, held: Start) -> Output:
        """The start on what new instances start on now; that of its day where nothing is known any more."""
        _, fields = self._codec.decode(held.value)
        graph = self._definitions.latest(workflow)
        if graph is None or graph.digest == fields["digest"]:
            return Output(INBOX, held.key, held.value)
        fields |= {"digest": graph.digest, "version": graph.version}
        return Output(INBOX, held.key, self._codec.encode(START_INSTANCE, fields))

    def _told(self, workflow: str, message: Message, state: StateView, effects: Effects) -> Output:
        """How much is held now, for people."""
        gate, record = _gate(workflow, state, effects), message.record
        told: dict[str, Any] = {
            "workflow": workflow, "place": record.partition, "waiting": gate.end - gate.first if gate else 0,
            "since_ms": gate.since_ms if gate else None, "seq": record.offset,
        }  # fmt: skip
        return Output(COUNTS, f"{workflow}/{record.partition}".encode(), self._codec.encode(HELD_STARTS, told))


_FATES = {State.ACTIVE: "started", State.RETIRED: "retired"}


def _gate_key(workflow: str) -> bytes:
    return f"gate/{workflow}".encode()


def _place(workflow: str, number: int) -> bytes:
    return f"start/{workflow}/{number:016}".encode()


def _gate(workflow: str, state: StateView, effects: Effects) -> Gate | None:
    """The gate as of what was handled before."""
    key = _gate_key(workflow)
    row = effects.changes[key] if key in effects.changes else state.get(key)
    return None if row is None else msgspec.msgpack.decode(row.value, type=Gate)


def _start_at(place: bytes, state: StateView, effects: Effects) -> Start:
    """A start that the gate knows of."""
    row = effects.changes.get(place) or state.get(place)
    assert row is not None
    return msgspec.msgpack.decode(row.value, type=Start)


def _put(gate: Gate, effects: Effects) -> None:
    effects.changes[_gate_key(gate.workflow)] = Row(msgspec.msgpack.encode(gate), ALWAYS_MS)


def _count(workflow: str, fate: str, number: int) -> None:
    hold.STARTS.labels(workflow, fate).inc(number)
