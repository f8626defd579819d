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
from streams.steps.frames import Come
from streams.steps.outcome import Outcome
from streams.steps.processes import ProcessEndedError, Processes
from streams.steps.types import WrongDataError
from streams.steps.waiting import Loop


def arguments_of(step: Step[..., Any], given: Json, context: Context) -> dict[str, Any] | Outcome:
    """What the function is called with; an outcome where the arguments are not those that it takes."""
    signature = step.signature
    try:
        arguments = signature.read(given)
    except WrongDataError as error:
        return Outcome(Reason.INPUT_INVALID, Effect.NONE, f"{step.name}: {error}")
    if signature.context is not None:
        arguments[signature.context] = context
    return arguments


class Attempts:
    """Carries out one function, many times at once. For one event loop."""

    def __init__(self, step: Step[..., Any]) -> None:
        self.step = step
        self._crew = Crew(step.name)
        self._loop = Loop(step.name)
        self._processes = Processes(step)

    @property
    def lost(self) -> int:
        """Threads that did not end in time and still run."""
        return self._crew.lost + self._loop.lost

    async def one(self, given: Json, context: Context, effect: EffectClass) -> Outcome:
        """What comes of one attempt. Raises nothing but what takes this task back."""
        if context.remaining_s == 0:
            return Outcome(Reason.TIMED_OUT, Effect.NONE, f"{self.step.name}: its deadline had passed")
        arguments = arguments_of(self.step, given, context)
        if isinstance(arguments, Outcome):
            return arguments
        if self.step.run == "process":
            ended = await self._elsewhere(given, context, effect)
        else:
            ended = await (self._waits if self.step.is_async else self._works)(arguments, context)
        if isinstance(ended, str):
            return outcome.overdue(self.step, ended, effect)
        result, error = ended
        if isinstance(error, ProcessEndedError):
            return outcome.brought_down(self.step, str(error), effect)
        if error is not None:
            return outcome.raised(self.step, error, effect)
        return result.outcome() if isinstance(result, Come) else outcome.given(self.step, result)

    def close(self) -> None:
        """Lets threads end that have nothing to do."""
        self._crew.close()
        self._loop.close()
        self._processes.close()

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

    async def _elsewhere(self, given: Json, context: Context, effect: EffectClass) -> Ended | str:
        child = self._processes.take()
        job = self._crew.begin(lambda: child.carry_out(given, context, effect))
        context.on_cancel = child.take_back
        try:
            return await self._in_time(job.done, context)
        finally:
            if not job.done.done():
                child.kill()  # then its thread ends, too
            job.leave()
            self._processes.give_back(child)

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
