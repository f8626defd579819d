"""The data flow of a task and of the workflow: expressions, schemas, and the JSON of records.

The order is that of the language: input is checked, then shaped; output and context are shaped, then checked. What
fails becomes an error of the task, or of the workflow's own part, at which it stands.
"""

from __future__ import annotations

from orjson import dumps

from schemas import problems
from schemas.payload import Json, Payload
from streams.engine.activity import Activity, Place
from streams.engine.contexts import context_of
from streams.engine.errors import failed
from streams.engine.limits import LimitExceededError, Limits
from streams.engine.tree import Tree
from streams.engine.variables import variables
from streams.language.expressions import ExpressionError, Path
from streams.language.graph import Expression, Transform

_GROWING = frozenset({dict, list, str})
_NO_VARIABLES: dict[str, Json] = {}


def evaluate(tree: Tree, expression: Expression, data: Json, place: Place, scope: int | None = None) -> Json:
    """The value of an expression; `scope` is the frame whose bindings it sees, the task's parent if not given."""
    values = _NO_VARIABLES
    if expression.variables:
        if scope is None:
            scope = place.parent if isinstance(place, Activity) else -1
        values = variables(tree, expression.variables, place, scope)
    try:
        value = expression.evaluate(data, values)
    except ExpressionError as error:
        raise failed(place, problems.EXPRESSION, str(error)) from None
    if type(value) in _GROWING and type(expression) is not Path:
        if type(place) is Activity:
            bound = tree.bound * place.task.growth
            if 0 < bound <= tree.limits.value_bytes:  # it can't have become too heavy
                tree.bound = bound
                return value
        tree.weigh(value, place if isinstance(place, str) else place.task.pointer)
    return value


def shape_input(tree: Tree, transform: Transform, data: Json, place: Place) -> Json:
    """The transformed input for a raw one."""
    _check(transform, "input", data, place)
    return data if transform.expression is None else evaluate(tree, transform.expression, data, place)


def shape_output(tree: Tree, transform: Transform, data: Json, place: Place) -> Json:
    """The transformed output for a raw one."""
    if transform.expression is not None:
        data = evaluate(tree, transform.expression, data, place)
    _check(transform, "output", data, place)
    return data


def shape_context(tree: Tree, activity: Activity) -> Json:
    """The context after a task with an `export`; without `as` it stays as it is."""
    export = activity.task.export
    if export.expression is None:
        context = context_of(tree, activity.task.index, activity.parent)
    else:
        context = evaluate(tree, export.expression, activity.output, activity)
    _check(export, "context", context, activity)
    return context


def encode(value: Json, place: Place, limits: Limits) -> Payload:
    """A value as the payload of a record."""
    try:
        raw = dumps(value)
    except TypeError as error:  # numbers beyond 64 bits, broken text, nested too deeply
        raise failed(place, problems.EXPRESSION, f"The value can't be written as JSON: {error}") from None
    if len(raw) > limits.record_bytes:
        pointer = place if isinstance(place, str) else place.task.pointer
        raise LimitExceededError(f"a record of more than {limits.record_bytes} bytes", pointer)
    return Payload.inside(raw)


def _check(transform: Transform, what: str, data: Json, place: Place) -> None:
    if transform.schema is not None:
        complaint = transform.schema.check(data)
        if complaint is not None:
            raise failed(place, problems.VALIDATION, f"The {what} does not fit its schema: {complaint}")
