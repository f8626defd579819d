"""Dead letters: a command that could not be carried out, as it stood and with what is known about why.

A command that is tried again is the same record but for a header, which counts the re-attempts. So nothing of it is
made anew, and every try has the step's id and its idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.codec import Codec
from schemas.messages import DEAD_LETTER
from schemas.steps import Problem, address
from streams.ground.topic import Topic
from streams.runtime.processor import Headers, Message, Output, Record

RETRY_HEADER = "exlify_retry"
HARMLESS, HARMFUL = "harmless", "harmful"


def retry_of(record: Record) -> int:
    """How often the command has been tried again before, 0 for its first try."""
    for name, value in record.headers:
        if name == RETRY_HEADER and value.isdigit():
            return int(value)
    return 0


def retry_headers(retry: int) -> Headers:
    """The headers of a command that is tried again."""
    return ((RETRY_HEADER, b"%d" % retry),)


def dead_letter(
    codec: Codec, topic: Topic, message: Message, error: Problem, *, harmless: bool, wait_ms: int | None = None
) -> Output:
    """The letter of a command that has failed with `error`; `harmless`: another try could do nothing twice."""
    command: Mapping[str, Any] = message.data
    letter = {
        **address(command),
        "retry": retry_of(message.record),
        "function": command["function"],
        "deadline_ms": command.get("deadline_ms"),
        "recovery": command.get("recovery"),
        "command": message.record.value,
        "error": error,
        "again": HARMLESS if harmless else HARMFUL,
        "wait_ms": wait_ms,
    }
    return Output(topic, message.record.key, codec.encode(DEAD_LETTER, letter))
