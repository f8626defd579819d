"""Where expressions may stand, and which variables can be read there (the specification's table of arguments).

Names bound by `for` and `catch` around the place are added to those of the slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from streams.language.durations import UNITS_MS, DurationError, milliseconds
from streams.language.expressions import (
    Collection,
    Condition,
    Constant,
    Milliseconds,
    ProgramError,
    expression,
    inner_text,
    members,
    template,
)
from streams.language.graph import Expression
from streams.language.jq.program import gives_assignment
from streams.language.nodes import Node

Scope = frozenset[str]  # names that loops and handlers around bind

_WORKFLOW = frozenset({"workflow", "runtime"})
_TASK = _WORKFLOW | {"context", "task"}
ALL_VARIABLES = _TASK | {"input", "output"}
RESERVED = ALL_VARIABLES | {"secrets", "authorization", "ENV", "__loc__", "__prog_args"}
_NOT_BUILT = {
    "authorization": "credentials belong into a connection of the settings",
}
VARIABLE_FORM = {
    "type": "string",
    "pattern": r"^\$?[A-Za-z_][A-Za-z0-9_]*$",
    "not": {"pattern": f"^\\$?({'|'.join(sorted(RESERVED))})$"},
}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
NOTHING_KNOWN = Constant(None)  # stands in for an expression that has a fault


@dataclass(frozen=True, slots=True)
class Slot:
    """A kind of place for expressions."""

    name: str
    variables: frozenset[str]


WORKFLOW_INPUT = Slot("the workflow's `input.from`", _WORKFLOW)
WORKFLOW_OUTPUT = Slot("the workflow's `output.as`", _WORKFLOW | {"context"})
IF = Slot("`if`", _TASK)
INPUT = Slot("`input.from`", _TASK)
BODY = Slot("the definition of a task", _TASK | {"input"})
OUTPUT = Slot("`output.as`", _TASK | {"input"})
EXPORT = Slot("`export.as`", _TASK | {"input", "output"})


def read_expression(node: Node, slot: Slot, scope: Scope) -> Expression:
    """A text that can only be an expression; its braces may be left out."""
    if not isinstance(node.value, str):
        node.wrong_type("an expression", "${ .amount > 100 }")
        return NOTHING_KNOWN
    return _compiled(node, inner_text(node.value) or node.value.strip(), slot, scope)


def read_condition(node: Node, slot: Slot, scope: Scope) -> Expression:
    """An expression that gives true or false."""
    if isinstance(node.value, bool):
        return Constant(node.value)
    if isinstance(node.value, str) and gives_assignment(inner_text(node.value) or node.value.strip()):
        message = "this changes data, and does not compare it: what it gives is neither true nor false"
        node.warn("assignment", message, "write == to compare")
    return Condition(read_expression(node, slot, scope))


def read_template(node: Node, slot: Slot, scope: Scope) -> Expression:
    """A JSON tree whose texts may be expressions."""

    def leaf(text: str, at: tuple[str | int, ...]) -> Expression:
        return read_leaf(Node(node.source, (*node.path, *at), text), slot, scope)

    return template(node.value, leaf)


def read_leaf(node: Node, slot: Slot, scope: Scope) -> Expression:
    """A text that is an expression as a whole, or not at all."""
    source = inner_text(node.value)
    if source is not None:
        return _compiled(node, source, slot, scope)
    if "${" in node.value:
        _inside_text(node)
    return Constant(node.value)


def _inside_text(node: Node) -> Expression:
    remedy = 'make the whole value one expression: ${ "Hello \\(.name)" }'
    node.fault("expression-in-text", "an expression inside a text is not evaluated", remedy)
    return NOTHING_KNOWN


def read_transform(node: Node, slot: Slot, scope: Scope) -> Expression:
    """`from` and `as`: an expression, or an object with expressions in it."""
    if isinstance(node.value, dict):
        return read_template(node, slot, scope)
    return read_expression(node, slot, scope)


def read_collection(node: Node, slot: Slot, scope: Scope) -> Expression:
    """`for.in`: an expression that gives a list, or the list itself."""
    if isinstance(node.value, list):
        return Collection(read_template(node, slot, scope))
    return Collection(read_expression(node, slot, scope))


def read_duration(node: Node, slot: Slot, scope: Scope) -> Expression:
    """A duration: units, ISO 8601 or an expression; evaluates to milliseconds."""
    if isinstance(node.value, str) and inner_text(node.value) is not None:
        return Milliseconds(read_expression(node, slot, scope))
    units = isinstance(node.value, dict) and node.value.keys() <= UNITS_MS.keys()
    if units and any(isinstance(part, str) for part in node.value.values()):
        found = Milliseconds(members({key: read_template(node.child(key), slot, scope) for key in node.value}))
        found.text = ", ".join(inner_text(part) or part for part in node.value.values() if isinstance(part, str))
        for key, part in node.value.items():
            if isinstance(part, str) and inner_text(part) is None and "${" not in part:
                node.child(key).fault("duration", f"`{key}` is a text where a number is needed", f"write {key}: 5")
        return found
    try:
        return Constant(milliseconds(node.value))
    except DurationError as error:
        node.fault("duration", str(error), "write {minutes: 5}, PT5M or ${ .wait }")
        return Constant(0)


def read_variable(node: Node | None, default: str) -> str:
    """The name that a loop or a handler binds."""
    if node is None:
        return default
    name = node.text(f"{node.name}: {default}").removeprefix("$")
    if name and (not _VARIABLE.fullmatch(name) or name in RESERVED):
        message = f"`{name}` cannot be the name of a variable"
        node.fault("name", message, f"use letters, digits and _; not {', '.join(sorted(RESERVED))}")
        return default
    return name or default


def _compiled(node: Node, source: str, slot: Slot, scope: Scope) -> Expression:
    try:
        compiled = expression(source)
    except ProgramError as error:
        if "${" in source:  # `${ .a } and ${ .b }` begins and ends as one expression does
            return _inside_text(node)
        for complaint, offset in error.complaints:
            node.source.fault_inside(
                node.path, source, offset, f"jq-{complaint.code}", complaint.message, complaint.remedy
            )
        return NOTHING_KNOWN
    for name in sorted(compiled.variables - slot.variables - scope):
        _unavailable(node, source, name, slot, scope)
    return compiled


def _unavailable(node: Node, source: str, name: str, slot: Slot, scope: Scope) -> None:
    """Notes that a variable cannot be read here."""
    available = slot.variables | scope
    listed = ", ".join(f"${known}" for known in sorted(available))
    if name == "secrets":
        remedy = "say under `authentication` of the endpoint who calls"
        fault = ("secret", "`$secrets` stands in an `authentication` and nowhere else, so no record holds one", remedy)
    elif name in _NOT_BUILT:
        fault = ("not-built", f"`${name}` is part of the profile but not built yet", _NOT_BUILT[name])
    elif name in ALL_VARIABLES:
        fault = ("unavailable-variable", f"`${name}` is not available in {slot.name}", f"available there: {listed}")
    else:
        close = get_close_matches(name, available, n=1)
        remedy = f"did you mean ${close[0]}?" if close else f"available there: {listed}"
        fault = ("unknown-variable", f"there is no variable `${name}` here", remedy)
    node.source.fault_inside(node.path, source, source.find(f"${name}"), *fault)
