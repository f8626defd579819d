"""Letters in; their state out, and what is redriven where it came from.

A row for each letter. Everything that comes again (a record, an incident, an action) finds in its row that it was
there, so a redrive happens once, however often it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog

from schemas import ids, steps
from schemas.codec import UnknownSchemaId
from schemas.messages import DEAD_LETTER, INCIDENT, LETTER, LETTER_ACTION, REPAIR_STEP
from schemas.payload import Payload
from schemas.registry import RegistryError
from streams.ground.topic import DAY_MS, MAX_WRITTEN_BYTES, Keyed, Topic
from streams.processors import letters
from streams.processors.context import Context
from streams.processors.letters.letter import (
    ACTIONS,
    DEAD,
    EDIT,
    OPEN,
    PARKED,
    REDRIVE,
    REDRIVEN,
    UNDECIDED,
    Held,
    Letter,
    Pending,
    refusal,
    settled,
)
from streams.processors.orchestrate import INBOX
from streams.runtime.parking import PARKING, came_from, parked, size_bytes
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, Output, Record, Row, StateView
from streams.runtime.replays import Replay, split, with_replay

KEPT_MS = 90 * DAY_MS
MAX_KEPT_BYTES = MAX_WRITTEN_BYTES - 8_192  # leaves room for what is told of it
PAUSE_S = 1.0

log = structlog.get_logger()


class Letters(FastProcessor):
    """Keeps what went aside, and sends it again if told so."""

    declaration = letters.DECLARATION
    framed = False  # what is parked is often what no decoder reads

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._max_replays = context.settings.of(letters.LetterSettings).max_replays
        self._buriers = {each.dead_letters.name: each.name for each in context.declarations if each.buries}
        self._takes = {DEAD_LETTER: self._dead, INCIDENT: self._incident, LETTER_ACTION: self._action}

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The new state of each letter, and the records that are redriven."""
        effects = Effects([], {})
        rows = _Rows(state, effects.changes)
        for message in batch:
            record = message.record
            if record.topic == PARKING.name:
                self._parked(record, rows, effects)
                continue
            name, data = self._read(record)
            if name in self._takes:
                self._takes[name](record, data, rows, effects)
            else:
                why = f"{name} is not about a letter" if name else "a record without a value"
                effects.outputs.append(parked(record, self.declaration.name, why))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Forgets a letter about which nothing has been decided for a long time."""
        return Effects([], {key: None})

    def _read(self, record: Record) -> tuple[str, Mapping[str, Any]]:
        if record.value is None:
            return "", {}
        try:
            return self._codec.decode(record.value)
        except UnknownSchemaId:
            raise NotYet("the schema registry", partial(self._learn, record.value)) from None

    async def _learn(self, value: bytes) -> None:
        try:
            await self._codec.decode_learning(value)
        except RegistryError:
            await asyncio.sleep(PAUSE_S)

    def _parked(self, record: Record, rows: _Rows, effects: Effects) -> None:
        found = came_from(record)
        if found is None:
            log.error("parked record says not where it came from", partition=record.partition, offset=record.offset)
            return
        told, own = found
        headers, replay = split(own)
        offset = int(told["offset"])
        before, action_id = rows.get(replay.letter_id.encode()) if replay else None, None
        if isinstance(before, Held) and _is_the_same(before.letter, told):
            letter = before.letter
            if letter.status != REDRIVEN or letter.offset >= offset:
                return  # a copy
            key, seq, first = letter.letter_id, letter.seq + 1, before.first_offset
            action_id = letter.action_id  # who asked may look only now, and learns that it was taken
        else:
            key = ids.letter_id(record.partition, told["processor"], told["topic"], told["partition"], told["offset"])
            if rows.get(key.encode()) is not None:
                return
            seq, first = 0, replay.first_offset if replay else offset
        letter = Letter(
            letter_id=key,
            seq=seq,
            kind=PARKED,
            status=OPEN,
            processor=told["processor"],
            reason=told["reason"],
            topic=told["topic"],
            partition=record.partition,
            offset=offset,
            held_topic=PARKING.name,
            held_offset=record.offset,
            size=int(told.get("size") or size_bytes(record.key, record.value, headers)),
            replays=replay.times if replay else 0,
            at_ms=record.timestamp_ms,
            changed_at_ms=record.timestamp_ms,
            left_out=told.get("left_out"),
            action_id=action_id,
        )
        self._keep(Held(letter, first, record.key, record.value, headers), rows, effects)

    def _dead(self, record: Record, data: Mapping[str, Any], rows: _Rows, effects: Effects) -> None:
        key = ids.letter_id(record.partition, steps.id_of(data))
        row = rows.get(key.encode())
        if isinstance(row, Held):
            return
        letter = Letter(
            letter_id=key,
            seq=0,
            kind=DEAD,
            status=OPEN,
            processor=self._buriers.get(record.topic, data["function"]),  # an own step is called as its function
            reason=data["error"]["reason"] or "",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            held_topic=record.topic,
            held_offset=record.offset,
            size=size_bytes(record.key, record.value, record.headers),
            replays=data["attempt"],
            at_ms=record.timestamp_ms,
            changed_at_ms=record.timestamp_ms,
            function=data["function"],
            instance_id=data["instance_id"],
            pointer=data["pointer"],
        )
        self._join(letter, row.incident if row else None, record, rows, key.encode(), effects)

    def _incident(self, record: Record, data: Mapping[str, Any], rows: _Rows, effects: Effects) -> None:
        key = ids.letter_id(record.partition, steps.id_of(data)).encode()
        row = rows.get(key)
        if isinstance(row, Held):
            letter = row.letter
            if data["status"] != OPEN and letter.status in (*UNDECIDED, REDRIVEN):
                settled(letter, data)
                letter.changed_at_ms = record.timestamp_ms
                letter.seq += 1
                self._keep(row, rows, effects)
            return
        told = {name: data[name] for name in ("number", "status", "workflow", "actor", "why")}
        self._join(row.letter if row else None, told, record, rows, key, effects)

    def _join(
        self,
        letter: Letter | None,
        incident: dict[str, Any] | None,
        record: Record,
        rows: _Rows,
        key: bytes,
        effects: Effects,
    ) -> None:
        """A dead letter is for people once its step waits as an incident: before, it is tried again or caught."""
        if letter is None or incident is None:
            rows.put(key, Pending(letter, incident), record.timestamp_ms)
            return
        letter.incident, letter.workflow = incident["number"], incident["workflow"]
        if incident["status"] != OPEN:
            settled(letter, incident)
        self._keep(Held(letter), rows, effects)

    def _action(self, record: Record, data: Mapping[str, Any], rows: _Rows, effects: Effects) -> None:
        row = rows.get(data["letter_id"].encode())
        if not isinstance(row, Held):
            log.error("action about a letter that is not known", letter=data["letter_id"])
            return
        letter, action = row.letter, data["action"]
        if letter.action_id == data["action_id"]:
            return  # a copy
        letter.action_id, letter.refused = data["action_id"], self._refusal(row, data)
        letter.seq += 1
        letter.changed_at_ms = record.timestamp_ms
        if letter.refused is None:
            letter.status, letter.actor, letter.why = ACTIONS[action], data["actor"], data["why"]
            if action == EDIT:
                row.value, letter.edited_offset, letter.left_out = data["value"], record.offset, None
            elif action == REDRIVE:
                effects.outputs.append(self._again(row, data))
        self._keep(row, rows, effects)

    def _refusal(self, row: Held, action: Mapping[str, Any]) -> str | None:
        value = action["value"]
        if value is not None and size_bytes(row.key, value, row.headers) > MAX_KEPT_BYTES:
            return f"with its headers it would be larger than {MAX_KEPT_BYTES} bytes"
        return refusal(row.letter, action, self._max_replays)

    def _again(self, row: Held, action: Mapping[str, Any]) -> Output:
        """What is sent; the row keeps it no longer, as what comes back brings it along."""
        letter = row.letter
        if letter.kind == PARKED:
            replay = Replay(letter.letter_id, letter.replays + 1, row.first_offset)
            topic = Topic(name=letter.topic, messages=(), keyed=Keyed.CAUSE)  # its lane has its partition's number
            sent = Output(topic, row.key, row.value, with_replay(row.headers, replay))
            row.key, row.value, row.headers = None, None, []
            return sent
        repair = {
            "instance_id": letter.instance_id,
            "repair_id": action["action_id"],
            "incident": letter.incident,
            "action": "retry",
            "input": None if row.value is None else Payload.inside(row.value),
            "output": None,
            "key": "kept",
            "digest": None,
            "why": action["why"],
            "actor": action["actor"],
        }
        return Output(INBOX, (letter.instance_id or "").encode(), self._codec.encode(REPAIR_STEP, repair))

    def _keep(self, row: Held, rows: _Rows, effects: Effects) -> None:
        letter = row.letter
        key = letter.letter_id.encode()
        rows.put(key, row, letter.changed_at_ms)
        effects.outputs.append(Output(letters.LETTERS, key, self._codec.encode(LETTER, msgspec.structs.asdict(letter))))
        effects.counts.append(letters.CHANGES.labels(letter.kind, "refused" if letter.refused else letter.status).inc)


class _Rows:
    """The rows as the batch has changed them so far."""

    def __init__(self, below: StateView, changes: dict[bytes, Row | None]) -> None:
        self._below = below
        self._changes = changes

    def get(self, key: bytes) -> Held | Pending | None:
        row = self._changes[key] if key in self._changes else self._below.get(key)
        return None if row is None else _DECODER.decode(row.value)

    def put(self, key: bytes, row: Held | Pending, at_ms: int) -> None:
        self._changes[key] = Row(msgspec.msgpack.encode(row), at_ms + KEPT_MS)


_DECODER = msgspec.msgpack.Decoder(Held | Pending)


def _is_the_same(letter: Letter, told: Mapping[str, str]) -> bool:
    """Whether a record that says it was redriven is the letter that it names: its headers come from outside."""
    return (letter.kind, letter.processor, letter.topic, letter.partition) == (
        PARKED,
        told["processor"],
        told["topic"],
        int(told["partition"]),
    )
