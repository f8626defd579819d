"""Station 4, call: a step that asks an outside system, carried out through the integration hub.

The table keeps, per step, the intent of a call that must not be made twice and the result of every call. So a command
that comes again after a crash is answered with the bytes on record. Where only the intent is there, nobody knows what
happened: a call that does no harm when repeated is repeated with the same key, any other is reported as
OUTCOME_UNKNOWN and left to people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from connectors.assembly import standard_hub
from connectors.hub.contract import Call, Plan, Refused
from connectors.hub.outcome import CallOutcome, to_problem
from connectors.hub.pipeline import BeforeSend, Hub, send_at_once
from schemas import steps
from schemas.codec import Codec
from schemas.functions import EffectClass
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Payload, UnreadablePayloadError
from schemas.reasons import Effect, Reason
from schemas.steps import id_of, key_of
from streams.ground import metrics, topics
from streams.ground.settings import Settings
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, Output, Row, TableSpec, WritableState

KEPT_MS = 7 * topics.DAY_MS
MAX_OUTPUT_BYTES = 900 * 1024  # leaves room for the envelope in a record of 1 MiB
IN_DOUBT = "the worker stopped after the call may have been sent, and nothing tells what came of it"


class CallRow(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is known of one step."""

    key: str  # idempotency key of its call
    sent: bool = False  # the intent: the call may have been sent
    withdrawn: bool = False
    effect: str = Effect.UNKNOWN.value
    result: bytes | None = None  # the framed StepResult

    @property
    def doubtful(self) -> bool:
        """Whether the outside system may have changed without anybody knowing."""
        return self.effect == Effect.UNKNOWN.value


class CallProcessor:
    """Commands in, results out, each call made no more often than its effect allows."""

    name = "call"
    inputs = (topics.STEP_CALL,)
    table: TableSpec | None = TableSpec("call")
    framed = True

    def __init__(self, settings: Settings, codec: Codec, hub: Hub | None = None) -> None:
        self.concurrency = settings.call_concurrency
        self._codec = codec
        self._hub = hub or hub_for(settings)
        self._under_way = UnderWay()

    async def open(self) -> None:
        """Opens the hub."""
        await self._hub.__aenter__()

    async def close(self) -> None:
        """Closes the hub."""
        await self._hub.__aexit__()

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """Carries out a command or takes note that it is not wanted any more."""
        if message.name == CANCEL_STEP:
            return self._withdraw(message, state)
        if message.name != STEP_COMMAND:
            return Effects([parked(message.record, self.name, f"{message.name} is no command")], {})
        return await self._under_way.once(message, state, self._command)

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Forgets a step that nobody will ask about again."""
        return Effects([], {key: None})

    async def _command(self, message: Message, state: WritableState) -> Effects:
        row = _row(state, key_of(message.data))
        if row and row.result is not None:
            return Effects([_answer(message, row.result)], {})
        if row and row.sent:
            return self._settled(message, row.key, failed(message.data, _in_doubt()))
        if row and row.withdrawn:
            return Effects([], {})
        return await self._carry_out(message, state)

    async def _carry_out(self, message: Message, state: WritableState) -> Effects:
        key = _key(message.data, state)

        async def before_send(plan: Plan[Any]) -> None:
            row = _row(state, key_of(message.data))
            if row and row.withdrawn:
                raise Refused(Reason.WITHDRAWN, "the step is not wanted any more")
            if not (plan.effect.repeatable or (row and row.sent)):
                await state.write({key_of(message.data): _kept(message, CallRow(key, sent=True))})

        result = await carry_out(message.data, self._hub, key, before_send)
        if result["error"] and result["error"]["reason"] == Reason.WITHDRAWN.value:
            return Effects([], {})
        return self._settled(message, key, result)

    def _settled(self, message: Message, key: str, result: dict[str, Any]) -> Effects:
        value = self._codec.encode(STEP_RESULT, result)
        effect = result["error"]["effect"] if result["error"] else Effect.DONE.value
        row = CallRow(key, sent=True, effect=effect, result=value)
        return Effects([_answer(message, value)], {key_of(message.data): _kept(message, row)})

    def _withdraw(self, message: Message, state: WritableState) -> Effects:
        step = key_of(message.data)
        row = _row(state, step) or CallRow(_key(message.data, state))
        if row.result is not None:
            return Effects([], {})
        return Effects([], {step: _kept(message, msgspec.structs.replace(row, withdrawn=True))})


class UnderWay:
    """Steps whose result is not in the table yet: a command that is on the wire twice is carried out once."""

    def __init__(self) -> None:
        self._partitions: dict[int, dict[bytes, asyncio.Future[Effects]]] = {}

    async def once(
        self, message: Message, state: WritableState, work: Callable[[Message, WritableState], Awaitable[Effects]]
    ) -> Effects:
        """Does the work, or waits for whom is at it already; both get the same effects."""
        steps = self._partitions.setdefault(message.record.partition, {})
        self._forget_recorded(steps, state)
        step = key_of(message.data)
        if (twin := steps.get(step)) is not None:
            effects = await asyncio.shield(twin)
            return Effects(list(effects.outputs), dict(effects.changes))
        steps[step] = asyncio.get_running_loop().create_future()
        try:
            effects = await work(message, state)
        except BaseException:
            steps.pop(step).cancel()
            raise
        steps[step].set_result(Effects(list(effects.outputs), dict(effects.changes)))
        return effects

    def _forget_recorded(self, steps: dict[bytes, asyncio.Future[Effects]], state: WritableState) -> None:
        for step in [step for step, effects in steps.items() if effects.done()]:
            row = _row(state, step)
            if row and (row.result is not None or row.withdrawn):
                del steps[step]


def hub_for(settings: Settings) -> Hub:
    """The hub that the settings describe; every call is counted."""
    return standard_hub(
        settings.connections,
        allow_hosts=[host.strip() for host in settings.call_allow_hosts.split(",") if host.strip()],
        allow_private=bool(settings.call_allow_private),
        observe=_count,
    )


async def carry_out(
    command: Mapping[str, Any], hub: Hub, key: str | None = None, before_send: BeforeSend = send_at_once
) -> dict[str, Any]:
    """Makes the call that a StepCommand asks for; gives the fields of its StepResult. Knows nothing of Kafka.

    `key` is the idempotency key, the step id unless given. Raises only what `before_send` raises.
    """
    try:
        call = Call(
            function=command["function"],
            arguments=_arguments(command),
            key=key or id_of(command),
            effect=_declared(command.get("effect")),
            deadline_ms=command.get("deadline_ms"),
        )
    except Refused as refusal:
        return failed(command, refusal.outcome)
    outcome = await hub.carry_out(call, before_send)
    return answered(command, outcome) if outcome.ok else failed(command, outcome)


def answered(command: Mapping[str, Any], outcome: CallOutcome) -> dict[str, Any]:
    """The StepResult of a call that succeeded; faulted after all if its output does not fit into a record."""
    try:
        output = Payload.from_outside(outcome.output, Door.RESULT)
    except TypeError:  # orjson reads deeper nesting than it writes
        detail = f"{command['function']}: the output is nested too deeply"
        return failed(command, CallOutcome(reason=Reason.CONTRACT_DRIFT, effect=outcome.effect, detail=detail))
    if len(output) > MAX_OUTPUT_BYTES:
        detail = f"{command['function']}: the output is larger than {MAX_OUTPUT_BYTES} bytes"
        return failed(command, CallOutcome(reason=Reason.REPLY_TOO_LARGE, effect=outcome.effect, detail=detail))
    return steps.completed(command, output)


def failed(command: Mapping[str, Any], outcome: CallOutcome) -> dict[str, Any]:
    """The StepResult of a call that failed."""
    return steps.faulted(command, to_problem(outcome, command["pointer"]))


def _arguments(command: Mapping[str, Any]) -> Any:
    try:
        return command["arguments"].value()
    except UnreadablePayloadError as error:
        raise Refused(Reason.INPUT_INVALID, f"{command['function']}: the arguments cannot be read: {error}") from None


def _declared(effect: str | None) -> EffectClass | None:
    if effect is None:
        return None
    try:
        return EffectClass(effect.lower())
    except ValueError:
        known = ", ".join(EffectClass)
        raise Refused(Reason.INPUT_INVALID, f"metadata.effect {effect!r} is not one of {known}") from None


def _in_doubt() -> CallOutcome:
    return CallOutcome(reason=Reason.OUTCOME_UNKNOWN, effect=Effect.UNKNOWN, detail=IN_DOUBT)


def _key(step: Mapping[str, Any], state: WritableState) -> str:
    """The step id; but the key of the attempt before, if that is in doubt: so the system can recognise it."""
    earlier = _row(state, key_of({**step, "attempt": step["attempt"] - 1})) if step["attempt"] else None
    return earlier.key if earlier and earlier.doubtful else id_of(step)


def _row(state: WritableState, key: bytes) -> CallRow | None:
    row = state.get(key)
    return None if row is None else msgspec.msgpack.decode(row.value, type=CallRow)


def _kept(message: Message, row: CallRow) -> Row:
    return Row(msgspec.msgpack.encode(row), message.record.timestamp_ms + KEPT_MS)


def _answer(message: Message, value: bytes) -> Output:
    return Output(topics.INBOX, message.record.key, value)


def _count(call: Call, outcome: CallOutcome, seconds: float) -> None:
    metrics.STEPS.labels(call.function, outcome.reason.value).inc()
