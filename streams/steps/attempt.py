"""One attempt at a step: arguments in, outcome out, whatever the function does meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from schemas.functions import EffectClass
from schemas.payload import Json
from schemas.reasons import Effect, Reason
from streams.steps import outcome
from streams.steps.context import Context
from streams.steps.crew import Crew, Ended
from streams.steps.declared import Step
from streams.steps.outcome import Outcome
from streams.steps.types import WrongDataError
from streams.steps.waiting import Loop

CANCELLED_GRACE_S = 5.0  # for a step that is not wanted any more to end by itself


class Attempts:
    """Carries out one function, many times at once. For one event loop."""

    def __init__(self, step: Step[..., Any]) -> None:
        self.step = step
        self._crew = Crew(step.name)
        self._loop = Loop(step.name)

    @property
    def lost(self) -> int:
        """Threads that did not end in time and still run."""
        return self._crew.lost + self._loop.lost

    async def one(self, given: Json, context: Context, effect: EffectClass) -> Outcome:
        """What comes of one attempt. Raises nothing but what takes this task back."""
        if context.remaining_s == 0:
            return Outcome(Reason.TIMED_OUT, Effect.NONE, f"{self.step.name}: its deadline had passed")
        arguments = self.arguments(given, context)
        if isinstance(arguments, Outcome):
            return arguments
        ended = await (self._waits if self.step.is_async else self._works)(arguments, context)
        if isinstance(ended, str):
            return outcome.overdue(self.step, ended, effect)
        result, error = ended
        return outcome.given(self.step, result) if error is None else outcome.raised(self.step, error, effect)

    def arguments(self, given: Json, context: Context) -> dict[str, Any] | Outcome:
        """What the function is called with; an outcome where the arguments are not those that it takes."""
        signature = self.step.signature
        try:
            arguments = signature.read(given)
        except WrongDataError as error:
            return Outcome(Reason.INPUT_INVALID, Effect.NONE, f"{self.step.name}: {error}")
        if signature.context is not None:
            arguments[signature.context] = context
        return arguments

    def close(self) -> None:
        """Lets threads end that have nothing to do."""
        self._crew.close()
        self._loop.close()

    async def _works(self, arguments: dict[str, Any], context: Context) -> Ended | str:
        job = self._crew.begin(lambda: self.step.call(**arguments))
        try:
            return await self._in_time(job.done, context)
        finally:
            job.leave()

    async def _waits(self, arguments: dict[str, Any], context: Context) -> Ended | str:
        under_way = self._loop.begin(self.step.call(**arguments))
        here = asyncio.wrap_future(under_way)
        try:
            return await self._in_time(here, context)
        finally:
            if not here.done():
                await self._loop.leave(under_way)

    async def _in_time(self, done: asyncio.Future[Ended], context: Context) -> Ended | str:
        """What the function gave or raised; or why it was given up."""
        while True:
            left_s, why = self._left_s(context)
            await asyncio.wait([done], timeout=max(0.0, left_s))
            if done.done():
                return done.result()
            if self._left_s(context)[0] <= 0:
                return why

    def _left_s(self, context: Context) -> tuple[float, str]:
        left_s = context.alive_at + self.step.timeout_s - time.monotonic()
        why = f"it gave no sign of life for {self.step.timeout_s:g} s and was given up"
        if context.remaining_s is not None and context.remaining_s < left_s:
            return context.remaining_s, "it had not ended by its deadline and was given up"
        return left_s, why
