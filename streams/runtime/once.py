"""Effects on the world, once: the intent before an effect, the doubt after a crash, and the twin under way.

For every processor that carries out steps and touches what lies outside. Its table keeps, per step, the intent of an
effect that must not be repeated and the result of every step. So a command that comes again after a crash is answered
with the bytes on record. Where only the intent is there, nobody knows what happened: work that does no harm when
repeated is repeated with the same key, of a probed one the system outside is asked, any other is reported as
OUTCOME_UNKNOWN and left to people.

    command ─▶ recorded? ──▶ the answer on record
                   │ no
                   ├─ intent only ──▶ in doubt ──▶ asked outside (`probe`): done, not done, or nobody can tell
                   └─ nothing ──▶ work (before_effect: intent in the changelog) ──▶ result and row, together

Where somebody else is asked if a step fails, work that may be repeated has an intent as well. After a crash it is done
again, but a refusal then does not say that nothing has happened, and nobody else does it a second time.

Work that cannot begin soon waits in its row, with the command, and is commanded again when its time has come. So it
holds up no partition and no slot, and nothing has happened meanwhile.

What has failed goes to the dead letters, and whoever recovers sends the command again or answers it. Each re-attempt
has a number; the row tells of the latest, and an earlier one that comes late is dropped. What has been answered is
done: a re-attempt that comes all the same is answered with what is on record.

What a step has come to is on record before anybody is told (`on_record`): a system may answer otherwise if it is asked
again after a crash, and of two words about one step somebody would act on each.

The processor says what the work is (`Steps.carry_out`); everything else is here.
"""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from schemas.codec import Codec
from schemas.messages import CANCEL_STEP, STEP_COMMAND, STEP_RESULT
from schemas.reasons import Effect, Reason
from schemas.recovery import Stated
from schemas.steps import faulted, id_of, key_of, problem
from streams.ground.topic import DAY_MS, MAX_WRITTEN_BYTES, Topic
from streams.runtime import metrics
from streams.runtime.answers import unusable
from streams.runtime.clock import now_ms
from streams.runtime.letters import HARMFUL, HARMLESS, dead_letter, retry_headers, retry_of, stated_by
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, Message, Output, Row, SlowProcessor, StateView, WritableState

KEPT_MS = 7 * DAY_MS
FORGOTTEN_AT_ONCE = 2
LARGEST_THAT_WAITS = MAX_WRITTEN_BYTES - 4_096
IN_DOUBT = "the worker stopped after the effect may have begun, and nothing tells what came of it"

Try = tuple[bytes, int]  # a step, by the key of its row, and the number of the re-attempt
Told = asyncio.Future[Sequence[Output]]  # what came of one
Tries = dict[Try, Told]


class BeforeEffect(Protocol):
    """What stands between the work of a step and its effect."""

    waited: Waits | None
    """How the step has waited so far; None if it cannot."""
    retry: int
    """How often the step has been tried again before."""

    def rest(self) -> AbstractAsyncContextManager[None]:
        """Entered while the work only waits for its turn: see `WritableState.rest`."""
        ...

    def takes(self, seconds: float) -> None:
        """Said where the work may take long: see `WritableState.takes`."""

    async def __call__(self, repeatable: bool, effectful: bool = True, /) -> None:
        """Awaited right before an effect, with whether it may be repeated; returns once the intent is durable if not.

        It is made durable, too, where somebody else is asked if the step fails: who does it again after a crash must
        not forget that it may have been done.

        Raises WithdrawnError if the step is not wanted any more.
        """
        ...


class WithdrawnError(Exception):
    """The step was taken back before its effect began: nothing has happened, and nobody waits for an answer."""


class CannotTellError(Exception):
    """Nobody could say whether the effect has happened; the text says why, to people."""


class LaterError(Exception):
    """The work cannot begin for so many seconds; nothing has happened."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"in {seconds:.1f} s")
        self.seconds = seconds
        self.doubt = False  # an earlier try may have had its effect


class Waits(msgspec.Struct, array_like=True, frozen=True):
    """How a step has waited for its beginning."""

    since_ms: int
    times: int = 0
    command: bytes | None = None  # as it came, while the step waits

    def seconds(self, now_ms: int) -> float:
        """How long it has been."""
        return max(0, now_ms - self.since_ms) / 1_000


class StepRow(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is known of one step. Rows outlive versions and go by position: a new field comes last."""

    key: str  # idempotency key of its effect
    sent: bool = False  # the intent: the effect may have begun
    withdrawn: bool = False
    effect: str = Effect.UNKNOWN.value
    result: bytes | None = None  # the framed StepResult, or DeadLetter
    retry: int = 0  # number of the re-attempt that all this is about
    dead: bool = False  # the result is a dead letter
    waits: Waits | None = None
    doubt: bool = False  # an earlier try may have had its effect
    again: bool = False  # without a result: it may be done again, but what comes of that does not undo the doubt
    asks: bool = False  # withdrawn, and the engine wants to know what became of it

    def left_in_doubt(self, retry: int) -> bool:
        """Whether a try before this one may have had its effect, or this one before a crash."""
        begun = self.retry < retry or (self.again and self.result is None)
        return self.doubt or (self.sent and self.doubtful and begun)

    def goes_on(self, retry: int) -> bool:
        """Whether a step that is not wanted any more is done all the same: it had begun, another time does no harm, and
        what becomes of it has to be known."""
        return self.asks and self.sent and self.again and self.retry == retry

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

        `key` is the idempotency key of its effect. Beside the fields there may be `wait_ms`, the wait that the remote
        side has asked for, and `connection`, the system that was asked. Raises WithdrawnError where `before_effect` has
        raised it, LaterError where the step can wait and nothing has begun, and nothing else but what is a bug.
        """

    def probes(self, command: Mapping[str, Any]) -> bool:
        """Whether it can be asked outside if the step was done, so that a try after one in doubt does no harm."""
        return False

    async def probe(self, command: Mapping[str, Any], key: str) -> dict[str, Any] | None:
        """Asks whether the effect with this key has happened: gives the fields of its StepResult, None if it has not.

        Raises CannotTellError.
        """
        raise CannotTellError(IN_DOUBT)

    def stated(self, command: Mapping[str, Any], connection: str) -> Stated:
        """How a step is tried again whose definition does not say it."""
        return stated_by(self.declaration, command["function"])

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """Carries out a command or takes note that it is not wanted any more."""
        if message.name == CANCEL_STEP:
            return self._withdraw(message, state)
        if message.name != STEP_COMMAND:
            reason = f"{message.name or 'a record without a value'} is no command"
            return Effects([parked(message.record, self.declaration.name, reason)], {})
        try:
            return await self._under_way.once(message, state, self._command)
        except LaterError as later:
            return self._wait(message, state, later)

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Commands a step again that has waited, and forgets one that nobody will ask about again."""
        step = msgspec.msgpack.decode(row.value, type=StepRow)
        if step.waits is None or step.waits.command is None:
            return Effects([], {key: None})
        _, command = self._codec.decode(step.waits.command)
        headers = retry_headers(step.retry) if step.retry else ()
        again = Output(self.declaration.commands, command["instance_id"].encode(), step.waits.command, headers)
        waits = msgspec.structs.replace(step.waits, command=None)
        step = msgspec.structs.replace(step, waits=waits)
        return Effects([again], {key: Row(msgspec.msgpack.encode(step), now_ms + KEPT_MS)})

    def _wait(self, message: Message, state: StateView, later: LaterError) -> Effects:
        waited = _waited(message, state)
        assert waited is not None
        waits = Waits(waited.since_ms, waited.times + 1, message.record.value)
        step, retry = key_of(message.data), retry_of(message.record)
        before = _row(state, step)
        row = StepRow(_effect_key(message.data, state), retry=retry, waits=waits, doubt=later.doubt)
        if before is not None and before.withdrawn:  # meanwhile, or it goes on to know what has become of it
            if not (later.doubt and before.goes_on(retry)):
                row = msgspec.structs.replace(row, withdrawn=True, waits=None, asks=before.asks)
                return Effects(self._dropped(message.data, row).outputs, {step: _kept(message, row)})
            row = msgspec.structs.replace(before, waits=waits)
        due_ms = now_ms() + int(later.seconds * 1_000)
        return Effects([], {step: Row(msgspec.msgpack.encode(row), due_ms)})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be carried out is answered, or its instance would wait for ever.

        The effect may have happened: its row remembers the answer, so nothing repeats it.
        """
        if message.name != STEP_COMMAND:
            return Effects([], {})
        row = _row(state, key_of(message.data))
        if row and (row.settled or row.retry > retry_of(message.record)):
            return Effects([], {})
        key = row.key if row else id_of(message.data)
        return self._settled(message, key, unusable(message, effect=Effect.UNKNOWN), dead=False)

    def on_record(self, effects: Effects) -> bool:
        """A result, or a letter: its row has it, byte for byte."""
        if len(effects.outputs) != 1 or len(effects.changes) != 1:
            return False
        (output,), (row,) = effects.outputs, effects.changes.values()
        return row is not None and msgspec.msgpack.decode(row.value, type=StepRow).result == output.value

    async def _command(self, message: Message, state: WritableState) -> Effects:
        row, retry = _row(state, key_of(message.data)), retry_of(message.record)
        if row and row.retry > retry:
            return Effects([], {})
        if row and row.result is not None and (row.retry == retry or not row.dead):
            return Effects([self._answer(message, row)], {})
        doubt = row is not None and row.left_in_doubt(retry)
        begun = row is not None and row.sent and row.retry == retry and not row.again
        if row and (begun or (doubt and self.probes(message.data))):
            told = await self._told(message, row, state)
            row = _row(state, key_of(message.data))  # word that it is not wanted may have come meanwhile
            if told is not None:
                return told
            doubt = False
        if row and row.withdrawn and not row.goes_on(retry):
            return self._dropped(message.data, row)
        return await self._work(message, state, doubt=doubt)

    async def _told(self, message: Message, row: StepRow, state: StateView) -> Effects | None:
        """The end of a doubt: what has happened, or that nobody can tell; None where nothing has."""
        command = message.data
        try:
            result = await self.probe(command, row.key)
        except CannotTellError as error:
            doubt = problem(Reason.OUTCOME_UNKNOWN, str(error), command["pointer"], effect=Effect.UNKNOWN)
            result = faulted(command, doubt)
        if result is None:
            return None
        harmless = self.probes(command)  # it is asked again
        now = _row(state, key_of(command))
        return self._settled(message, row.key, result, harmless=harmless, withdrawn=bool(now and now.withdrawn))

    async def _work(self, message: Message, state: WritableState, *, doubt: bool) -> Effects:
        """`doubt`: an earlier try may have had its effect, and it does no harm to have it again; so it stays in doubt
        unless this one succeeds.
        """
        step, key = key_of(message.data), _effect_key(message.data, state)
        intent = _Intent(message, state, key)
        taken_ms = None if intent.waited and intent.waited.times else now_ms()  # a wait for its system is none for us
        try:
            result = await self.carry_out(message.data, key, intent)
        except WithdrawnError:
            return self._dropped(message.data, _row(state, step))
        except LaterError as later:
            later.doubt = doubt  # as it was before an intent of this try, of which nothing came
            raise
        result["taken_ms"] = taken_ms
        row = _row(state, step)
        harmless = intent.harmless or doubt or self.probes(message.data)
        if doubt and result["error"] and result["error"]["effect"] == Effect.NONE:
            result["error"] = {**result["error"], "effect": Effect.UNKNOWN.value}
        return self._settled(message, key, result, harmless=harmless, withdrawn=bool(row and row.withdrawn))

    def _settled(
        self,
        message: Message,
        key: str,
        result: dict[str, Any],
        *,
        dead: bool = True,
        harmless: bool = False,
        withdrawn: bool = False,
    ) -> Effects:
        """A result is an answer; one that is an error is a dead letter first, unless nobody waits for it."""
        metrics.count_step(message.data["function"], result)
        wait_ms, connection, error = result.pop("wait_ms", None), result.pop("connection", ""), result["error"]
        dead = dead and self.declaration.buries and error is not None and not withdrawn
        if dead:
            letters = self.declaration.dead_letters
            stated = self.stated(message.data, connection)
            again = HARMLESS if harmless else HARMFUL
            said = result["output"]
            letter = dead_letter(
                self._codec, letters, message, error, again=again, wait_ms=wait_ms, stated=stated, said=said
            )
            value = letter.value
        else:
            value = self._codec.encode(STEP_RESULT, result)
        effect = error["effect"] if error else Effect.DONE.value
        retry = retry_of(message.record)
        row = StepRow(key, sent=True, withdrawn=withdrawn, effect=effect, result=value, retry=retry, dead=dead)
        return Effects([self._answer(message, row)], {key_of(message.data): _kept(message, row)})

    def _withdraw(self, message: Message, state: WritableState) -> Effects:
        step = key_of(message.data)
        row = _row(state, step) or StepRow(_effect_key(message.data, state))
        if row.result is not None and not row.dead:
            return Effects([], {})
        asks = row.asks or message.data.get("answer") is True
        after = msgspec.structs.replace(row, withdrawn=True, waits=None, asks=asks)
        at_rest = row.dead or (
            row.waits is not None and row.waits.command is not None
        )  # else its command is at work, or comes
        told = self._dropped(message.data, after).outputs if at_rest else []
        return Effects(told, {step: _kept(message, after)})

    def _dropped(self, step: Mapping[str, Any], row: StepRow | None) -> Effects:
        """Nothing more is done about a step; what it has done is told, if the engine asks."""
        if row is None or not row.asks:
            return Effects([], {})
        effect = Effect(row.effect) if row.sent else Effect.NONE
        if row.doubt and effect is Effect.NONE:
            effect = Effect.UNKNOWN
        detail = "the step is not wanted any more"
        result = faulted(step, problem(Reason.WITHDRAWN, detail, step["pointer"], effect=effect))
        return Effects(
            [Output(self._answers, step["instance_id"].encode(), self._codec.encode(STEP_RESULT, result))], {}
        )

    def _answer(self, message: Message, row: StepRow) -> Output:
        topic = self.declaration.dead_letters if row.dead else self._answers
        return Output(topic, message.record.key, row.result)


class _Intent:
    """The intent of one step, written when its effect is about to begin."""

    def __init__(self, message: Message, state: WritableState, key: str) -> None:
        self.waited = _waited(message, state)
        self.retry = retry_of(message.record)
        self.harmless = False  # whether another try could do nothing twice
        self._message = message
        self._state = state
        self._key = key

    def rest(self) -> AbstractAsyncContextManager[None]:
        """See `BeforeEffect`."""
        return self._state.rest(self._message.record)

    def takes(self, seconds: float) -> None:
        """See `BeforeEffect`."""
        self._state.takes(seconds)

    async def __call__(self, repeatable: bool, effectful: bool = True, /) -> None:
        """See `BeforeEffect`."""
        self.harmless = repeatable
        step, retry = key_of(self._message.data), self.retry
        row = _row(self._state, step)
        if row and row.withdrawn and not row.goes_on(retry):
            raise WithdrawnError
        if row and row.sent and row.retry == retry:
            return
        if not repeatable or (effectful and self._message.data.get("followed")):
            doubt = row is not None and row.left_in_doubt(retry)
            intent = StepRow(self._key, sent=True, retry=retry, again=repeatable, doubt=doubt)
            await self._state.write({step: _kept(self._message, intent)})


class UnderWay:
    """Steps whose result is not in the table yet: a command that is on the wire twice is carried out once."""

    def __init__(self) -> None:
        self._partitions: dict[int, Tries] = {}
        self._finished: dict[int, deque[Try]] = {}  # of them, by partition

    async def once(
        self, message: Message, state: WritableState, work: Callable[[Message, WritableState], Awaitable[Effects]]
    ) -> Effects:
        """Does the work, or waits for whom is at it already and tells the same."""
        number, step = message.record.partition, (key_of(message.data), retry_of(message.record))
        steps = self._partitions.setdefault(number, {})
        finished = self._finished.setdefault(number, deque())
        _forget_recorded(steps, finished, state)
        twin = steps.get(step)
        if twin is not None and not (twin.done() and _is_settled(state, step)):
            async with state.rest(message.record):
                state.takes(math.inf)  # it is the other that is looked after
                told = await asyncio.shield(twin)
                state.takes(0.0)
            return Effects(list(told), {})  # its rows are the other's, and may have changed since
        steps[step] = asyncio.get_running_loop().create_future()
        try:
            effects = await work(message, state)
        except BaseException as error:
            _fail(steps.pop(step), error)
            raise
        steps[step].set_result(tuple(effects.outputs))
        finished.append(step)
        return effects


def _forget_recorded(steps: Tries, finished: deque[Try], state: WritableState) -> None:
    """A few of those whose result is in the table by now: more than come, so that they do not pile up."""
    for _ in range(min(FORGOTTEN_AT_ONCE, len(finished))):
        step = finished.popleft()
        if _is_settled(state, step):
            steps.pop(step, None)
        else:
            finished.append(step)


def _is_settled(state: StateView, step: Try) -> bool:
    key, retry = step
    row = _row(state, key)
    return row is not None and (row.retry > retry or (row.retry == retry and row.settled))


def _fail(twin: Told, error: BaseException) -> None:
    """Lets those who wait fare like the one who did the work."""
    if isinstance(error, asyncio.CancelledError):
        twin.cancel()
    else:
        twin.set_exception(error)
        twin.exception()  # nobody has to be waiting


def _effect_key(step: Mapping[str, Any], state: StateView) -> str:
    """The key of the try before or that of the command, else the step id.

    But the key of the attempt before, if that is in doubt: so the system can recognise it.
    """
    if (row := _row(state, key_of(step))) is not None:
        return row.key
    if step.get("key"):
        return str(step["key"])
    earlier = _row(state, key_of({**step, "attempt": step["attempt"] - 1})) if step["attempt"] else None
    return earlier.key if earlier and earlier.sent and earlier.doubtful else id_of(step)


def _waited(message: Message, state: StateView) -> Waits | None:
    """How a step has waited; None where its command is too large to be kept beside it."""
    if len(message.record.value or b"") > LARGEST_THAT_WAITS:
        return None
    row = _row(state, key_of(message.data))
    of_this_try = row is not None and row.waits is not None and row.retry == retry_of(message.record)
    return row.waits if row is not None and of_this_try else Waits(message.record.timestamp_ms)


def _row(state: StateView, key: bytes) -> StepRow | None:
    row = state.get(key)
    return None if row is None else msgspec.msgpack.decode(row.value, type=StepRow)


def _kept(message: Message, row: StepRow) -> Row:
    return Row(msgspec.msgpack.encode(row), message.record.timestamp_ms + KEPT_MS)
