"""The answer to a step's command that could not be used, so that its instance does not wait for ever."""

from __future__ import annotations

from typing import Any

from schemas.codec import Codec
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.reasons import Effect, Reason
from schemas.steps import faulted, problem
from streams.ground.topic import Topic
from streams.runtime.processor import Effects, Message, Output

DETAIL = "the command could not be used, and is parked"


def unusable(message: Message, *, effect: Effect = Effect.NONE) -> dict[str, Any]:
    """Fields of the StepResult of a command that is parked."""
    place = f"{message.record.topic}[{message.record.partition}] at {message.record.offset}"
    error = problem(Reason.PLATFORM_FAULT, f"{DETAIL}: {place}", message.data["pointer"], effect=effect)
    return faulted(message.data, error)


def answer_unusable(codec: Codec, message: Message, answers: Topic) -> Effects:
    """What a processor without effects outside answers to a command that is parked; nothing to any other message."""
    if message.name != STEP_COMMAND:
        return Effects([], {})
    return Effects([Output(answers, message.record.key, codec.encode(STEP_RESULT, unusable(message)))], {})
