"""Dead letters in; in their time, the same commands once more, or the answer that they have failed.

A row for each step: the command that waits for its time, or, for a while after, which re-attempt was the last. What
waits costs a row; no partition and no other step waits with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from schemas import recovery, steps
from schemas.messages import DEAD_LETTER, RETRY_NOW, RETRY_STATE, STEP_RESULT, STEP_RETRYING
from schemas.reasons import Effect
from streams.ground.topic import DAY_MS, own_step_topic
from streams.processors import recover
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.processors.recover import rules
from streams.runtime.letters import retry_headers
from streams.runtime.parking import parked
from streams.runtime.processor import Effects, FastProcessor, Message, Output, Row, StateView

KEPT_MS = 7 * DAY_MS


class Waiting(msgspec.Struct, array_like=True, omit_defaults=True):
    """What is known of a step that has failed."""

    retry: int  # the re-attempt that waits, or was the last to be made; -1 where there was none
    first_ms: int  # when the step failed for the first time
    done: int = 0  # letters answered for good: the number of the try that was the last, from 1
    function: str = ""
    instance: bytes = b""
    command: bytes = b""  # that waits; empty where it was sent
    retries: int = 0  # at most
    error: steps.Problem | None = None  # with which the try before has failed
    doubt: bool = False  # one of its tries may have had its effect


class Recover(FastProcessor):
    """Decides about each letter once, however often it comes."""

    declaration = recover.DECLARATION

    def __init__(self, context: Context) -> None:
        self._codec = context.codec
        self._commands = context.command_topics()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """A retry or an answer for each letter."""
        effects = Effects([], {})
        for message in batch:
            if message.name == DEAD_LETTER:
                self._judge(message, state, effects)
            elif message.name == RETRY_NOW:
                self._hurry(message, state, effects)
            else:
                effects.outputs.append(parked(message.record, self.declaration.name, _not_for_us(message)))
        return effects

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Sends the command that has waited; forgets the step a while later."""
        waiting = msgspec.msgpack.decode(row.value, type=Waiting)
        if waiting.command:
            return self._sent(key, waiting, row.due_ms)
        return Effects([Output(recover.RETRIES, key, None)] if waiting.retry > 0 else [], {key: None})

    def _sent(self, key: bytes, waiting: Waiting, at_ms: int) -> Effects:
        """The re-attempt that waits begins."""
        topic = self._commands.get(waiting.function) or own_step_topic(waiting.function)
        sent = Output(topic, waiting.instance, waiting.command, retry_headers(waiting.retry))
        marker = Waiting(waiting.retry, waiting.first_ms, doubt=waiting.doubt)
        return Effects(
            [sent, self._told(key, waiting, at_ms, at_ms, begun=True)], {key: _kept(marker, at_ms + KEPT_MS)}
        )

    def _told(self, key: bytes, waiting: Waiting, due_ms: int, at_ms: int, *, begun: bool) -> Output:
        """What people see of a step."""
        told = {
            **steps.address_of(key.decode()), "function": waiting.function, "status": "sent" if begun else "waiting",
            "retry": waiting.retry, "retries": waiting.retries, "due_ms": due_ms,
            "reason": waiting.error["reason"] if waiting.error else None, "seq": 2 * waiting.retry + begun,
            "at_ms": at_ms,
        }  # fmt: skip
        return Output(recover.RETRIES, key, self._codec.encode(RETRY_STATE, told))

    def _hurry(self, message: Message, state: StateView, effects: Effects) -> None:
        """A re-attempt that waits begins now; one that has begun, or is another, is left alone."""
        wish, now_ms = message.data, message.record.timestamp_ms
        key = steps.key_of(wish)
        row = effects.changes[key] if key in effects.changes else state.get(key)
        waiting = None if row is None else msgspec.msgpack.decode(row.value, type=Waiting)
        if waiting is None or not waiting.command or waiting.retry != wish["retry"]:
            return
        told = {
            **steps.address(wish), "retry": waiting.retry, "retries": waiting.retries, "due_ms": now_ms,
            "error": waiting.error, "actor": wish["actor"], "why": wish["why"],
        }  # fmt: skip
        effects.outputs.append(Output(INBOX, waiting.instance, self._codec.encode(STEP_RETRYING, told)))
        sent = self._sent(key, waiting, now_ms)
        effects.outputs += sent.outputs
        effects.changes |= sent.changes

    def _judge(self, message: Message, state: StateView, effects: Effects) -> None:
        letter, now_ms = message.data, message.record.timestamp_ms
        key = steps.key_of(letter)
        row = effects.changes[key] if key in effects.changes else state.get(key)
        known = Waiting(-1, now_ms) if row is None else msgspec.msgpack.decode(row.value, type=Waiting)
        if letter["retry"] < max(known.retry, known.done):
            return
        policy = recovery.decode(letter["recovery"])
        due_ms = rules.due_ms(letter, policy, now_ms, known.first_ms)
        effects.counts.append(partial(_count, letter, "given up" if due_ms is None else "retried"))
        if due_ms is None:
            answer = steps.faulted(letter, _in_all(letter["error"], known), letter["answer"])
            effects.outputs.append(Output(INBOX, message.record.key, self._codec.encode(STEP_RESULT, answer)))
            marker = Waiting(known.retry, known.first_ms, letter["retry"] + 1)
            effects.changes[key] = _kept(marker, now_ms + KEPT_MS)
            return
        retry = letter["retry"] + 1
        told = {
            **steps.address(letter), "retry": retry, "retries": policy.retries, "due_ms": due_ms,
            "error": letter["error"], "policy_of": letter["policy_of"],
        }  # fmt: skip
        effects.outputs.append(Output(INBOX, message.record.key, self._codec.encode(STEP_RETRYING, told)))
        doubt = known.doubt or letter["error"]["effect"] == Effect.UNKNOWN
        waiting = Waiting(
            retry, known.first_ms, 0, letter["function"], message.record.key or b"", letter["command"], policy.retries,
            letter["error"], doubt,
        )  # fmt: skip
        effects.outputs.append(self._told(key, waiting, due_ms, now_ms, begun=False))
        effects.changes[key] = _kept(waiting, due_ms)


def _in_all(error: steps.Problem, known: Waiting) -> steps.Problem:
    """The error of a step that is given up: what an earlier try may have done, the last does not undo."""
    return {**error, "effect": Effect.UNKNOWN.value} if known.doubt and error["effect"] == Effect.NONE else error


def _kept(waiting: Waiting, due_ms: int) -> Row:
    return Row(msgspec.msgpack.encode(waiting), due_ms)


def _count(letter: Mapping[str, Any], fate: str) -> None:
    recover.LETTERS.labels(letter["function"], letter["error"]["reason"] or "", fate).inc()


def _not_for_us(message: Message) -> str:
    return f"{message.name} is nothing to recover" if message.name else "a record without a value"
