"""`raise`: an error of the definition's own."""

from __future__ import annotations

from typing import Any, Never

from orjson import dumps

from schemas import problems
from schemas.steps import Problem, told
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import evaluate
from streams.engine.errors import TaskError, failed
from streams.engine.run import Run
from streams.language.constructs.raise_ import Raise

_UNTYPED = problems.ERROR_TYPES[problems.RUNTIME]
_TEXTS = ("title", "detail", "reason", "effect")
_STATUS_CODES = range(100, 1000)


def _start(run: Run, task: Raise, activity: Activity) -> None:
    error = raised(evaluate(run, task.error, activity.input, activity), task.pointer)
    if isinstance(error, str):
        raise failed(activity, problems.CONFIGURATION, f"`raise` describes no error: {error}")
    raise TaskError(activity, error, meant=True)


def raised(error: Any, pointer: str) -> Problem | str:
    """The error that a `raise` task describes, or one line that says why it describes none.

    `type` has to be a string and `status` a whole number, where they are given. The type is kept as written. What is
    missing comes from it, if it is one of the language's; one of the definition's own has no title but the one it is
    given, so that no filter on titles matches it by accident.
    """
    if not isinstance(error, dict):
        return "an error is an object with `type`, `status`, `title` and `detail`"
    kind = error.get("type", problems.RUNTIME)
    if not isinstance(kind, str):
        return "the `type` of an error is a URI"
    known = problems.ERROR_TYPES.get(problems.canonical(kind))
    status = error.get("status", (known or _UNTYPED).status)
    if isinstance(status, bool) or not isinstance(status, int | float) or status not in _STATUS_CODES:
        return "the `status` of an error is a whole number from 100 to 999"
    made: Problem = {"type": _text(kind), "status": int(status)}
    if error.get("title") is None and known is not None:
        made["title"] = known.title
    made |= {name: _text(error[name]) for name in _TEXTS if error.get(name) is not None}
    made["instance"] = pointer
    return made


def _text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    if isinstance(value, str):
        return told(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return told(dumps(value).decode())
    except TypeError:  # numbers beyond 64 bits, broken text, nested too deeply
        return "(cannot be written as JSON)"


RAISE: Construct[Raise, Never] = Construct(task=Raise, start=_start)
