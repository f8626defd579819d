"""The processor of calls without Kafka: its messages, and a table that a crash leaves as it was written."""

from __future__ import annotations

from typing import Any

from schemas.codec import Codec
from schemas.ids import step_id
from schemas.messages import CANCEL_STEP, DEAD_LETTER, STEP_COMMAND, STEP_RESULT
from streams.ground.topic import Topic
from streams.processors import call
from streams.processors.call.processor import Call
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Effects, Message, Output, Record
from tests.support.data import payload
from tests.support.tables import Table

INSTANCE = "0123456789abcdef" * 2
POINTER = "/do/0/open"
NOW_MS = 1_795_000_000_000


class Bench:
    """A processor on its table, fed message by message; a crash loses what was not written."""

    def __init__(self, processor: Call, codec: Codec) -> None:
        self.processor = processor
        self.codec = codec
        self.table = Table()

    async def handle(self, message: Message) -> Effects:
        effects = await self.processor.handle_one(message, self.table)
        self.table.apply(effects)
        return effects

    async def result(self, message: Message) -> dict[str, Any]:
        return self.answered((await self.handle(message)).outputs, INBOX, STEP_RESULT)

    async def letter(self, message: Message) -> dict[str, Any]:
        """The dead letter of a command that cannot be carried out."""
        return self.answered((await self.handle(message)).outputs, call.DECLARATION.dead_letters, DEAD_LETTER)

    def answered(self, outputs: list[Output], topic: Topic, name: str) -> dict[str, Any]:
        (output,) = outputs
        assert (output.topic, output.key) == (topic, INSTANCE.encode())
        found, data = self.codec.decode(output.value or b"")
        assert found == name
        return data


def message(name: str, data: dict[str, Any]) -> Message:
    record = Record(call.DECLARATION.commands.name, 0, 0, NOW_MS, INSTANCE.encode(), b"")
    return Message(record, name, data)


def command(url: str, method: str = "POST", effect: str | None = None, attempt: int = 0, **more: Any) -> Message:
    step = {"instance_id": INSTANCE, "pointer": POINTER, "iteration": 0, "attempt": attempt}
    arguments = payload({"method": method, "endpoint": url, **more})
    rest = {"function": "http", "arguments": arguments, "deadline_ms": None, "effect": effect}
    return message(STEP_COMMAND, {**step, **rest, "workflow": "w", "version": "1.0.0", "digest": "d"})


def cancel(attempt: int = 0) -> Message:
    step = {"instance_id": INSTANCE, "pointer": POINTER, "iteration": 0, "attempt": attempt}
    return message(CANCEL_STEP, {**step, "reason": "timed out"})


def key(attempt: int = 0) -> str:
    return step_id(INSTANCE, POINTER, 0, attempt)
