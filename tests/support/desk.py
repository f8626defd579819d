"""The processor of human tasks on a table in memory, and what is sent to it."""

from __future__ import annotations

from typing import Any

from schemas.codec import Codec
from schemas.messages import HUMAN_ACTION, STEP_COMMAND
from streams.processors import human
from streams.processors.human import ACTIONS
from streams.processors.human.processor import Human
from streams.runtime.processor import Effects, Message, Record
from tests.support.contexts import context
from tests.support.data import payload
from tests.support.tables import Table

INSTANCE = "0f" * 16
STEP = {"instance_id": INSTANCE, "pointer": "/do/1/review", "iteration": 0, "attempt": 0}
TASK_ID = f"{INSTANCE}/do/1/review/0/0"
NOW_MS = 1_790_000_000_000
FORM = {"type": "object", "properties": {"note": {"type": "string", "maxLength": 5}}, "required": ["note"]}
ARGUMENTS = {
    "team": "credit",
    "title": "Review",
    "outcomes": ["approve", "decline"],
    "form": FORM,
    "input": {"score": 0.4},
    "due": "P2D",
}


class Desk:
    """A processor with its table and a clock; what it puts out is decoded."""

    def __init__(self) -> None:
        self.table = Table()
        self.codec = Codec.offline()
        self.processor = Human(context(self.codec))

    def deliver(self, *messages: Message) -> Effects:
        return self.table.apply(self.processor.handle(messages, self.table))

    def decoded(self, effects: Effects, name: str) -> list[dict[str, Any]]:
        values = [self.codec.decode(output.value) for output in effects.outputs if output.value is not None]
        return [data for found, data in values if found == name]


def message(name: str, data: dict[str, Any], at_ms: int = NOW_MS) -> Message:
    topic = (ACTIONS if name == HUMAN_ACTION else human.DECLARATION.commands).name
    return Message(Record(topic, 0, 0, at_ms, INSTANCE.encode(), b"", ()), name, data)


def command(**arguments: Any) -> Message:
    version = {"workflow": "onboarding", "version": "1.0.0", "digest": "d" * 64, "effect": None}
    return message(
        STEP_COMMAND,
        {**STEP, **version, "function": "human", "arguments": payload(ARGUMENTS | arguments), "deadline_ms": None,
         "business_key": "A-17"},
    )  # fmt: skip


def action(action_id: str = "a1", outcome: str = "approve", **changes: Any) -> Message:
    data = {
        "action_id": action_id, "task_id": TASK_ID, "instance_id": INSTANCE, "action": "complete", "outcome": outcome,
        "data": payload({"note": "fine"}), "actor": "kim", "expected_version": 1, "at_ms": NOW_MS + 5_000,
        "until_ms": None,
    }  # fmt: skip
    return message(HUMAN_ACTION, data | changes, NOW_MS + 5_000)
