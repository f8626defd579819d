"""An own step under torture: the very processor that hosts functions of users, on the topics of a scenario.

It books in the ledger as `toys.Booker` does: items with an odd number by a key that the ledger knows again, which the
command says as a definition would (`keyed`); the others are blind.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.request import Request, urlopen

import msgspec

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Payload
from schemas.reasons import Effect, Reason
from schemas.steps import completed, faulted, id_of, problem
from streams.processors.own.processor import OwnStep
from streams.runtime.declaration import Declaration
from streams.runtime.once import IN_DOUBT, StepRow
from streams.runtime.processor import Effects, Message, Output, WritableState
from streams.steps import step
from tests.crash.inputs import DONE, DOUBTFUL, TABLE, Expected, Input, parse, recognised, topic
from tests.support.contexts import context

CODEC = Codec.offline()


@step("toys.book", concurrency=16)
def book(kind: str, item: str) -> str:
    """Books an item in the ledger outside."""
    ledger = os.environ.get("EXLIFY_TOY_LEDGER", "")
    with urlopen(Request(f"{ledger}/{kind}/{item}", method="POST"), timeout=30):
        return "booked"


class Own(OwnStep):
    """Hosts the function for a scenario: items become commands, results become the scenario's outputs."""

    framed = False

    def __init__(self, name: str) -> None:
        super().__init__(context(CODEC, steps=(book,)), book)
        self.declaration = Declaration(
            name=name, summary="a toy", worker="toys", make="", reads=(topic(name, "in"),), table=TABLE
        )
        self._out = topic(name, "out")

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """The item as a command."""
        item = parse(message)
        record = msgspec.structs.replace(message.record, key=item.id)
        return await super().handle_one(Message(record, STEP_COMMAND, _command(item)), state)

    def _answer(self, message: Message, row: StepRow) -> Output:
        _, result = CODEC.decode(row.result or b"")
        return Output(self._out, message.record.key, DONE if result["error"] is None else DOUBTFUL)


def _command(item: Input) -> dict[str, Any]:
    known = recognised(item)
    return {
        "instance_id": item.key.decode(), "pointer": f"/{item.number}", "iteration": 0, "attempt": 0,
        "function": "toys.book", "deadline_ms": None, "workflow": "toys", "effect": "keyed" if known else None,
        "arguments": _payload({"kind": "known" if known else "blind", "item": item.id.decode()}),
    }  # fmt: skip


def _payload(value: Any) -> Payload:
    return Payload.from_outside(value, Door.RESULT)


def expected_own(inputs: Iterable[Input]) -> Expected:
    """As of a booker; rows are those of the runtime."""
    outputs, table = {}, {}
    for item in inputs:
        command = _command(item)
        done = StepRow(id_of(command), sent=True, effect=Effect.DONE.value)
        done_row = _row(done, completed(command, _payload("booked")))
        doubt = problem(Reason.OUTCOME_UNKNOWN, IN_DOUBT, command["pointer"], effect=Effect.UNKNOWN)
        doubt_row = _row(msgspec.structs.replace(done, effect=Effect.UNKNOWN.value), faulted(command, doubt))
        known = recognised(item)
        outputs[item.id] = {DONE} if known else {DONE, DOUBTFUL}
        table[id_of(command).encode()] = {done_row} if known else {done_row, doubt_row}
    return Expected(outputs, table)


def timeless(row: bytes) -> bytes:
    """The row as if nobody had told when the step was taken up."""
    kept = msgspec.msgpack.decode(row, type=StepRow)
    if kept.result is None:
        return row
    _, result = CODEC.decode(kept.result)
    return _row(kept, {**result, "taken_ms": None})


def _row(row: StepRow, result: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(msgspec.structs.replace(row, result=CODEC.encode(STEP_RESULT, result)))
