"""The trivial step processor of the benchmark: answers every call at once with its body. Runs on the real runtime."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Payload
from streams.ground import topics
from streams.runtime.processor import Effects, Message, Output, Row, StateView, TableSpec


class Echo:
    """Stands where `call` stands."""

    name = "call"
    inputs = (topics.STEP_CALL,)
    table: TableSpec | None = None
    framed = True

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    async def open(self) -> None:
        """Needs nothing."""

    async def close(self) -> None:
        """Holds nothing."""

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The body of every command, as its result."""
        return Effects([self._answer(message) for message in batch if message.name == STEP_COMMAND], {})

    def on_due(self, key: bytes, row: Row, now_ms: int) -> Effects:
        """Never called: there is no table."""
        raise NotImplementedError

    def _answer(self, message: Message) -> Output:
        command = message.data
        result = {name: command[name] for name in ("instance_id", "pointer", "iteration", "attempt")}
        body = Payload.inside(orjson.dumps(command["arguments"].value()["body"]))
        value = self._codec.encode(STEP_RESULT, result | {"status": "completed", "output": body})
        return Output(topics.INBOX, message.record.key, value)
