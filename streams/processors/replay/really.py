"""Steps of a replay that are really carried out, where it may: what only reads, or every call of a system.

What has an effect goes through the processor of calls itself, on rows of this replay: so it happens no more often than
its effect allows, also after a crash, and its key is that of the replay's own step.
"""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import asdict

from connectors.catalogue import OPERATIONS
from connectors.hub.contract import Plan, Refused
from connectors.hub.pipeline import Hub
from schemas.codec import Codec
from schemas.messages import DEAD_LETTER, STEP_COMMAND
from schemas.reasons import Reason
from schemas.steps import faulted, problem
from streams.engine import StepCommand, StepResult
from streams.processors import call
from streams.processors.call.connections import Addresses
from streams.processors.call.pauses import PauseFeed, Pauses
from streams.processors.call.processor import Call, carry_out, hub_for
from streams.processors.context import Context
from streams.processors.replay.answers import Effects
from streams.runtime.clock import now_ms
from streams.runtime.processor import Message, Record, WritableState

CALLED = frozenset(each.name for each in OPERATIONS)
TRIES = 30  # of a call that is put off, since its system is busy or paused
PAUSE_S = 1.0


class Outside:
    """The systems outside, as calls reach them: open until it is closed."""

    def __init__(self, context: Context, pauses: Pauses | None = None) -> None:
        """`pauses` say which systems are paused; unless given they are followed."""
        self._feed = PauseFeed(context.settings, context.codec) if pauses is None else None
        known = self._feed or pauses
        self.hub: Hub = hub_for(context.settings, Addresses(context.settings, context.site), known)
        self.call = Call(context, self.hub)
        self.codec: Codec = context.codec

    async def open(self) -> None:
        """Connects. Raises UnavailableError where Kafka is away."""
        if self._feed is not None:
            await self._feed.start()
        await self.call.open()

    async def close(self) -> None:
        """Lets go."""
        await self.call.close()
        if self._feed is not None:
            await self._feed.close()


class Really:
    """Carries steps out for a thread, which waits. None for what is to be answered from record."""

    def __init__(self, outside: Outside, effects: Effects, state: WritableState) -> None:
        """Called in the event loop in which it will work."""
        self._outside = outside
        self._effects = effects
        self._state = state
        self._loop = asyncio.get_running_loop()

    def __call__(self, command: StepCommand, at_ms: int) -> StepResult | None:
        """`at_ms` is the time on the clock of the run; its deadline counts from there."""
        if command.function not in CALLED:
            return None
        fields = asdict(command)
        if command.deadline_ms is not None:
            fields["deadline_ms"] = now_ms() + max(0, command.deadline_ms - at_ms)
        work = self._read(fields) if self._effects is Effects.READ else self._done(fields)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _read(self, fields: dict[str, Any]) -> StepResult | None:
        refused = False

        async def only_reads(plan: Plan[Any]) -> None:
            nonlocal refused
            if plan.effect.effectful or plan.keeps:
                refused = True
                raise Refused(Reason.INPUT_INVALID, "this replay only reads")

        result = await carry_out(fields, self._outside.hub, before_send=only_reads)
        return None if refused else _result(result)

    async def _done(self, fields: dict[str, Any]) -> StepResult:
        value = self._outside.codec.encode(STEP_COMMAND, {**fields, "recovery": None})
        key = fields["instance_id"].encode()
        record = Record(call.DECLARATION.commands.name, -1, -1, now_ms(), key, value)
        message = Message(record, STEP_COMMAND, self._outside.codec.decode(value)[1])
        for _ in range(TRIES):
            effects = await self._outside.call.handle_one(message, self._state)
            if effects.changes:
                await self._state.write(effects.changes)
            for output in effects.outputs:
                name, answer = self._outside.codec.decode(output.value or b"")
                if name == DEAD_LETTER:
                    return _result(faulted(fields, answer["error"], answer["answer"]))
                return _result(answer)
            await asyncio.sleep(PAUSE_S)
        late = problem(Reason.UNREACHED, "its system is paused or busy for too long", fields["pointer"])
        return _result(faulted(fields, late))


def _result(fields: dict[str, Any]) -> StepResult:
    names = ("instance_id", "pointer", "iteration", "attempt", "status", "output", "error")
    return StepResult(**{name: fields[name] for name in names})
