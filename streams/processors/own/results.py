"""What an own step's outcome is on the wire, and what is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import steps
from schemas.reasons import Effect, Reason
from streams.processors import own
from streams.steps.context import Context
from streams.steps.declared import Step
from streams.steps.outcome import Outcome

MAX_OUTPUT_BYTES = 900 * 1024  # leaves room for the envelope in a record of 1 MiB


def result_of(command: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """The fields of the StepResult; with `wait_ms` where the step has asked for a wait."""
    if outcome.output is None:
        problem = steps.problem(outcome.reason, outcome.detail, command["pointer"], effect=outcome.effect)
        result = steps.faulted(command, problem)
        return result if outcome.after_s is None else {**result, "wait_ms": int(outcome.after_s * 1_000)}
    if len(outcome.output) <= MAX_OUTPUT_BYTES:
        return steps.completed(command, outcome.output)
    detail = f"{command['function']}: its result is larger than {MAX_OUTPUT_BYTES} bytes"
    return result_of(command, Outcome(Reason.REPLY_TOO_LARGE, outcome.effect, detail))


def refusal(command: Mapping[str, Any], step: Step[..., Any]) -> Outcome | None:
    """Why a command is none for the function, if so."""
    if command["function"] == step.name:
        return None
    detail = f"{command['function']}: this is the topic of {step.name}"
    return Outcome(Reason.UNSUPPORTED, Effect.NONE, detail)


def context_of(command: Mapping[str, Any], key: str, retry: int) -> Context:
    """What the function is told of the step, which has been tried again so often before."""
    function = command["function"]
    return Context(
        function=function,
        key=key,
        workflow=command["workflow"],
        pointer=command["pointer"],
        attempt=command["attempt"] + retry,
        deadline_ms=command["deadline_ms"],
        count=lambda name, by: own.COUNTS.labels(function, name).inc(by),
    )
