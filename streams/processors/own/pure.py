"""An own function that only computes: a batch at a time in a thread, without an intent and without a table.

The batch is computed while its lane waits and the event loop turns; then the handler is called again and has the
results. What takes too long is given up, and the rest of the batch goes on in another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from schemas.messages import CANCEL_STEP, STEP_COMMAND
from schemas.payload import UnreadablePayloadError
from schemas.reasons import Effect, Reason
from schemas.steps import id_of
from streams.ground.errors import UnavailableError
from streams.processors import own
from streams.processors.context import Context
from streams.processors.orchestrate import INBOX
from streams.processors.own import declared
from streams.processors.own.results import context_of, refusal, result_of
from streams.runtime import metrics
from streams.runtime.answers import answer_unusable
from streams.runtime.letters import HARMLESS, POINTLESS, answer, retry_of
from streams.runtime.parking import parked
from streams.runtime.processor import Computing, Effects, FastProcessor, Message, StateView
from streams.steps import outcome
from streams.steps.crew import Crew
from streams.steps.declared import Step
from streams.steps.outcome import Outcome
from streams.steps.types import WrongDataError

LOOK_S = 5.0  # a lane that waits for longer says again that it does
MAX_LOST = 16


class Pure(FastProcessor):
    """One function of the user that computes from its arguments alone."""

    def __init__(self, context: Context, step: Step[..., Any]) -> None:
        self.declaration = declared(step)
        self._codec = context.codec
        self._step = step
        self._crew = Crew(step.name)
        self._computing: dict[int, Computation] = {}  # by partition: a lane has one batch at a time

    async def close(self) -> None:
        """Lets its threads end."""
        self._crew.close()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The result of every command, once it is computed; one that is not wanted any more is answered in vain."""
        commands = [message for message in batch if message.name == STEP_COMMAND]
        found = self._computation(commands)
        if not found.complete:
            raise Computing(f"{self._step.name} computes", lambda: self._compute(found))
        effects = Effects([], {})
        for message, come in zip(commands, found.outcomes, strict=True):
            self._answer(message, come, effects)
        strange = [
            parked(each.record, self.declaration.name, f"{each.name or 'a record without a value'} is no command")
            for each in batch
            if each.name not in (STEP_COMMAND, CANCEL_STEP)
        ]
        effects.outputs += strange
        return effects

    def on_parked(self, message: Message, state: StateView) -> Effects:
        """A command that cannot be carried out is answered, or its instance would wait for ever."""
        return answer_unusable(self._codec, message, INBOX)

    def _answer(self, message: Message, come: Outcome, effects: Effects) -> None:
        """What only computes comes to the same when it is tried again, unless it has said otherwise or was given up."""
        result = result_of(message.data, come)
        again = HARMLESS if come.retryable or come.reason is Reason.TIMED_OUT else POINTLESS
        effects.outputs.append(answer(self._codec, self.declaration, INBOX, message, result, again))
        effects.counts.append(partial(metrics.count_step, message.data["function"], result))

    def _computation(self, commands: Sequence[Message]) -> Computation:
        """Of these commands: the one under way, if they have come before."""
        if not commands:
            return Computation(self._step, [])
        number = commands[0].record.partition
        found = self._computing.get(number)
        if found is None or not found.is_of(commands):
            found = self._computing[number] = Computation(self._step, commands)
        return found

    async def _compute(self, found: Computation) -> None:
        if self._crew.lost >= MAX_LOST:
            raise UnavailableError(
                f"{self._step.name}: {self._crew.lost} steps hang and cannot be ended; the worker starts again. "
                "Is the function pure? Then look for a loop without an end."
            )
        try:
            await found.go_on(self._crew)
        finally:
            own.LOST.labels(self._step.name).set(self._crew.lost)


class Computation:
    """A batch on its way through the function."""

    def __init__(self, step: Step[..., Any], commands: Sequence[Message]) -> None:
        self.outcomes: list[Outcome] = []
        self._step = step
        self._commands = commands
        self._began_at = 0.0  # the one that is computed
        self._round = 0

    def is_of(self, commands: Sequence[Message]) -> bool:
        """Whether these are its commands."""
        return [each.record.offset for each in commands] == [each.record.offset for each in self._commands]

    @property
    def complete(self) -> bool:
        """Whether every command has its outcome."""
        return len(self.outcomes) == len(self._commands)

    async def go_on(self, crew: Crew) -> None:
        """Computes for a while; all if there is time."""
        until = time.monotonic() + LOOK_S
        self._began_at = time.monotonic()
        number = self._round = self._round + 1
        job = crew.begin(lambda: self._run(number, until))
        try:
            while not job.done.done():
                left_s = self._began_at + self._step.timeout_s - time.monotonic()
                if left_s <= 0:
                    self._give_up()
                    return
                await asyncio.wait([job.done], timeout=left_s)
        finally:
            job.leave()

    def _give_up(self) -> None:
        self._round += 1  # whatever the thread still finds is nobody's
        what = f"it had not ended after {self._step.timeout_s:g} s and was given up"
        self.outcomes.append(outcome.overdue(self._step, what, self._step.effect))

    def _run(self, number: int, until: float) -> None:
        """In the thread."""
        while not self.complete and self._round == number and time.monotonic() < until:
            self._began_at = time.monotonic()
            come = self._computed(self._commands[len(self.outcomes)])
            if self._round == number:
                own.SECONDS.labels(self._step.name, come.reason.value).observe(time.monotonic() - self._began_at)
                self.outcomes.append(come)

    def _computed(self, message: Message) -> Outcome:
        step, command = self._step, message.data
        if (refused := refusal(command, step)) is not None:
            return refused
        try:
            arguments = step.signature.read(command["arguments"].value())
        except (WrongDataError, UnreadablePayloadError) as error:
            return Outcome(Reason.INPUT_INVALID, Effect.NONE, f"{step.name}: {error}")
        if step.signature.context is not None:
            arguments[step.signature.context] = context_of(command, id_of(command), retry_of(message.record))
        try:
            return outcome.given(step, step.call(**arguments))
        except BaseException as error:  # noqa: BLE001  # whatever a function of a user raises is told, not raised
            return outcome.raised(step, error, step.effect)
