"""Dead letters: a command that could not be carried out, as it stood and with what is known about why.

A command that is tried again is the same record but for a header, which counts the re-attempts. So nothing of it is
made anew, and every try has the step's id and its idempotency key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.codec import Codec
from schemas.messages import DEAD_LETTER, STEP_RESULT
from schemas.payload import Payload
from schemas.recovery import NOBODY, Stated, encode
from schemas.steps import Problem, address
from streams.ground.topic import MAX_WRITTEN_BYTES, Topic
from streams.runtime.declaration import Declaration
from streams.runtime.processor import Headers, Message, Output, Record

RETRY_HEADER = "exlify_retry"
ENVELOPE_BYTES = 64 * 1024  # the rest of a letter: texts of a problem, a policy
HARMLESS, HARMFUL, POINTLESS = "harmless", "harmful", "pointless"


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
    codec: Codec,
    topic: Topic,
    message: Message,
    error: Problem,
    *,
    again: str,
    wait_ms: int | None = None,
    stated: Stated = NOBODY,
    said: Payload | None = None,
) -> Output:
    """The letter of a command that has failed with `error`.

    `again` is what another try would be: harmless where it could do nothing twice, harmful where it could, pointless
    where it would come to the same. `stated` counts where the definition says nothing of trying again. `said`
    is what the system outside has answered with its error; it is left out beside a command that fills the record.
    """
    command: Mapping[str, Any] = message.data
    declared = command.get("recovery")
    policy = encode(stated.policy) if declared is None and stated.policy is not None else declared
    fits = said is not None and len(said) + len(message.record.value or b"") <= MAX_WRITTEN_BYTES - ENVELOPE_BYTES
    letter = {
        **address(command),
        "retry": retry_of(message.record),
        "function": command["function"],
        "deadline_ms": command.get("deadline_ms"),
        "recovery": policy,
        "policy_of": "definition" if declared is not None else stated.by,
        "command": message.record.value,
        "error": error,
        "again": again,
        "wait_ms": wait_ms,
        "answer": said if fits else None,
    }
    return Output(topic, message.record.key, codec.encode(DEAD_LETTER, letter))


def answer(
    codec: Codec, declaration: Declaration, answers: Topic, message: Message, result: dict[str, Any], again: str
) -> Output:
    """The result of a command, for whoever waits for it; the dead letter of one that has failed.

    For processors that keep no results; `result` may have `wait_ms`, the wait that is asked for.
    """
    wait_ms, error = result.pop("wait_ms", None), result["error"]
    if error is None:
        return Output(answers, message.record.key, codec.encode(STEP_RESULT, result))
    stated, letters = stated_by(declaration, message.data["function"]), declaration.dead_letters
    return dead_letter(codec, letters, message, error, again=again, wait_ms=wait_ms, stated=stated)


def stated_by(declaration: Declaration, function: str) -> Stated:
    """What a function declares of trying it again."""
    for each in declaration.functions:
        if each.name == function and each.recovery is not None:
            return Stated(each.recovery, f"function {function}")
    return NOBODY
