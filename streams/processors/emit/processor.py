"""Station 4, emit: a step that publishes a business event: to the topic of its type, and to the step as its output.

It keeps nothing. A command that comes again gives the same record again: the event's id is the step's, and its time is
that of the command's record. Intake, and whoever else follows the topic, knows the second copy by its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from schemas.arguments import ArgumentError
from schemas.business import JSON_TYPE
from schemas.cloudevents import SPEC_VERSION, CloudEvent, InvalidEventError
from schemas.messages import CANCEL_STEP, STEP_COMMAND
from schemas.payload import Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from schemas.times import rfc3339
from streams.ground.topic import MAX_WRITTEN_BYTES
from streams.processors import emit
from streams.processors.context import Context
from streams.processors.intake import typed_topics
from streams.processors.orchestrate import INBOX
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, answer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView

MAX_EVENT_BYTES = MAX_WRITTEN_BYTES - 131_072  # leaves room for the attributes, and for the result beside it


class Emit(FastProcessor):
    """Commands in; events and results out."""

    declaration = emit.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._types = context.definitions.types
        self._topics = {topic.name: topic for topic in typed_topics()}

    async def open(self) -> None:
        """Waits until the types of events declared so far are known."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The event of each command, and its result. A published event cannot be taken back by a cancel."""
        effects = Effects([], {})
        for message in batch:
            if message.name == STEP_COMMAND:
                self._publish(message, effects)
            elif message.name != CANCEL_STEP:
                reason = f"{message.name} is no command" if message.name else "a record without a value"
                effects.outputs.append(parked(message.record, self.declaration.name, reason))
        return effects

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered."""
        return answer_unusable(self._codec, message, INBOX)

    def _publish(self, message: Message, effects: Effects) -> None:
        command = message.data
        try:
            event = event_of(command, message.record.timestamp_ms)
            encoded = self._types.encode_event(self._codec, event)
            if len(encoded.value) > MAX_EVENT_BYTES:
                raise emit.EMIT.fault("event", f"is larger than {MAX_EVENT_BYTES} bytes", "publish where its data is")
            result = completed(command, Payload.inside(orjson.dumps(shown(event))))  # its data is data of ours
            effects.outputs.append(Output(self._topics[encoded.topic], encoded.key, encoded.value, encoded.headers))
        except (ArgumentError, InvalidEventError) as error:
            detail = str(emit.EMIT.fault("event", str(error))) if isinstance(error, InvalidEventError) else str(error)
            result = faulted(command, problem(Reason.INPUT_INVALID, detail, command["pointer"]))
        effects.outputs.append(answer(self._codec, self.declaration, INBOX, message, result, HARMLESS))
        effects.counts.append(partial(metrics.count_step, command["function"], result))


def event_of(command: Mapping[str, Any], at_ms: int) -> CloudEvent:
    """The event that a StepCommand asks for, as of `at_ms` (epoch). Raises ArgumentError and InvalidEventError."""
    given = emit.EMIT.read(command["arguments"].value())["event"]
    if not isinstance(given, dict):
        raise emit.EMIT.fault("event", "is no object")
    attributes = {
        "specversion": SPEC_VERSION,
        "id": id_of(command),
        "source": f"/workflows/{command['workflow']}",
        "time": rfc3339(at_ms),
        "datacontenttype": JSON_TYPE,
    }
    for name, value in given.items():
        if name == "data" or value is None:
            continue
        if not isinstance(value, str):
            raise emit.EMIT.fault(f"event.{name}", "is no text")
        attributes[name] = value
    return CloudEvent(attributes, given.get("data"))


def shown(event: CloudEvent) -> dict[str, Any]:
    """As CloudEvents writes an event as JSON."""
    return {**event.attributes, "data": event.data}
