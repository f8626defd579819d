"""Effects on the world, once: the intent before an effect, the doubt after a crash, and the twin under way.

For every processor that carries out steps and touches what lies outside. Its table keeps, per step, the intent of an
effect that must not be repeated and the result of every step. So a command that comes again after a crash is answered
with the bytes on record. Where only the intent is there, nobody knows what happened: work that does no harm when
repeated is repeated with the same key, any other is reported as OUTCOME_UNKNOWN and left to people.

    command ─▶ recorded? ──▶ the answer on record
                   │ no
                   ├─ intent only ──▶ in doubt
                   └─ nothing ──▶ work (before_effect: intent in the changelog) ──▶ result and row, together

The processor says what the work is (`Steps.carry_out`); everything else is here.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RESULT
from schemas.reasons import Effect, Reason
from schemas.steps import Problem, faulted, id_of, key_of, problem
from streams.ground.topic import DAY_MS, Topic
from streams.runtime import metrics
from streams.runtime.answers import unusable
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, Output, Row, SlowProcessor, StateView, WritableState

KEPT_MS = 7 * DAY_MS
FORGOTTEN_AT_ONCE = 2
IN_DOUBT = "the worker stopped after the effect may have begun, and nothing tells what came of it"

BeforeEffect = Callable[[bool], Awaitable[None]]
"""Awaited right before an effect, with whether it may be repeated; returns once the intent is durable if it may not.

Raises WithdrawnError if the step is not wanted any more.
"""


class WithdrawnError(Exception):
    """The step was taken back before its effect began: nothing has happened, and nobody waits for an answer."""


class StepRow(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is known of one step."""

    key: str  # idempotency key of its effect
    sent: bool = False  # the intent: the effect may have begun
    withdrawn: bool = False
    effect: str = Effect.UNKNOWN.value
    result: bytes | None = None  # the framed StepResult

    @property
    def doubtful(self) -> bool:
        """Whether the world outside may have changed without anybody knowing."""
        return self.effect == Effect.UNKNOWN.value

    @property
    def settled(self) -> bool:
        """Whether nothing more will be done about the step."""
        return self.result is not None or self.withdrawn


class Steps(SlowProcessor):
    """A processor that carries out steps with effects outside, each no more often than its effect allows."""

    def __init__(self, codec: Codec, answers: Topic) -> None:
        self._codec = codec
        self._answers = answers
        self._under_way = UnderWay()

    @abstractmethod
    async def carry_out(self, command: Mapping[str, Any], key: str, before_effect: BeforeEffect) -> dict[str, Any]:
        """Does the work of a StepCommand; gives the fields of its StepResult.

        `key` is the idempotency key of its effect. Raises WithdrawnError where `before_effect` has raised it, and
        nothing else but what is a bug.
        """

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """Carries out a command or takes note that it is not wanted any more."""
        if message.name == CANCEL_STEP:
            return self._withdraw(message, state)
        if message.name != STEP_COMMAND:
            reason = f"{message.name or 'a record without a value'} is no command"
            return Effects([parked(message.record, self.declaration.name, reason)], {})
        return await self._under_way.once(message, state, self._command)

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Forgets a step that nobody will ask about again."""
        return Effects([], {key: None})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be carried out is answered, or its instance would wait for ever.

        The effect may have happened: its row remembers the answer, so nothing repeats it.
        """
        if message.name != STEP_COMMAND:
            return Effects([], {})
        row = _row(state, key_of(message.data))
        if row and row.settled:
            return Effects([], {})
        key = row.key if row else id_of(message.data)
        return self._settled(message, key, unusable(message, effect=Effect.UNKNOWN))

    async def _command(self, message: Message, state: WritableState) -> Effects:
        row = _row(state, key_of(message.data))
        if row and row.result is not None:
            return Effects([self._answer(message, row.result)], {})
        if row and row.sent:
            return self._settled(message, row.key, faulted(message.data, _in_doubt(message.data)))
        if row and row.withdrawn:
            return Effects([], {})
        return await self._work(message, state)

    async def _work(self, message: Message, state: WritableState) -> Effects:
        step, key = key_of(message.data), _effect_key(message.data, state)

        async def before_effect(repeatable: bool) -> None:
            row = _row(state, step)
            if row and row.withdrawn:
                raise WithdrawnError
            if not (repeatable or (row and row.sent)):
                await state.write({step: _kept(message, StepRow(key, sent=True))})

        try:
            result = await self.carry_out(message.data, key, before_effect)
        except WithdrawnError:
            return Effects([], {})
        return self._settled(message, key, result)

    def _settled(self, message: Message, key: str, result: dict[str, Any]) -> Effects:
        metrics.count_step(message.data["function"], result)
        value = self._codec.encode(STEP_RESULT, result)
        effect = result["error"]["effect"] if result["error"] else Effect.DONE.value
        row = StepRow(key, sent=True, effect=effect, result=value)
        return Effects([self._answer(message, value)], {key_of(message.data): _kept(message, row)})

    def _withdraw(self, message: Message, state: WritableState) -> Effects:
        step = key_of(message.data)
        row = _row(state, step) or StepRow(_effect_key(message.data, state))
        if row.result is not None:
            return Effects([], {})
        return Effects([], {step: _kept(message, msgspec.structs.replace(row, withdrawn=True))})

    def _answer(self, message: Message, value: bytes) -> Output:
        return Output(self._answers, message.record.key, value)


class UnderWay:
    """Steps whose result is not in the table yet: a command that is on the wire twice is carried out once."""

    def __init__(self) -> None:
        self._partitions: dict[int, dict[bytes, asyncio.Future[Effects]]] = {}
        self._finished: dict[int, deque[bytes]] = {}  # of them, by partition

    async def once(
        self, message: Message, state: WritableState, work: Callable[[Message, WritableState], Awaitable[Effects]]
    ) -> Effects:
        """Does the work, or waits for whom is at it already; both get the same effects."""
        number, step = message.record.partition, key_of(message.data)
        steps = self._partitions.setdefault(number, {})
        finished = self._finished.setdefault(number, deque())
        _forget_recorded(steps, finished, state)
        twin = steps.get(step)
        if twin is not None and not (twin.done() and _is_settled(state, step)):
            effects = await asyncio.shield(twin)
            return Effects(list(effects.outputs), dict(effects.changes))
        steps[step] = asyncio.get_running_loop().create_future()
        try:
            effects = await work(message, state)
        except BaseException as error:
            _fail(steps.pop(step), error)
            raise
        steps[step].set_result(Effects(list(effects.outputs), dict(effects.changes)))
        finished.append(step)
        return effects


def _forget_recorded(steps: dict[bytes, asyncio.Future[Effects]], finished: deque[bytes], state: WritableState) -> None:
    """A few of those whose result is in the table by now: more than come, so that they do not pile up."""
    for _ in range(min(FORGOTTEN_AT_ONCE, len(finished))):
        step = finished.popleft()
        if _is_settled(state, step):
            steps.pop(step, None)
        else:
            finished.append(step)


def _is_settled(state: StateView, step: bytes) -> bool:
    row = _row(state, step)
    return row is not None and row.settled


def _fail(twin: asyncio.Future[Effects], error: BaseException) -> None:
    """Lets those who wait fare like the one who did the work."""
    if isinstance(error, asyncio.CancelledError):
        twin.cancel()
    else:
        twin.set_exception(error)
        twin.exception()  # nobody has to be waiting


def _in_doubt(command: Mapping[str, Any]) -> Problem:
    return problem(Reason.OUTCOME_UNKNOWN, IN_DOUBT, command["pointer"], effect=Effect.UNKNOWN)


def _effect_key(step: Mapping[str, Any], state: WritableState) -> str:
    """The step id; but the key of the attempt before, if that is in doubt: so the system can recognise it."""
    earlier = _row(state, key_of({**step, "attempt": step["attempt"] - 1})) if step["attempt"] else None
    return earlier.key if earlier and earlier.doubtful else id_of(step)


def _row(state: StateView, key: bytes) -> StepRow | None:
    row = state.get(key)
    return None if row is None else msgspec.msgpack.decode(row.value, type=StepRow)


def _kept(message: Message, row: StepRow) -> Row:
    return Row(msgspec.msgpack.encode(row), message.record.timestamp_ms + KEPT_MS)
