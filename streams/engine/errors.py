"""Errors of tasks: how the engine raises them and how a `catch` recognises them.

The types are those of the definition language (`schemas.problems`). An error is data: a dictionary with the members
of RFC 9457, whose `instance` is the JSON Pointer of the task that raised it, however far it travels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from schemas import problems
from schemas.reasons import Reason
from schemas.steps import Problem, told

if TYPE_CHECKING:
    from streams.engine.activity import Activity, Place
    from streams.language.graph import ErrorFilter

_UNTYPED = problems.ERROR_TYPES[problems.RUNTIME]
_STATUS_CODES = range(100, 1000)


class TaskError(Exception):
    """A task has failed; `activity` is None where it is the workflow itself."""

    def __init__(self, activity: Activity | None, problem: Problem) -> None:
        super().__init__(problem["title"])
        self.activity = activity
        self.problem = problem


def failed(place: Place, kind: str, detail: str) -> TaskError:
    """The error of a task, or of the workflow's own part."""
    if isinstance(place, str):
        return TaskError(None, problem(kind, detail, place))
    return TaskError(place, problem(kind, detail, place.task.pointer))


def problem(kind: str, detail: str, pointer: str, reason: Reason | None = None) -> Problem:
    """An error of the engine's own: `kind` is a URI of `schemas.problems`, title and status are those of the kind."""
    known = problems.ERROR_TYPES[kind]
    made: Problem = {
        "type": kind,
        "title": known.title,
        "status": known.status,
        "detail": told(detail),
        "instance": pointer,
    }
    if reason is not None:
        made["reason"] = reason.value
    return made


def received(error: Mapping[str, Any] | None, pointer: str) -> Problem:
    """The error of a step processor as the definition sees it: absent members left out, `instance` set to the task."""
    if error is None:
        return problem(problems.RUNTIME, "The step faulted and its processor gave no error.", pointer)
    made = {name: value for name, value in error.items() if value is not None}
    made["instance"] = pointer
    return made


def raised(error: Any, pointer: str) -> Problem | str:
    """The error that a `raise` task describes, or one line that says why it describes none.

    `type` has to be a string and `status` a whole number, where they are given. The type is kept as written; what is
    missing comes from it.
    """
    if not isinstance(error, dict):
        return "an error is an object with `type`, `status`, `title` and `detail`"
    kind = error.get("type", problems.RUNTIME)
    if not isinstance(kind, str):
        return "the `type` of an error is a URI"
    known = problems.ERROR_TYPES.get(problems.canonical(kind), _UNTYPED)
    status = error.get("status", known.status)
    if isinstance(status, bool) or not isinstance(status, int | float) or status not in _STATUS_CODES:
        return "the `status` of an error is a whole number from 100 to 999"
    made: Problem = {"type": _text(kind, ""), "title": _text(error.get("title"), known.title), "status": int(status)}
    made |= {name: _text(error[name], "") for name in ("detail", "reason", "effect") if error.get(name) is not None}
    made["instance"] = pointer
    return made


def matches(wanted: ErrorFilter, error: Problem) -> bool:
    """Whether `catch.errors.with` lets the error through; the URI of a type may be of any family."""
    if wanted.type is not None and problems.canonical(wanted.type) != problems.canonical(str(error.get("type"))):
        return False
    pairs = (
        (wanted.status, "status"),
        (wanted.title, "title"),
        (wanted.detail, "detail"),
        (wanted.instance, "instance"),
    )
    return all(value is None or value == error.get(name) for value, name in pairs)


def _text(value: Any, otherwise: str) -> str:
    if value is None:
        return otherwise
    return told(value if isinstance(value, str) else str(value))
