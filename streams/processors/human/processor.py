"""Station 4, human: a step that asks people becomes a durable task, and their answer becomes the step's result.

An answer that can be taken back becomes the result when its time has come: the table wakes it.

The table keeps every task in its newest version; the compacted topic of tasks carries the same to whoever lists them.
A task costs nothing while it waits. A closed one is kept as long as late answers may arrive and deserve a reason, then
forgotten in both.

Commands and actions come from two topics, so after a crash an action can overtake the command of its task: people saw
the task before its row was durable. Such actions are kept aside for a while and given to the task when that opens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from schemas import steps
from schemas.arguments import ArgumentError
from schemas.catalogue import current
from schemas.messages import CANCEL_STEP, HUMAN_ACTION, HUMAN_TASK, STEP_COMMAND, STEP_RESULT
from schemas.payload import unwrapped, wrapped
from streams.ground import calendars
from streams.ground.topic import DAY_MS
from streams.processors import human
from streams.processors.context import Context
from streams.processors.human import rules
from streams.processors.human.fields import ANSWERED, COMPLETED, OPEN
from streams.processors.human.task import HumanTask, decode_task, encode_task
from streams.processors.orchestrate import INBOX
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, dead_letter
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Record, Row, StateView

KEPT_MS = 7 * DAY_MS
EARLY_KEPT_MS = 600_000
MAX_EARLY = 16  # actions kept for one task; none is refused for coming later
_EARLY = b"early/"  # no step id begins like this


class Human(FastProcessor):
    """Commands and answers of people in, tasks and results out."""

    declaration = human.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._calendars = context.site.file(calendars.FILE, calendars.read_calendars)

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Opens, completes and cancels tasks; whatever was done before is recognised and not done again."""
        effects = Effects([], {})
        for message in batch:
            if message.name == STEP_COMMAND:
                self._open(message, state, effects)
            elif message.name == HUMAN_ACTION:
                self._answer(message, state, effects)
            elif message.name == CANCEL_STEP:
                self._cancel(message, state, effects)
            else:
                effects.outputs.append(parked(message.record, self.declaration.name, _not_for_us(message)))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Completes a task whose answer stands; hands one on that nobody answers; forgets one closed long ago, in the
        compacted topic too, and what was done to a task that never came."""
        if key.startswith(_EARLY):
            return Effects([], {key: None})
        effects = Effects([], {})
        task = decode_task(row.value)
        if task.status == ANSWERED:
            self._change(task, rules.settled(task), task.fields["instance_id"].encode(), effects)
            return effects
        if task.status == OPEN:
            self._keep(key, rules.handed_on(task, self._calendars.value), effects)
            return effects
        return Effects([Output(human.TASKS, key, None)], {key: None})

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be used is answered; an answer that cannot be leaves its task open for another."""
        return answer_unusable(self._codec, message, INBOX)

    def _open(self, message: Message, state: StateView, effects: Effects) -> None:
        key = steps.key_of(message.data)
        if _row(key, state, effects) is not None:
            return
        try:
            task = rules.opened(message.data, message.record.timestamp_ms, self._calendars.value)
        except ArgumentError as error:
            problem = rules.invalid_task_problem(message.data, error)
            effects.counts.append(partial(metrics.count_step, human.HUMAN.name, steps.faulted(message.data, problem)))
            letters = self.declaration.dead_letters
            effects.outputs.append(dead_letter(self._codec, letters, message, problem, again=HARMLESS))
            return
        self._keep(key, task, effects)
        if early := _row(_EARLY + key, state, effects):
            for kept in _kept(early):
                now = decode_task(effects.changes[key].value)  # type: ignore[union-attr]  # kept a moment ago
                self._take(now, wrapped(current()[HUMAN_ACTION], kept), message.record, effects)
            effects.changes[_EARLY + key] = None

    def _answer(self, message: Message, state: StateView, effects: Effects) -> None:
        key = message.data["task_id"].encode()
        row = _row(key, state, effects)
        if row is not None:
            self._take(decode_task(row.value), message.data, message.record, effects)
            return
        early = _row(_EARLY + key, state, effects)
        kept = _kept(early) if early else []
        if len(kept) < MAX_EARLY and message.data["action_id"] not in [each["action_id"] for each in kept]:
            kept_until_ms = message.record.timestamp_ms + EARLY_KEPT_MS
            value = msgspec.msgpack.encode([*kept, unwrapped(message.data)])
            effects.changes[_EARLY + key] = Row(value, early.due_ms if early else kept_until_ms)

    def _take(self, before: HumanTask, action: Mapping[str, Any], cause: Record, effects: Effects) -> None:
        if not before.knows(action["action_id"]):
            self._change(before, rules.acted(before, action, cause.timestamp_ms), cause.key, effects)

    def _change(self, before: HumanTask, after: HumanTask, key: bytes | None, effects: Effects) -> None:
        if after.status == COMPLETED != before.status and not after.audit:
            result = steps.completed(steps.address_of(after.task_id), rules.output(after))
            effects.outputs.append(Output(INBOX, key, self._codec.encode(STEP_RESULT, result)))
            effects.counts.append(partial(metrics.count_step, human.HUMAN.name, result))
        self._keep(after.task_id.encode(), after, effects)

    def _cancel(self, message: Message, state: StateView, effects: Effects) -> None:
        key = steps.key_of(message.data)
        row = _row(key, state, effects)
        if row is None:
            return
        task = decode_task(row.value)
        if task.status in (OPEN, ANSWERED):
            self._keep(key, rules.cancelled(task, message.record.timestamp_ms), effects)

    def _keep(self, key: bytes, task: HumanTask, effects: Effects) -> None:
        due_ms = (task.hands_on_ms or 0) if task.status == OPEN else task.settles_at_ms or task.updated_at_ms + KEPT_MS
        effects.changes[key] = Row(encode_task(task), due_ms)
        value = self._codec.encode(HUMAN_TASK, task.fields)
        effects.outputs.append(Output(human.TASKS, key, value))


def _row(key: bytes, state: StateView, effects: Effects) -> Row | None:
    """The row as of the messages before this one, those of the same batch included."""
    return effects.changes[key] if key in effects.changes else state.get(key)


def _kept(early: Row) -> list[Mapping[str, Any]]:
    """The actions of a row of early ones, in their order; rows of 0.1 have one, without a list."""
    found = msgspec.msgpack.decode(early.value)
    return found if isinstance(found, list) else [found]


def _not_for_us(message: Message) -> str:
    return f"{message.name} is not for human tasks" if message.name else "a record without a value"
