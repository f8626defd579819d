"""The trivial step processor of the benchmark: answers every call at once with its body. Runs on the real runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Payload
from schemas.steps import completed
from streams.processors import call
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView


class Echo(FastProcessor):
    """Stands where `call` stands."""

    declaration = replace(call.DECLARATION, make="tests.bench.echo:Echo", table=None)

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The body of every command, as its result."""
        return Effects([self._answer(message) for message in batch if message.name == STEP_COMMAND], {})

    def _answer(self, message: Message) -> Output:
        command = message.data
        body = Payload.inside(orjson.dumps(command["arguments"].value()["body"]))
        value = self._codec.encode(STEP_RESULT, completed(command, body))
        return Output(INBOX, message.record.key, value)
