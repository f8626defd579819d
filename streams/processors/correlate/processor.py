"""Waits and events in; events for those who wait for them out.

Both come in one order, since both are keyed by the correlation key: whichever is first waits for the other. An event
goes to all who wait for it then. One that nobody waits for is kept for a while and goes to the first who does; so does
one that was given to a step which waited no longer when it came. A wait that one event is enough for is over with it,
so that the next event is left for the next wait.

Where very many wait under one key, an event is given out in portions: the rest is a record that follows it.

Events that start an instance together meet here in the same way (`gathering`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from schemas.codec import Codec
from schemas.messages import AWAIT_EVENT, CANCEL_AWAIT, EVENT_RECEIVED, GATHERED_EVENT, OFFERED_EVENT, START_INSTANCE
from schemas.payload import Payload
from streams.definitions.states import State
from streams.language.graph import Graph
from streams.processors import correlate
from streams.processors.context import Context
from streams.processors.correlate import CorrelateSettings
from streams.processors.correlate.gathering import Gathered, forget, gather
from streams.processors.correlate.rows import EVENTS_KNOWN, Gathering, Head, Kept, Rows, Seen, Wait, decode, encode
from streams.processors.hold import HELD
from streams.processors.orchestrate import CORRELATION, INBOX
from streams.processors.sought import Sought
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

PORTION_BYTES = 16 * 1024 * 1024  # of what one batch gives out; one more event at most
_ABOUT_BYTES = 256  # of a record, beside the event in it


class Correlate(FastProcessor):
    """Keeps who waits, and what has come early."""

    declaration = correlate.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._sought = Sought(context.definitions)
        self._early_ms = context.settings.of(CorrelateSettings).early_ms

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """What each record means for who waits under its key."""
        work = _Work(self._codec, self._early_ms, Rows(state))
        for message in batch:
            if message.name == GATHERED_EVENT:
                self._gather(work, message, batch)
                continue
            if message.name not in _MEANINGS:
                reason = f"{message.name} is not about correlation" if message.name else "a record without a value"
                work.outputs.append(parked(message.record, self.declaration.name, reason))
                continue
            head = work.rows.head(message.data["key"].encode())
            if message.record.offset > head.offset:
                head.offset = message.record.offset
                _MEANINGS[message.name](work, message)
        return Effects(work.outputs, work.rows.changes(), [partial(_count, fate) for fate in work.fates])

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Forgets the events whose time is over."""
        head = decode(row)
        if isinstance(head, Gathering):
            lost = forget(head, now_ms)
            left = Row(encode(head), head.due_ms) if head.known else None
            return Effects([], {key: left}, [partial(_count, "lost")] * lost)
        if not isinstance(head, Head):
            return Effects([], {key: None})
        over = [each for each in head.seen if each.until_ms <= now_ms]
        rows = Rows(_One(key, row))
        rows.head(key).seen = [each for each in head.seen if each.until_ms > now_ms]
        for each in over:
            if each.kept:
                rows.keep(key, each.event_key, None)
        return Effects([], rows.changes(), [partial(_count, "lost") for each in over if each.kept])

    def read_up_to(self, row: Row) -> int:
        """See `Processor`."""
        found = decode(row)
        return found.offset if isinstance(found, Head | Gathering) else -1

    def reread(self, row: Row) -> Row:
        """See `Processor`."""
        found = decode(row)
        if isinstance(found, Kept):
            return row
        if isinstance(found, Gathering):
            found.offset = -1
            return Row(encode(found), row.due_ms)
        found.waits = [msgspec.structs.replace(each, since=-1) for each in found.waits]
        if isinstance(found, Head):
            found.offset = -1
            found.seen = [msgspec.structs.replace(each, origin=-1) for each in found.seen]
        return Row(encode(found), row.due_ms)

    def _gather(self, work: _Work, message: Message, batch: Sequence[Message]) -> None:
        """An event that starts an instance together with others."""
        data, found = message.data, work.rows.gathering(message.data["key"].encode())
        if message.record.offset <= found.offset:
            return
        graph = self._sought.graph(data["digest"], lambda: _digests(batch))
        if graph is None or graph.trigger is None:
            work.outputs.append(parked(message.record, self.declaration.name, "its definition is not known"))
            return
        found.offset, gathered = message.record.offset, Gathered()
        refused = gather(found, graph, data, message.record.timestamp_ms, gathered)
        if refused is not None:
            work.outputs.append(parked(message.record, self.declaration.name, refused))
        work.fates += gathered.fates
        for started, fields in gathered.starts:
            work.fates.append("started")
            self._begin(work, started, fields)

    def _begin(self, work: _Work, graph: Graph, fields: Mapping[str, Any]) -> None:
        """One start; it waits while the workflow is paused, and is none of a retired one."""
        state = self._definitions.state(graph.name)
        if state is not State.RETIRED:
            topic = INBOX if state is State.ACTIVE else HELD
            key = fields["instance_id"].encode()
            work.outputs.append(Output(topic, key, self._codec.encode(START_INSTANCE, fields)))


def _digests(batch: Sequence[Message]) -> list[str]:
    return [message.data["digest"] for message in batch if message.name == GATHERED_EVENT]


@dataclass
class _Work:
    """A batch under way."""

    codec: Codec
    early_ms: int
    rows: Rows
    outputs: list[Output] = field(default_factory=list)
    fates: list[str] = field(default_factory=list)
    given_bytes: int = 0

    def awaited(self, message: Message) -> None:
        """A step waits from now on, unless what it waits for is there."""
        key, wait = message.data["key"].encode(), _wait(message)
        head = self.rows.head(key)
        for seen in [each for each in head.seen if each.kept and each.until_ms > message.record.timestamp_ms]:
            kept = self.rows.kept(key, seen.event_key)
            if kept is None:
                continue
            event = {"event_key": seen.event_key, "event": Payload.inside(kept.event), "origin": seen.origin}
            self._give(key, wait, {**event, "values": Payload.inside(kept.values), "at_ms": kept.at_ms})
            self._change_kept(key, seen, None)
            if wait.once:
                self.rows.remove(key, wait)
                return
        self.rows.add(key, wait)

    def cancelled(self, message: Message) -> None:
        """A step waits no longer."""
        self.rows.remove(message.data["key"].encode(), _wait(message))

    def offered(self, message: Message) -> None:
        """An event is given to who waits, or kept."""
        offer, at = message.data, message.record
        key = offer["key"].encode()
        head = self.rows.head(key)
        seen = next((each for each in head.seen if each.event_key == offer["event_key"]), None)
        if offer["origin"] >= 0:
            self._go_on(key, offer) if offer["after"] >= 0 else self._offer_again(key, offer, seen, at.timestamp_ms)
            return
        if seen is not None:
            self.fates.append("again")
            return
        event = {**offer, "at_ms": at.timestamp_ms, "origin": at.offset}
        seen = self._note(key, Seen(offer["event_key"], at.offset, at.timestamp_ms + self.early_ms))
        if head.waits or head.parts:
            self.fates.append("given")
            self._go_on(key, {**event, "after": 0})
        else:
            self.fates.append("kept")
            self._change_kept(key, seen, event)

    def _go_on(self, key: bytes, event: Mapping[str, Any]) -> None:
        """The event goes to all who waited when it came, behind the part up to which they have it."""
        after = event["after"]
        for number, waits in self.rows.parts(key, after):
            if self.given_bytes > PORTION_BYTES:
                rest = self.codec.encode(OFFERED_EVENT, {**event, "key": key.decode(), "after": after})
                self.outputs.append(Output(CORRELATION, key, rest))
                return
            for wait in waits:
                if wait.since < event["origin"]:
                    self._give(key, wait, event)
            left = [each for each in waits if not each.once or each.since >= event["origin"]]
            if len(left) < len(waits):
                self.rows.write(key, number, left)
            after = number

    def _offer_again(self, key: bytes, event: Mapping[str, Any], seen: Seen | None, now_ms: int) -> None:
        """An event that somebody gave back: it is for the first who has begun to wait after it came, or will."""
        for number, waits in self.rows.parts(key, 0):
            wait = next((each for each in waits if each.since > event["origin"]), None)
            if wait is not None:
                self._give(key, wait, event)
                if wait.once:
                    self.rows.write(key, number, [each for each in waits if each is not wait])
                return
        until_ms = event["at_ms"] + self.early_ms
        if until_ms <= now_ms:
            self.fates.append("lost")
            return
        self._change_kept(key, seen or self._note(key, Seen(event["event_key"], event["origin"], until_ms)), event)

    def _give(self, key: bytes, wait: Wait, event: Mapping[str, Any]) -> None:
        names = ("event_key", "event", "values", "at_ms", "origin")
        received = {
            "instance_id": wait.instance_id, "pointer": wait.pointer, "iteration": wait.iteration,
            "attempt": wait.attempt, "filter": wait.filter, "key": key.decode(),
            **{name: event[name] for name in names},
        }  # fmt: skip
        self.outputs.append(Output(INBOX, wait.instance_id.encode(), self.codec.encode(EVENT_RECEIVED, received)))
        self.given_bytes += len(event["event"]) + len(event["values"]) + _ABOUT_BYTES

    def _note(self, key: bytes, seen: Seen) -> Seen:
        """The event is known from now on; of too many the oldest is forgotten."""
        head = self.rows.head(key)
        for each in head.seen[: max(0, len(head.seen) + 1 - EVENTS_KNOWN)]:
            if each.kept:
                self.fates.append("lost")
                self.rows.keep(key, each.event_key, None)
        head.seen = [*head.seen[1 - EVENTS_KNOWN :], seen]
        return seen

    def _change_kept(self, key: bytes, seen: Seen, event: Mapping[str, Any] | None) -> None:
        seen.kept = event is not None
        kept = None if event is None else Kept(event["event"].raw, event["values"].raw, event["at_ms"], seen.until_ms)
        self.rows.keep(key, seen.event_key, kept)


@dataclass(frozen=True)
class _One:
    """The view of one row."""

    key: bytes
    row: Row

    def get(self, key: bytes) -> Row | None:
        return self.row if key == self.key else None


def _wait(message: Message) -> Wait:
    data = message.data
    return Wait(
        data["instance_id"], data["pointer"], data["iteration"], data["attempt"], data["filter"],
        data.get("once", True), message.record.offset,
    )  # fmt: skip


def _count(fate: str) -> None:
    correlate.CORRELATED.labels(fate).inc()


_MEANINGS = {AWAIT_EVENT: _Work.awaited, CANCEL_AWAIT: _Work.cancelled, OFFERED_EVENT: _Work.offered}
