"""What a human task is: how it opens, what answers it, what it refuses. Pure; `human.py` makes it durable.

    open ──answer──▶ completed
      └───cancel───▶ cancelled

A task counts its versions. Who answers may name the version that they saw; an answer to another version, to a closed
task, with an outcome that is not offered or with data that the form refuses is not taken, and the task keeps the
reason for its sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import orjson
from jsonschema import Draft202012Validator, SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from schemas.ids import Key
from schemas.payload import Payload, UnreadablePayloadError
from schemas.reasons import Reason
from schemas.steps import Problem, id_of, problem
from streams.language.durations import DurationError, milliseconds

OPEN = "open"
COMPLETED = "completed"
CANCELLED = "cancelled"
COMPLETE = "complete"  # the one action so far

MAX_REFUSALS = 16  # the oldest go first; their senders have long had their answer
MAX_TITLE_LENGTH = 200
ARGUMENTS = ("team", "title", "form", "outcomes", "input", "due")


class Refusal(msgspec.Struct, frozen=True):
    """An action that was not taken, and why; the detail never quotes the data."""

    action_id: str
    reason: str  # a Reason
    detail: str
    at_ms: int


class HumanTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task in one version: the fields of the message `HumanTask`."""

    task_id: str
    instance_id: str
    pointer: str
    workflow: str
    team: str
    title: str
    form: Payload
    outcomes: list[str]
    input: Payload
    status: str = OPEN
    version: int = 1
    assignee: str | None = None
    outcome: str | None = None
    data: Payload | None = None
    completed_by: str | None = None
    created_at_ms: int
    updated_at_ms: int
    due_ms: int | None = None
    last_action_id: str | None = None
    refusals: list[Refusal] = []
    business_key: Key | None = None

    def knows(self, action_id: str) -> bool:
        """Whether the action was taken or refused before."""
        return action_id == self.last_action_id or any(refusal.action_id == action_id for refusal in self.refusals)


def encode_task(task: HumanTask) -> bytes:
    """A task as the value of its row."""
    return _ENCODER.encode(task)


def decode_task(row: bytes) -> HumanTask:
    """The task of a row's value."""
    return _DECODER.decode(row)


def fields_of(task: HumanTask) -> dict[str, Any]:
    """The fields of the message `HumanTask`."""
    return {**msgspec.structs.asdict(task), "refusals": [msgspec.structs.asdict(each) for each in task.refusals]}


_ENCODER = msgspec.msgpack.Encoder(enc_hook=lambda payload: payload.raw)
_DECODER = msgspec.msgpack.Decoder(HumanTask, dec_hook=lambda _, raw: Payload.inside(raw))


class InvalidTaskError(ValueError):
    """The arguments of `call: human` do not describe a task; the text names the argument and the remedy."""


def opened(command: Mapping[str, Any], at_ms: int) -> HumanTask:
    """The task that a StepCommand asks for, opened at `at_ms`; raises InvalidTaskError.

    Arguments: `team` and `outcomes` (texts to choose from) are required; `title`; `form`, a JSON Schema that the
    answer's data must follow; `input`, what the person needs to see; `due`, a duration after which the task counts as
    overdue.
    """
    arguments = command["arguments"].value()
    _check_arguments(arguments)
    form = Payload.inside(orjson.dumps(arguments.get("form") or {}))
    return HumanTask(
        task_id=id_of(command),
        instance_id=command["instance_id"],
        pointer=command["pointer"],
        workflow=command["workflow"],
        team=arguments["team"],
        title=arguments.get("title") or command["pointer"].rpartition("/")[2],
        form=form,
        outcomes=list(arguments["outcomes"]),
        input=Payload.inside(orjson.dumps(arguments.get("input"))),
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
        due_ms=at_ms + _due(arguments["due"]) if arguments.get("due") is not None else command.get("deadline_ms"),
        business_key=command.get("business_key"),
    )


def answered(task: HumanTask, action: Mapping[str, Any], at_ms: int) -> HumanTask:
    """The task after a HumanAction: completed, or unchanged in version and with one refusal more."""
    objection = _objection(task, action)
    if objection is not None:
        reason, detail = objection
        refusal = Refusal(action["action_id"], reason.value, detail, at_ms)
        return msgspec.structs.replace(task, refusals=[*task.refusals, refusal][-MAX_REFUSALS:], updated_at_ms=at_ms)
    return msgspec.structs.replace(
        task,
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
    return msgspec.structs.replace(task, status=CANCELLED, version=task.version + 1, updated_at_ms=at_ms)


def output(task: HumanTask) -> Payload:
    """What the workflow gets of a completed task: outcome, data, completedBy, completedAt (RFC 3339)."""
    completed_at = datetime.fromtimestamp(task.updated_at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    said = {
        "outcome": task.outcome,
        "data": None if task.data is None else task.data.fragment(),
        "completedBy": task.completed_by,
        "completedAt": completed_at.replace("+00:00", "Z"),
    }
    return Payload.inside(orjson.dumps(said))


def invalid_task_problem(command: Mapping[str, Any], error: InvalidTaskError) -> Problem:
    """The Problem of a step whose arguments describe no task."""
    return problem(Reason.INPUT_INVALID, str(error), command["pointer"])


def _check_arguments(arguments: Any) -> None:
    if not isinstance(arguments, dict):
        raise InvalidTaskError(f"human: arguments are an object with {', '.join(ARGUMENTS)}")
    if unknown := sorted(arguments.keys() - set(ARGUMENTS)):
        raise InvalidTaskError(f"human: unknown argument {unknown[0]}; known are {', '.join(ARGUMENTS)}")
    if not _is_text(arguments.get("team")):
        raise InvalidTaskError("human: team is required; name the team that is asked")
    title = arguments.get("title")
    if title is not None and not (_is_text(title) and len(title) <= MAX_TITLE_LENGTH):
        raise InvalidTaskError(f"human: title is a text of at most {MAX_TITLE_LENGTH} characters")
    outcomes = arguments.get("outcomes")
    if not (isinstance(outcomes, list) and outcomes and all(map(_is_text, outcomes))):
        raise InvalidTaskError("human: outcomes is required; list the texts that a person may choose from")
    _check_form(arguments.get("form"))
    if arguments.get("due") is not None:
        _due(arguments["due"])


def _check_form(form: Any) -> None:
    if form is None:
        return
    try:
        if not isinstance(form, dict):
            raise SchemaError("not an object")
        Draft202012Validator.check_schema(form)
    except SchemaError:
        raise InvalidTaskError("human: form is no JSON Schema; describe the answer's data as one") from None
    if _refers_elsewhere(form):
        raise InvalidTaskError("human: form refers to a schema elsewhere; write it out under $defs")


def _refers_elsewhere(node: Any) -> bool:
    if isinstance(node, dict):
        target = node.get("$ref", "#")
        return not str(target).startswith("#") or any(map(_refers_elsewhere, node.values()))
    return isinstance(node, list) and any(map(_refers_elsewhere, node))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _due(value: Any) -> int:
    """Milliseconds, as a compiled definition gives them, or a duration as somebody may write it into a command."""
    if type(value) is int and value >= 0:
        return value
    try:
        return milliseconds(value)
    except DurationError as error:
        raise InvalidTaskError(f"human: due: {error}") from None


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


def form_fault(form: Payload, data: Payload) -> str | None:
    """None if the data follows the form, else one line that names place and rule, without the data."""
    try:
        errors = sorted(_validator(form).iter_errors(data.value()), key=lambda error: error.json_path)
    except UnreadablePayloadError as error:
        return f"data is not readable: {error}"
    except (Unresolvable, RecursionError):
        return "the form cannot be applied: one of its $ref leads nowhere, or into itself"
    if not errors:
        return None
    expected = f"{errors[0].validator} {orjson.dumps(errors[0].validator_value).decode()}"
    return f"data{errors[0].json_path[1:]} does not follow the form: {expected}"[:500]


@lru_cache(maxsize=256)
def _validator(form: Payload) -> Draft202012Validator:
    """Without a registry of its own, a `$ref` in a form could make the validator fetch from the network."""
    return Draft202012Validator(form.value(), registry=Registry())
