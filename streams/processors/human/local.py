"""People in a run without Kafka: answers given beforehand, held to the same rules as those of people."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas import steps
from schemas.arguments import ArgumentError
from schemas.messages import STEP_COMMAND, STEP_RESULT
from schemas.payload import Door, Json, Payload
from streams.ground.errors import UsageError
from streams.language.undoing import name_at
from streams.processors import human
from streams.processors.context import Context
from streams.processors.human import rules
from streams.processors.human.fields import COMPLETED
from streams.processors.human.task import HumanTask
from streams.processors.orchestrate import INBOX
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person would say to a human task."""

    outcome: str
    data: Json = field(default_factory=dict)


Answers = Mapping[str, Sequence[Answer]]  # by name or pointer of the task; one for each time, the last for all further


class People(FastProcessor):
    """Commands in, results out at once. Raises UsageError for a task without an answer, or one that it refuses."""

    declaration = human.DECLARATION

    def __init__(self, context: Context, answers: Answers) -> None:
        self._codec = context.codec
        self._answers = answers

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """Answers every command; a task that is answered cannot be cancelled any more."""
        commands = [message for message in batch if message.name == STEP_COMMAND]
        results = [(message.record.key, self._result(message.data)) for message in commands]
        return Effects([Output(INBOX, key, self._codec.encode(STEP_RESULT, result)) for key, result in results], {})

    def _result(self, command: Mapping[str, Any]) -> dict[str, Any]:
        at_ms = time.time_ns() // 1_000_000
        try:
            task = rules.opened(command, at_ms)
        except ArgumentError as error:
            return steps.faulted(command, rules.invalid_task_problem(command, error))
        done = rules.acted(task, _action(task, self._answer(task, command["iteration"]), at_ms), at_ms)
        if done.status != COMPLETED:
            raise UsageError(f"--answer for {task.pointer}: {done.refusals[-1]['detail']}")
        return steps.completed(command, rules.output(done))

    def _answer(self, task: HumanTask, iteration: int) -> Answer:
        given = self._answers.get(task.pointer) or self._answers.get(name_of(task.pointer))
        if not given:
            outcomes = " or ".join(task.outcomes)
            raise UsageError(
                f"{task.pointer}: waits for a person of team {task.team}. "
                f"Answer with --answer {name_of(task.pointer)}=OUTCOME, where OUTCOME is {outcomes}."
            )
        return given[min(iteration, len(given) - 1)]


def name_of(pointer: str) -> str:
    """The name of the task at a pointer."""
    return name_at(pointer)


def _action(task: HumanTask, answer: Answer, at_ms: int) -> dict[str, Any]:
    return {
        "action_id": task.task_id,
        "task_id": task.task_id,
        "instance_id": task.fields["instance_id"],
        "action": rules.COMPLETE,
        "outcome": answer.outcome,
        "data": Payload.from_outside(answer.data, Door.ANSWER),
        "actor": "local",
        "expected_version": None,
        "at_ms": at_ms,
        "until_ms": None,
    }
