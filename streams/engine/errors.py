"""Errors of tasks: how the engine makes them, and how it takes those of step processors.

The types are those of the definition language (`schemas.problems`). An error is data: a dictionary with the members
of RFC 9457, whose `instance` is the JSON Pointer of the task that raised it, however far it travels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas import problems
from schemas.reasons import Reason
from schemas.steps import Problem, told
from streams.engine.activity import Activity, Place

BODY = "body"  # member of an error: what the system outside said with it


class TaskError(Exception):
    """A task has failed; `activity` is None where it is the workflow itself. `meant`: the definition wants it so."""

    def __init__(self, activity: Activity | None, problem: Problem, *, meant: bool = False) -> None:
        super().__init__(problem["type"])
        self.activity = activity
        self.problem = problem
        self.meant = meant


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


def without_body(error: Problem) -> Problem:
    """The error without what the system outside has said: that is for the definition alone."""
    return error if BODY not in error else {name: part for name, part in error.items() if name != BODY}


def for_people(error: Problem) -> Problem:
    """An error as it leaves the instance: it has no body, and a title: the last part of its type if it was raised
    without one.
    """
    error = without_body(error)
    if error.get("title") is not None:
        return error
    kind = str(error.get("type", ""))
    return {**error, "title": kind.rstrip("/#").rpartition("/")[2].rpartition("#")[2] or kind}


def received(error: Mapping[str, Any] | None, pointer: str) -> Problem:
    """The error of a step processor as the definition sees it: absent members left out, `instance` set to the task."""
    if error is None:
        return problem(problems.RUNTIME, "The step faulted and its processor gave no error.", pointer)
    made = {name: value for name, value in error.items() if value is not None}
    made["instance"] = pointer
    return made
