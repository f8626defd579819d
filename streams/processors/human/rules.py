"""What a human task is: how it opens, what answers it, what it refuses. Pure; `processor.py` makes it durable.

    open ──answer──▶ completed
      └───cancel───▶ cancelled

A task counts its versions. Who answers may name the version that they saw; an answer to another version, to a closed
task, with an outcome that is not offered or with data that the form refuses is not taken, and the task keeps the
reason for its sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from schemas.arguments import ArgumentError
from schemas.payload import Json, Payload
from schemas.reasons import Reason
from schemas.steps import Problem, id_of, problem
from schemas.times import rfc3339
from streams.language.durations import DurationError, milliseconds
from streams.processors.human import HUMAN
from streams.processors.human.fields import CANCELLED, COMPLETED, OPEN
from streams.processors.human.forms import fault_of_form, form_fault
from streams.processors.human.task import HumanTask, Refusal, new_task

COMPLETE = "complete"  # the one action so far

MAX_REFUSALS = 16  # the oldest go first; their senders have long had their answer


def opened(command: Mapping[str, Any], at_ms: int) -> HumanTask:
    """The task that a StepCommand asks for, opened at `at_ms`. Raises ArgumentError.

    An argument becomes the field of its name; what is written out here is all that is more than that.
    """
    given = HUMAN.read(command["arguments"].value())
    form = given.pop("form", {})
    if fault := fault_of_form(form):
        raise HUMAN.fault("form", fault, "describe the answer's data, with what it refers to under $defs")
    due = given.pop("due", None)
    return new_task(
        {"input": None, **given, "form": form},
        {
            "task_id": id_of(command),
            "instance_id": command["instance_id"],
            "pointer": command["pointer"],
            "workflow": command["workflow"],
            "created_at_ms": at_ms,
            "updated_at_ms": at_ms,
            "due_ms": command.get("deadline_ms") if due is None else at_ms + _due(due),
            "business_key": command.get("business_key"),
        },
    )


def answered(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> HumanTask:
    """The task after a HumanAction: completed, or unchanged in version and with one refusal more."""
    objection = _objection(task, action)
    if objection is not None:
        reason, detail = objection
        refusal = Refusal(action_id=action["action_id"], reason=reason.value, detail=detail, at_ms=at_ms)
        return task.changed(refusals=[*task.refusals, refusal][-MAX_REFUSALS:], updated_at_ms=at_ms)
    return task.changed(
        status=COMPLETED,
        version=task.version + 1,
        outcome=action["outcome"],
        data=action["data"],
        completed_by=action["actor"],
        updated_at_ms=at_ms,
        last_action_id=action["action_id"],
    )


def cancelled(task: HumanTask, at_ms: int) -> HumanTask:
    """The task after the engine has lost interest in it; a closed one stays as it is."""
    if task.status != OPEN:
        return task
    return task.changed(status=CANCELLED, version=task.version + 1, updated_at_ms=at_ms)


def output(task: HumanTask) -> Payload:
    """What the workflow gets of a completed task: outcome, data, completedBy, completedAt (RFC 3339)."""
    said = {
        "outcome": task.outcome,
        "data": None if task.data is None else task.data.fragment(),
        "completedBy": task.completed_by,
        "completedAt": rfc3339(task.updated_at_ms),
    }
    return Payload.inside(orjson.dumps(said))


def invalid_task_problem(command: Mapping[str, Any], error: ArgumentError) -> Problem:
    """The Problem of a step whose arguments describe no task."""
    return problem(Reason.INPUT_INVALID, str(error), command["pointer"])


def _due(value: Json) -> int:
    """Milliseconds, as a compiled definition gives them, or a duration as somebody may write it into a command."""
    if type(value) is int and value >= 0:
        return value
    try:
        return milliseconds(value)
    except DurationError as error:
        raise HUMAN.fault("due", f"is no duration: {error}") from None


def _objection(task: HumanTask, action: Mapping[str, Any]) -> tuple[Reason, str] | None:
    """Reason and detail of a refusal; None if the action can be taken."""
    seen = action.get("expected_version")
    if task.status != OPEN:
        return Reason.TASK_CLOSED, f"the task is {task.status}"
    if seen is not None and seen != task.version:
        return Reason.STALE_VERSION, f"the task is at version {task.version}, not {seen}; look at it again"
    if action["action"] != COMPLETE:
        return Reason.UNKNOWN_ACTION, f"the only action is {COMPLETE}"
    if action["outcome"] not in task.outcomes:
        return Reason.UNKNOWN_OUTCOME, f"choose one of {', '.join(task.outcomes)}"
    fault = form_fault(task.form, action["data"])
    return (Reason.DATA_INVALID, fault) if fault else None
