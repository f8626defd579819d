"""Who answers the steps of a replay: a model or a table anew, the record of the first run, or the system itself.

What touches the world is answered from record, unless the replay may really read, or really act. An event that would be
published is on record only as what the step gives; nobody is asked again who was a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import orjson
from msgspec.structs import asdict

from models.serving.registry import Registry
from schemas.arguments import ArgumentError
from schemas.cloudevents import InvalidEventError
from schemas.payload import Door, Payload, UnreadablePayloadError
from schemas.reasons import Reason
from schemas.steps import address, completed, faulted, problem
from streams.engine import StepCommand, StepResult
from streams.language.undoing import is_undo
from streams.processors.decide.chain import OutOfUseError
from streams.processors.decide.decision import carry_out, failed
from streams.processors.emit import EMIT
from streams.processors.emit.processor import event_of, shown
from streams.processors.human import HUMAN
from streams.processors.replay.record import Answered, FirstRun, canonical
from streams.processors.replay.rerun import Came
from streams.processors.replay.tale import COMPUTED

Fields = Mapping[str, Any]
Pin = Callable[[Payload, int], str | None]
"""What decides a step with these arguments, made at a time (epoch)."""
Really = Callable[[StepCommand, int], StepResult | None]
"""Carries a step out in the world, as of a time (epoch); None where that is not allowed of this one."""


class Effects(StrEnum):
    """What a replay may do to the world."""

    OFF = "off"
    READ = "read"
    ON = "on"


class Answers:
    """Answers of one run anew; counts what is told of them."""

    def __init__(self, first: FirstRun, original: str, registry: Registry, pin: Pin, really: Really | None) -> None:
        self.assumed = 0
        self.real = 0
        self._first = first
        self._original = original
        self._registry = registry
        self._pin = pin
        self._really = really

    def __call__(self, command: StepCommand, now_ms: int) -> Came | None:
        """See `rerun.Ask`."""
        if command.function in COMPUTED:
            return Came(self._decided(command, now_ms), self._took_ms(command))
        if command.function == EMIT.name:
            return Came(_published(command, now_ms), self._took_ms(command))
        if is_undo(command.pointer):
            return Came(self._undone(command))
        if self._really is not None and command.function != HUMAN.name:
            result = self._really(command, now_ms)
            if result is not None:
                self.real += 1
                return Came(result)
        return self._recorded(command)

    def _undone(self, command: StepCommand) -> StepResult:
        """Nothing is undone again: as it is on record, or as if it had been."""
        found = self._found(command)
        if found is not None and found[0].result is not None:
            return _addressed(found[0], command)
        return StepResult(**completed(asdict(command), Payload.from_outside(None, Door.RESULT)))

    def _found(self, command: StepCommand) -> tuple[Answered, bool] | None:
        arguments = canonical(command.arguments, command.instance_id, self._original)
        return self._first.answer(command.pointer, command.function, arguments)

    def _took_ms(self, command: StepCommand) -> int:
        """How long the same took at first, so that the two runs can be compared."""
        found = self._found(command)
        return 0 if found is None else found[0].after_ms

    def _recorded(self, command: StepCommand) -> Came | None:
        found = self._found(command)
        if found is None:
            return None
        answered, same = found
        if answered.result is None:
            return Came(None)
        self.assumed += not same
        return Came(_addressed(answered, command), answered.after_ms)

    def _decided(self, command: StepCommand, now_ms: int) -> StepResult:
        fields = asdict(command)
        fields["pin"] = self._pin(command.arguments, now_ms)
        fields["business_key"] = command.business_key or self._original  # the same share of cases as at first
        try:
            carried = carry_out(fields, self._registry, now_ms)
        except OutOfUseError as error:
            carried = failed(fields, Reason.MISCONFIGURED, f"with.model: {error}")
        except UnreadablePayloadError as error:
            carried = failed(fields, Reason.INPUT_INVALID, f"with: {error}")
        return StepResult(**carried.result)


def _addressed(answered: Answered, command: StepCommand) -> StepResult:
    assert answered.result is not None
    result = answered.result
    return StepResult(**address(asdict(command)), status=result.status, output=result.output, error=result.error)


def _published(command: StepCommand, now_ms: int) -> StepResult:
    """What the step gives that would publish an event."""
    fields = asdict(command)
    try:
        output = Payload.inside(orjson.dumps(shown(event_of(fields, now_ms))))
    except (ArgumentError, InvalidEventError, UnreadablePayloadError, TypeError) as error:  # nested too deeply
        return StepResult(**faulted(fields, problem(Reason.INPUT_INVALID, str(error), command.pointer)))
    return StepResult(**completed(fields, output))


def same_outputs(first: Payload | None, again: Payload | None, instance: str, original: str) -> bool | None:
    """Whether both runs gave the same; None where one of them gave nothing."""
    if first is None or again is None:
        return None
    return canonical(first, original, original) == canonical(again, instance, original)
