"""An own function that waits for others or changes something: many steps at a time, side by side.

That an effect happens no more often than it may is the runtime's (`runtime.once`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from schemas.functions import EffectClass
from schemas.messages import CANCEL_STEP
from schemas.payload import UnreadablePayloadError
from schemas.reasons import Effect, Reason
from schemas.steps import key_of
from streams.ground.errors import UnavailableError
from streams.processors import own
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.processors.own import OwnStepsSettings, declared
from streams.processors.own.results import context_of, refusal, result_of
from streams.runtime.once import IN_DOUBT, BeforeEffect, CannotTellError, Steps
from streams.runtime.processor import Effects, Message, WritableState
from streams.steps.attempt import Attempts
from streams.steps.context import Context as StepContext
from streams.steps.declared import Step
from streams.steps.outcome import Outcome
from streams.steps.outcome import given as told

WORDS = frozenset(word for each in EffectClass for word in (each.value, each.value.upper()))  # of a definition


class OwnStep(Steps):
    """One function of the user."""

    bounds_time = True

    def __init__(self, context: Context, step: Step[..., Any]) -> None:
        super().__init__(context.codec, INBOX)
        self.declaration = declared(step)
        usual = os.cpu_count() if step.run == "process" else context.settings.of(OwnStepsSettings).concurrency
        self.concurrency = step.concurrency or usual or 1
        self._step = step
        self._attempts = Attempts(step)
        self._probing = Attempts(step.probe) if step.probe is not None else None
        self._running: dict[bytes, StepContext] = {}

    async def close(self) -> None:
        """Lets its threads end."""
        self._attempts.close()
        if self._probing is not None:
            self._probing.close()

    async def handle_one(self, message: Message, state: WritableState) -> Effects:
        """As all steps; one that is not wanted any more is told so while it runs."""
        if message.name == CANCEL_STEP and (running := self._running.get(key_of(message.data))) is not None:
            running.cancel()
        return await super().handle_one(message, state)

    async def carry_out(self, command: Mapping[str, Any], key: str, before_effect: BeforeEffect) -> dict[str, Any]:
        """Calls the function."""
        started = time.monotonic()
        outcome = refusal(command, self._step) or await self._outcome(command, key, before_effect)
        own.SECONDS.labels(self._step.name, outcome.reason.value).observe(time.monotonic() - started)
        return result_of(command, outcome)

    def probes(self, command: Mapping[str, Any]) -> bool:
        """Where the step has a probe."""
        return self._probing is not None

    async def probe(self, command: Mapping[str, Any], key: str) -> dict[str, Any] | None:
        """Calls the probe of the step."""
        if self._probing is None:
            return await super().probe(command, key)
        try:
            given = command["arguments"].value()
        except UnreadablePayloadError as error:
            raise CannotTellError(f"{IN_DOUBT}: {error}") from None
        outcome = await self._probing.one(given, context_of(command, key, 0), EffectClass.READ)
        if outcome.reason is Reason.NOT_FOUND:
            return None
        if outcome.output is None:
            raise CannotTellError(f"whether it was done cannot be told now: {outcome.detail}")
        return result_of(command, told(self._step, outcome.output.value()))

    async def _outcome(self, command: Mapping[str, Any], key: str, before_effect: BeforeEffect) -> Outcome:
        try:
            given = command["arguments"].value()
        except UnreadablePayloadError as error:
            return Outcome(Reason.INPUT_INVALID, Effect.NONE, f"{self._step.name}: {error}")
        effect = EffectClass(command["effect"].lower()) if command["effect"] in WORDS else self._step.effect
        await before_effect(effect.repeatable)
        return await self._attempt(key_of(command), given, context_of(command, key, before_effect.retry), effect)

    async def _attempt(self, step: bytes, given: Any, context: StepContext, effect: EffectClass) -> Outcome:
        if self._attempts.lost >= self.concurrency:  # all that may be under way, and nobody can end them
            raise UnavailableError(
                f"{self._step.name}: {self._attempts.lost} steps hang and cannot be ended; the worker starts again. "
                "Look for what blocks in the function, or declare run='process'."
            )
        self._running[step] = context
        try:
            return await self._attempts.one(given, context, effect)
        finally:
            del self._running[step]
            own.LOST.labels(self._step.name).set(self._attempts.lost)
