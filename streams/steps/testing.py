"""A step without Kafka, for tests of the user: types, errors and timeout as in a worker."""

from __future__ import annotations

import asyncio
from typing import Any

from schemas.payload import Json
from schemas.reasons import Effect, Reason
from streams.steps.attempt import Attempts
from streams.steps.context import Context
from streams.steps.declared import Step

KEY = "00000000000000000000000000000000/do/0/test/0/0"


class StepFailed(Exception):
    """What the workflow would see: the reason, the effect, and the text for people."""

    def __init__(self, reason: Reason, effect: Effect, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.effect = effect
        self.detail = detail


def run_step(step: Step[..., Any], given: Json, *, key: str = KEY, attempt: int = 0) -> Json:
    """The output of one attempt with these arguments, as the workflow gets it; raises StepFailed."""
    return asyncio.run(_run(step, given, Context(function=step.name, key=key, attempt=attempt)))


async def _run(step: Step[..., Any], given: Json, context: Context) -> Json:
    attempts = Attempts(step)
    try:
        outcome = await attempts.one(given, context, step.effect)
    finally:
        attempts.close()
    if outcome.output is None:
        raise StepFailed(outcome.reason, outcome.effect, outcome.detail)
    return outcome.output.value()
