"""Station 4, decide: a step that asks a model. Scored here and now; a model is some microseconds of arithmetic.

Every decision leaves one record with all that is needed to recompute it. A command that comes again gives the same
bytes again: the model is pinned, ids are the step's, and the time is that of the command's record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import structlog

from models.serving.registry import Registry
from models.serving.shelf import Fault
from schemas.messages import CANCEL_STEP, DECISION, STEP_COMMAND
from schemas.reasons import Reason
from schemas.steps import key_of
from streams.ground.causes import Cause
from streams.ground.metrics import remembered
from streams.processors import decide
from streams.processors.context import Context
from streams.processors.decide.chain import OutOfUseError
from streams.processors.decide.decision import Answered, Carried, ask, carried, failed, work_out
from streams.processors.decide.pins import LOOK_S
from streams.processors.decide.waiting import AGAIN_MS, Waiting, waiting
from streams.processors.orchestrate import INBOX
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, answer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Record, Row, StateView

Asked = tuple[Message, Answered | Carried]

log = structlog.get_logger()

_decided = remembered(decide.DECIDED)


class Decide(FastProcessor):
    """Commands in, results and decisions out. Keeps the commands that wait for a model; models are in memory only."""

    declaration = decide.DECLARATION
    offered_again_ms = AGAIN_MS
    waits: ClassVar[bool] = True  # for a model that cannot be used; else the step fails

    def __init__(self, context: Context, registry: Registry | None = None) -> None:
        self._codec = context.codec
        self._registry = registry or Registry(shelf=context.models)
        self._book = context.models
        self._told: set[Fault] = set()
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Loads every active model, and follows their files from then on. One that cannot be used is told of."""
        await self._book.start()
        self._say(await asyncio.to_thread(self._registry.load_all))
        self._following = asyncio.create_task(self._follow(), name="models")

    async def close(self) -> None:
        """Follows the files no longer."""
        if self._following is not None:
            self._following.cancel()
        await self._book.close()

    async def causes(self) -> Sequence[Cause]:
        """The models that cannot be used: what needs one of them waits, everything else goes on."""
        return [Cause(f"model {f.model}", f"{f.file}: {f.reason}", degraded=True) for f in self._registry.faults]

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """A result for each command, and the record of its decision. A decided step cannot be cancelled any more.

        The whole batch is asked first and told then: as in `orchestrate`, that spares a fifth.
        """
        effects = Effects([], {})
        asked: list[Asked] = []
        for message in batch:
            if message.name == STEP_COMMAND:
                asked += self._ask(message, effects)
            elif message.name != CANCEL_STEP:
                effects.outputs.append(parked(message.record, self.declaration.name, _no_command(message)))
            elif (key := key_of(message.data)) in effects.changes or state.get(key) is not None:
                effects.changes[key] = None
        self._tell(asked, effects)
        return effects

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered."""
        return answer_unusable(self._codec, message, INBOX)

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Carries out a command that has waited, if its model can be used now."""
        found = waiting(row)
        if not self._registry.usable(found.model):
            return Effects([], {})
        _, command = self._codec.decode(found.command)
        effects = Effects([], {key: None})
        topic, instance = self.declaration.commands.name, command["instance_id"].encode()
        record = Record(topic, -1, -1, found.at_ms, instance, found.command)
        self._tell(self._ask(Message(record, STEP_COMMAND, command), effects), effects)
        return effects

    def _ask(self, message: Message, effects: Effects) -> list[Asked]:
        """What a command asks for and what came of it; nothing where its model cannot be used, and it waits."""
        command = message.data
        try:
            return [(message, ask(command, self._registry))]
        except OutOfUseError as error:
            if not self.waits:
                return [(message, failed(command, Reason.MISCONFIGURED, f"with.model: {error}"))]
            at_ms = message.record.timestamp_ms
            effects.changes[key_of(command)] = Waiting.of(self._codec, error.model, at_ms, command).row()
            return []

    def _tell(self, asked: Sequence[Asked], effects: Effects) -> None:
        """Results and records."""
        work_out(found for _, found in asked)
        made = [(each, carried(found, self._registry, each.record.timestamp_ms)) for each, found in asked]
        for message, each in made:
            effects.counts.append(partial(_count, message.data["function"], each))
            effects.outputs.append(answer(self._codec, self.declaration, INBOX, message, each.result, HARMLESS))
            if each.decision is not None:
                record = self._codec.encode(DECISION, each.decision)
                effects.outputs.append(Output(decide.DECISIONS, message.record.key, record))

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._say(await asyncio.to_thread(self._registry.look))
            except Exception:  # a bug in looking must not end the following
                log.exception("models not looked at")

    def _say(self, faults: Sequence[Fault]) -> None:
        """Says once what has become bad, and what is good again."""
        now = {*faults}
        for fault in sorted(now - self._told):
            log.error("model cannot be used", model=fault.model, file=fault.file, reason=fault.reason)
        for model in sorted({fault.model for fault in self._told} - {fault.model for fault in now}):
            log.info("model can be used again", model=model)
            decide.FAULTY.labels(model).set(0)
        for fault in now:
            decide.FAULTY.labels(fault.model).set(1)
        self._told = now


def _no_command(message: Message) -> str:
    return f"{message.name} is no command" if message.name else "a record without a value"


def _count(function: str, carried: Carried) -> None:
    metrics.count_step(function, carried.result)
    if carried.decision is not None:
        _decided(carried.decision["model"], carried.decision["route"]).inc()
