"""Commands in; an event goes from key to key, is counted at each, once, and its result is what it was told on the way.

A row for each key (`models/rolling/fold.py`), and one for each event at a key with what it was told there: a command,
or a record, that comes again is told the same and counts nothing. That row outlasts the time within which the event
would be counted, by as long as a topic may keep a copy of it. The time at a key is the latest of any command that came
to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from models.rolling import fold
from models.rolling.names import KEY_NAME, MOST_KEYS, names
from schemas.arguments import ArgumentError
from schemas.cloudevents import parse_time_ms
from schemas.codec import Codec
from schemas.ids import correlation_key, event_key
from schemas.messages import CANCEL_STEP, ROLLING_WORK, STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Payload
from schemas.reasons import Reason
from schemas.steps import address, completed, faulted, problem
from streams.ground.topic import DAY_MS
from streams.processors import rolling
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.processors.rolling import MARK, TRACK
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, answer
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

MOST_CHARACTERS: Final = 200  # of the value of a key
COPY_MS: Final = 7 * DAY_MS  # that a copy of a record may lie in its topic
TRACKED_MS: Final = (fold.LATE_DAYS + 1) * DAY_MS + COPY_MS  # after it happened, for an event that would be late then
MARKED_MS: Final = fold.KEPT_DAYS * DAY_MS + COPY_MS
KEY_MS: Final = (fold.KEPT_DAYS + fold.LATE_DAYS) * DAY_MS + COPY_MS  # without an event
_KEY, _TRACKED, _MARKED = b"k/", b"t/", b"m/"


class Rolling(FastProcessor):
    """Counts, and tells what went before."""

    declaration = rolling.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Events set out from commands, and go on from key to key. What is tracked cannot be taken back by a cancel."""
        effects = Effects([], {})
        rows = _Rows(state, effects)
        for message in batch:
            if message.name == ROLLING_WORK:
                self._at_key(message, rows, effects)
            elif message.name == STEP_COMMAND:
                self._set_out(message, effects)
            elif message.name != CANCEL_STEP:
                reason = f"{message.name} is no command" if message.name else "a record without a value"
                effects.outputs.append(parked(message.record, self.declaration.name, reason))
        rows.keep()
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Forgets a key at which nothing has happened, and an event that would be late by now."""
        return Effects([], {key: None})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered."""
        return answer_unusable(self._codec, message, INBOX)

    def _set_out(self, message: Message, effects: Effects) -> None:
        command = message.data
        try:
            work = work_of(command, message.record.timestamp_ms)
        except ArgumentError as error:
            result = faulted(command, problem(Reason.INPUT_INVALID, str(error), command["pointer"]))
            effects.outputs.append(answer(self._codec, self.declaration, INBOX, message, result, HARMLESS))
            effects.counts.append(partial(metrics.count_step, command["function"], result))
            return
        effects.outputs.append(_onward(self._codec, work))

    def _at_key(self, message: Message, rows: _Rows, effects: Effects) -> None:
        """Counts an event at the key that is next, and sends it on."""
        work = message.data
        marks = work["function"] == MARK.name
        told, fate = (rows.mark if marks else rows.track)(work)
        effects.counts.append(rolling.COUNTED.labels(work["function"], fate).inc)
        place = work["place"] + 1
        over = place == len(work["keys"]) or told is None
        if not over:
            counted = work["counted"] or fate == "counted"
            onward = {**work, "place": place, "told": [*work["told"], *(told or ())], "counted": counted}
            effects.outputs.append(_onward(self._codec, onward))
            return
        output: dict[str, Any] = {"counted": work["counted"] or fate == "counted"}
        if not marks:
            output = _told(work, None if told is None else [*work["told"], *told])
        result = completed(work, Payload.from_outside(output, Door.RESULT))
        instance = work["instance_id"].encode()
        effects.outputs.append(Output(INBOX, instance, self._codec.encode(STEP_RESULT, result)))
        effects.counts.append(partial(metrics.count_step, work["function"], result))


def work_of(command: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The event of a StepCommand that was asked for then, on its way to its first key. Raises ArgumentError."""
    function = MARK if command["function"] == MARK.name else TRACK
    given = function.read(command["arguments"].value())
    of, keys, at, amount = given["of"], given["keys"], given.get("at"), given.get("amount") or 0
    if not 1 <= len(keys) <= MOST_KEYS:
        raise function.fault("keys", f"are {len(keys)}, which may be 1 to {MOST_KEYS}")
    for name, value in keys.items():
        if not KEY_NAME.fullmatch(name):
            raise function.fault("keys", "has a name with other than lower-case letters, digits and _, or a long one")
        if not 1 <= len(str(value)) <= MOST_CHARACTERS:
            raise function.fault(f"keys.{name}", f"is empty, or has more than {MOST_CHARACTERS} characters")
    try:
        at_ms = now_ms if at is None else parse_time_ms(at)
    except (ValueError, OverflowError):
        raise function.fault("at", "is no time of RFC 3339", "write at: 2026-01-31T12:00:00Z") from None
    try:
        counts = isinstance(amount, int | float) and not isinstance(amount, bool)
        units = fold.units(amount if counts else float("nan"))
    except ValueError as error:
        raise function.fault("amount", str(error)) from None
    return {
        **address(command),
        "function": function.name,
        "event": event_key(of, given["id"]),
        "at_ms": at_ms,
        "now_ms": now_ms,
        "amount": units,
        "names": list(keys),
        "keys": [correlation_key(of, [(name, str(value))]) for name, value in keys.items()],
        "place": 0,
        "told": [],
        "counted": False,
    }


def _onward(codec: Codec, work: Mapping[str, Any]) -> Output:
    return Output(rolling.WORK, work["keys"][work["place"]].encode(), codec.encode(ROLLING_WORK, work))


def _told(work: Mapping[str, Any], values: list[float] | None) -> dict[str, Any]:
    """The output of `track`; nothing is told of an event that came too late."""
    hour, weekday = fold.hour_and_weekday(work["at_ms"])
    called = names(*work["names"])
    before = dict.fromkeys(called) if values is None else dict(zip(called, values, strict=True))
    return {"inTime": values is not None, "hour": hour, "weekday": weekday, "before": before}


class _Rows:
    """The rows as the batch has changed them so far; those of keys are read and written once."""

    def __init__(self, below: StateView, effects: Effects) -> None:
        self._below = below
        self._changes = effects.changes
        self._states: dict[bytes, fold.State] = {}

    def track(self, work: Mapping[str, Any]) -> tuple[list[float] | None, str]:
        """What is told of an event at its key, None where it is too late; and what became of it."""
        seen = _TRACKED + _event(work)
        row = self._row(seen)
        if row is not None:
            return msgspec.msgpack.decode(row.value, type=list[float]), "again"
        state, at_ms, amount = self._state(work), work["at_ms"], work["amount"]
        if not fold.in_time(at_ms, state.now_ms):
            return None, "late"
        told = fold.told(state, at_ms, amount)
        fold.count(state, at_ms, amount)
        self._changes[seen] = Row(msgspec.msgpack.encode(told), at_ms + TRACKED_MS)
        return told, "counted"

    def mark(self, work: Mapping[str, Any]) -> tuple[list[float], str]:
        """The same, of an event that is known to be bad."""
        seen = _MARKED + _event(work)
        if self._row(seen) is not None:
            return [], "again"
        if not fold.mark(self._state(work), work["at_ms"], work["now_ms"]):
            return [], "late"
        self._changes[seen] = Row(b"", work["at_ms"] + MARKED_MS)
        return [], "counted"

    def keep(self) -> None:
        """Writes the keys down."""
        for key, state in self._states.items():
            self._changes[key] = Row(msgspec.msgpack.encode(state), state.now_ms + KEY_MS)

    def _state(self, work: Mapping[str, Any]) -> fold.State:
        key = _KEY + work["keys"][work["place"]].encode()
        state = self._states.get(key)
        if state is None:
            row = self._below.get(key)
            state = msgspec.msgpack.decode(row.value, type=fold.State) if row else fold.State()
            self._states[key] = state
        fold.advance(state, work["now_ms"])
        return state

    def _row(self, key: bytes) -> Row | None:
        return self._changes[key] if key in self._changes else self._below.get(key)


def _event(work: Mapping[str, Any]) -> bytes:
    return f"{work['keys'][work['place']]}/{work['event']}".encode()
