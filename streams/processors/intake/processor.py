"""Station 2, intake: a business event becomes the start of an instance of every workflow that waits for its type, and
an offer to the instances that listen for it.

Intake keeps no state. The instance id is derived from workflow, source and event id, so the same event delivered or
published twice names the same instance, and `orchestrate` starts that once. An event that no workflow waits for is
counted, no more, and so is one of a retired workflow; that of a paused one goes to `hold`, and so does that of a
workflow whose priority has no place left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import orjson

from schemas import ids
from schemas.cloudevents import SPEC_VERSION, parse_time_ms
from schemas.codec import UndecodableRecord
from schemas.messages import GATHERED_EVENT, OFFERED_EVENT, START_INSTANCE
from schemas.payload import Door, Json, Payload
from streams.definitions.states import State
from streams.ground.metrics import remembered
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.language.events import EventFilter
from streams.language.graph import Graph
from streams.language.triggers import as_read
from streams.processors import intake
from streams.processors.context import Context
from streams.processors.hold import HELD
from streams.processors.intake.backlog import Begun
from streams.processors.intake.room import Room
from streams.processors.orchestrate import CORRELATION, INBOX
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Record, StateView
from streams.runtime.replays import first_offset

NO_JSON = "its data cannot be written as JSON: nested too deeply, or a number out of range"
FATES = {State.ACTIVE: "started", State.PAUSED: "held", State.RETIRED: "retired"}
DEFERRED = "deferred"
TOLD = ("started", DEFERRED, "held", "retired")  # the first of an event's
MAX_DATA_BYTES = MAX_WRITTEN_BYTES - 65_536  # leaves room for the envelope

_events = remembered(intake.EVENTS)


class Intake(FastProcessor):
    """Business topics in, starts out."""

    declaration = intake.DECLARATION

    def __init__(self, context: Context) -> None:
        self._types = context.definitions.types
        self._codec = context.codec
        self._definitions = context.definitions
        self._begun = Begun(context.settings, context.declarations)
        self._room = Room(context.settings.of(intake.IntakeSettings).max_begun, self._begun.measured)
        self._patterns = [name for name in intake.named_by_setting(context.settings) if "*" in name]
        self._put_off: set[int] = set()  # ranks of which those that have waited come first
        self._ours = {topic.name for each in context.declarations for topic in each.topics(context.settings)}

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._definitions.start()

    async def close(self) -> None:
        """Lets go of the connection by which it knows what waits."""
        await self._room.close()
        await asyncio.to_thread(self._begun.close)

    def reads_also(self) -> Callable[[str], bool] | None:
        """Topics that a pattern of EXLIFY_BUSINESS_TOPICS matches; never those on which Exlify itself works."""
        return self._is_business if self._patterns else None

    def _is_business(self, topic: str) -> bool:
        inside = topic in self._ours or topic.startswith(("engine.", "__"))
        return not inside and any(fnmatchcase(topic, pattern) for pattern in self._patterns)

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """One start for each event and workflow that waits for it."""
        effects = Effects([], {})
        self._room.ask(self._definitions.lowest_rank)
        self._put_off = {each for each in self._put_off if not self._room.has_emptied(each)}
        for message in batch:
            fate, outputs = self._starts(message)
            effects.outputs.extend(outputs)
            effects.counts.append(_events(fate).inc)
        return effects

    def _starts(self, message: Message) -> tuple[str, list[Output]]:
        """What becomes of an event, and the records of that."""
        record = message.record
        try:
            attributes, data = self._types.event_of(record.headers, message.name, message.data)
        except UndecodableRecord as error:
            return self._parked(record, error.reason)
        graphs = self._definitions.started_by(attributes)
        listened = self._definitions.listened_for(attributes["type"])
        triggered = self._definitions.triggered_by(attributes["type"])
        if not graphs and not listened and not triggered:
            return "unmatched", []
        try:
            payload = Payload.from_outside(data, Door.INTAKE)
        except (TypeError, RecursionError):  # orjson reads deeper nesting than it writes
            return self._parked(record, NO_JSON)
        if len(payload) > MAX_DATA_BYTES:
            return self._parked(record, f"its data is larger than {MAX_DATA_BYTES} bytes")
        made = [self._started(graph, attributes, payload, record) for graph in graphs]
        for graph in triggered:
            made += self._triggers(graph, attributes, data, payload, record)
        fates = {fate for fate, _ in made}
        outputs = [output for _, output in made if output is not None]
        self._room.take(sum(each.topic is not HELD for each in outputs))  # at once: others of the batch find less
        offers = self._offers(listened, attributes, data, record) if listened else []
        unstarted = "gathered" if "gathered" in fates else "offered" if offers else "unmatched"
        return next((fate for fate in TOLD if fate in fates), unstarted), outputs + offers

    def _waits(self, graph: Graph) -> bool:
        """Whether an event comes behind those of workflows with a higher priority."""
        rank = self._definitions.rank(graph.name)
        if rank and not self._room.share(rank):
            self._put_off.add(rank)
        return rank in self._put_off

    def _triggers(
        self, graph: Graph, attributes: Mapping[str, str], data: Json, payload: Payload, record: Record
    ) -> list[tuple[str, Output | None]]:
        """What an event is to a workflow whose trigger says more than attributes: a start, or part of one."""
        trigger = graph.trigger
        assert trigger is not None
        if not trigger.gathers:
            if not trigger.fits(attributes, data):
                return []
            if not trigger.types:  # the engine does not know of which types such events may be
                payload = _inside(as_read(trigger.read, _envelope(attributes, data, record)))
            return [self._started(graph, attributes, payload, record)]
        keys = trigger.keys(graph.name, attributes, data)
        if self._definitions.state(graph.name) is State.RETIRED:
            return [(FATES[State.RETIRED], None)] if keys else []
        source, event_id = _named(attributes, record)
        gathered = {
            "workflow": graph.name,
            "digest": graph.digest,
            "event_key": ids.event_key(source, event_id),
            "event": _inside(_envelope(attributes, data, record)),
            "time_ms": _time_ms(attributes, record),
        }
        outputs: list[tuple[str, Output | None]] = []
        for key, filters in keys.items():
            message = self._codec.encode(GATHERED_EVENT, {**gathered, "key": key, "filters": filters})
            outputs.append(("gathered", Output(CORRELATION, key.encode(), message)))
        return outputs

    def _parked(self, record: Record, reason: str) -> tuple[str, list[Output]]:
        return "parked", [parked(record, self.declaration.name, reason)]

    def _offers(
        self, listened: Collection[EventFilter], attributes: Mapping[str, str], data: Json, record: Record
    ) -> list[Output]:
        """One record for each key under which somebody may wait for the event."""
        source, event_id = _named(attributes, record)
        offer = {
            "event_key": ids.event_key(source, event_id),
            "event": _inside(_envelope(attributes, data, record)),
        }
        offers = []
        for each in listened:
            values = each.read(attributes, data)
            if values is not None:
                offer["values"] = _inside(values)
                for key in each.keys(values):
                    message = self._codec.encode(OFFERED_EVENT, {**offer, "key": key})
                    offers.append(Output(CORRELATION, key.encode(), message))
        return offers

    def _started(
        self, graph: Graph, attributes: Mapping[str, str], data: Payload, record: Record
    ) -> tuple[str, Output | None]:
        """What becomes of an event that starts a workflow, and the start, if there is one."""
        state = self._definitions.state(graph.name)
        if state is State.RETIRED:
            return FATES[state], None
        deferred = state is State.ACTIVE and self._waits(graph)
        topic = INBOX if state is State.ACTIVE and not deferred else HELD
        start = start_of(graph, attributes, data, record)
        output = Output(topic, start["instance_id"].encode(), self._codec.encode(START_INSTANCE, start))
        return DEFERRED if deferred else FATES[state], output


def start_of(graph: Graph, attributes: Mapping[str, str], data: Payload, record: Record) -> dict[str, Any]:
    """The fields of the StartInstance that an event makes of a workflow; the same event names the same instance."""
    source, event_id = _named(attributes, record)
    return {
        "instance_id": ids.instance_id(graph.name, source, event_id),
        "workflow": graph.name,
        "version": graph.version,
        "digest": graph.digest,
        "source": source,
        "event_id": event_id,
        "event_type": attributes["type"],
        "business_key": attributes.get("subject"),
        "time_ms": _time_ms(attributes, record),
        "data": data,
    }


def _envelope(attributes: Mapping[str, str], data: Json, record: Record) -> dict[str, Json]:
    """The event as CloudEvents writes it as JSON."""
    source, event_id = _named(attributes, record)
    return {"specversion": SPEC_VERSION, **attributes, "source": source, "id": event_id, "data": data}


def _inside(value: Json) -> Payload:
    """What is made of data that has come in by the door: there may be some levels around it."""
    return Payload.inside(orjson.dumps(value))


def _time_ms(attributes: Mapping[str, str], record: Record) -> int:
    return parse_time_ms(attributes["time"]) if "time" in attributes else record.timestamp_ms


def _named(attributes: Mapping[str, str], record: Record) -> tuple[str, str]:
    """Source and id of an event: its own, or the place of its record."""
    source = attributes.get("source", f"kafka:{record.topic}/{record.partition}")
    return source, attributes.get("id", str(first_offset(record)))
