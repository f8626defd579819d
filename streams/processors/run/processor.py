"""Station 4, run: a step starts an instance of another workflow, and one that is taken back cancels it. One
whose own instance stands still has it stand, too.

It keeps nothing. The id of the instance follows from the step, so a command that comes again starts nothing again; its
outcome is made the answer by the engine's own processor. A definition that has become the newest in the meantime may
stand in the second start; the first counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from schemas import ids
from schemas.arguments import ArgumentError
from schemas.jsontext import UnfitDataError
from schemas.messages import CANCEL_INSTANCE, CANCEL_STEP, CONTROL_INSTANCE, START_INSTANCE, STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.definitions.states import State
from streams.language.constructs.run import LATEST
from streams.language.graph import Graph
from streams.processors import run
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, answer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, NotYet, Output, StateView

ACTOR = "exlify"
REMEMBERED = 10_000


class Run(FastProcessor):
    """Commands in; starts and cancels of other instances out."""

    declaration = run.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._definitions = context.definitions
        self._looked_for: set[tuple[str, int, int]] = set()  # places of records whose workflow was nowhere

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """A start for each command, and a cancel for each that is taken back."""
        effects = Effects([], {})
        for message in batch:
            if message.name == STEP_COMMAND:
                self._start(message, effects)
            elif message.name == CANCEL_STEP:
                effects.outputs.append(self._cancel(message.data))
            elif message.name == CONTROL_INSTANCE:
                child = message.data["instance_id"].encode()
                effects.outputs.append(Output(INBOX, child, self._codec.encode(CONTROL_INSTANCE, message.data)))
            else:
                reason = f"{message.name} is no command" if message.name else "a record without a value"
                effects.outputs.append(parked(message.record, self.declaration.name, reason))
        return effects

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered."""
        return answer_unusable(self._codec, message, INBOX)

    def _start(self, message: Message, effects: Effects) -> None:
        command = message.data
        try:
            asked = run.RUN.read(command["arguments"].value())
        except ArgumentError as error:
            self._fail(message, Reason.INPUT_INVALID, str(error), effects)
            return
        graph = self._graph(asked, message)
        if graph is None:
            version = asked.get("version") or LATEST
            told = f"There is no workflow {asked['namespace']}/{asked['name']} {version}. Deploy it and retry."
            self._fail(message, Reason.MISCONFIGURED, told, effects)
            return
        if (state := self._state(graph, message)) is not State.ACTIVE:
            told = f"{graph.namespace}/{graph.name} is {state}, so nothing starts. Activate it and retry."
            self._fail(message, Reason.MISCONFIGURED, told, effects)
            return
        try:
            data = Payload.from_outside(asked.get("input"), Door.RESULT)
        except UnfitDataError as error:
            self._fail(message, Reason.INPUT_INVALID, f"run: input: cannot be taken: {error}", effects)
            return
        awaited = asked.get("await") is not False
        child = ids.child_id(id_of(command))
        start = {
            "instance_id": child, "workflow": graph.name, "version": graph.version, "digest": graph.digest,
            "source": ids.child_source(asked["depth"], awaited=awaited), "event_id": id_of(command),
            "event_type": "exlify.run", "business_key": command.get("business_key"),
            "time_ms": message.record.timestamp_ms, "data": data,
        }  # fmt: skip
        effects.outputs.append(Output(INBOX, child.encode(), self._codec.encode(START_INSTANCE, start)))
        if not awaited:
            result = completed(command, Payload.from_outside({"instanceId": child}, Door.RESULT))
            effects.outputs.append(Output(INBOX, message.record.key, self._codec.encode(STEP_RESULT, result)))
            effects.counts.append(partial(metrics.count_step, command["function"], result))

    def _graph(self, asked: Mapping[str, Any], message: Message) -> Graph | None:
        """The definition that is asked for, after one more look at what was deployed by now."""
        version = asked.get("version") or LATEST
        found = self._definitions.version(asked["namespace"], asked["name"], None if version == LATEST else version)
        place = (message.record.topic, message.record.partition, message.record.offset)
        if found is None and place not in self._looked_for:
            self._looked_for = {*self._looked_for, place} if len(self._looked_for) < REMEMBERED else {place}
            raise NotYet("a definition", self._definitions.catch_up)
        return found

    def _state(self, graph: Graph, message: Message) -> State:
        """Whether it may start. A word counts for the commands behind it: one that comes again after a crash does as it
        did."""
        word = self._definitions.word(graph.name)
        return State.ACTIVE if word is None or word.at_ms > message.record.timestamp_ms else word.state

    def _fail(self, message: Message, reason: Reason, detail: str, effects: Effects) -> None:
        result = faulted(message.data, problem(reason, detail, message.data["pointer"]))
        effects.outputs.append(answer(self._codec, self.declaration, INBOX, message, result, HARMLESS))
        effects.counts.append(partial(metrics.count_step, message.data["function"], result))

    def _cancel(self, step: Mapping[str, Any]) -> Output:
        child = ids.child_id(id_of(step))
        told = {"instance_id": child, "reason": step["reason"], "actor": ACTOR}
        return Output(INBOX, child.encode(), self._codec.encode(CANCEL_INSTANCE, told))
