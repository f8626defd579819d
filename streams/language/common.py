"""What all tasks have in common: `if`, `input`, `output`, `export`, `timeout`, `then` and `metadata`."""

from __future__ import annotations

from typing import Any

from schemas.functions import EffectClass
from streams.language import profile
from streams.language.forms import CONDITION, DURATION, SCHEMA, TASK, TEXT, TRANSFORM, Form, closed, either
from streams.language.graph import NOTHING, Expression, Transform
from streams.language.model import CONTINUE
from streams.language.nodes import Node
from streams.language.probing import FORM as PROBE
from streams.language.recovery import FORM as RECOVERY
from streams.language.schema import compiled_schema
from streams.language.slots import (
    BODY,
    EXPORT,
    IF,
    INPUT,
    OUTPUT,
    Scope,
    Slot,
    read_condition,
    read_duration,
    read_transform,
)
from streams.language.uses import TIMEOUTS, named

Common = dict[str, Any]  # members of a model that all tasks have

EFFECTS = tuple(each.value for each in EffectClass)

_FORMATS = {"enum": ["json", "json:2020-12", "json:draft-07"]}
_CHECKED = closed({"format": _FORMATS, "document": SCHEMA}, ["document"])
_URI = either(TEXT, closed({"uri": TEXT}, ["uri"]))
_FILED = closed({"format": _FORMATS, "resource": closed({"name": TEXT, "endpoint": _URI}, ["endpoint"])}, ["resource"])
_SCHEMA = either(_CHECKED, _FILED)  # of a file in its folder, which is written in before lint sees it
INPUT_FORM = closed({"schema": _SCHEMA, "from": TRANSFORM})
OUTPUT_FORM = closed({"schema": _SCHEMA, "as": TRANSFORM})
TIMEOUT_FORM = closed({"after": DURATION}, ["after"])
NAMED_OR_TIMEOUT = either(TEXT, TIMEOUT_FORM)

_UNDO = {
    **either(TASK, {"const": "none"}, {"type": "boolean"}),
    "description": "The task that undoes this step, or none; at a try, true.",
}

FORMS: dict[str, Form] = {
    "if": either(CONDITION, {"type": "null"}),
    "input": INPUT_FORM,
    "output": OUTPUT_FORM,
    "export": OUTPUT_FORM,
    "timeout": NAMED_OR_TIMEOUT,
    "then": {**TEXT, "description": "continue, exit, end, or the name of a task in the same list."},
    "metadata": {
        "type": "object",
        "properties": {"effect": {"enum": list(EFFECTS)}, "recovery": RECOVERY, "probe": PROBE, "compensate": _UNDO},
    },
}


def read_common(node: Node, scope: Scope) -> Common:
    """The members that any task may have."""
    parts = {key: node.optional(key) for key in FORMS}
    common: Common = {"name": node.name, "path": node.path, "document": node.value}
    if (part := parts["if"]) is not None and part.value is not None:
        common["condition"] = read_condition(part, IF, scope)
    elif part is not None:
        part.warn("empty-condition", "`if` is empty, the task always runs", "leave it out, or write a condition")
    common["input"] = read_input(parts["input"], INPUT, scope)
    common["output"] = read_output(parts["output"], OUTPUT, scope)
    common["export"] = read_output(parts["export"], EXPORT, scope)
    common["timeout"] = read_timeout(parts["timeout"], BODY, scope)
    common["then"] = parts["then"].text("then: continue") if parts["then"] is not None else CONTINUE
    common["metadata"] = _metadata(parts["metadata"])
    return common


def read_input(node: Node | None, slot: Slot, scope: Scope) -> Transform:
    """`input`."""
    return _data(node, INPUT_FORM, "from", slot, scope)


def read_output(node: Node | None, slot: Slot, scope: Scope) -> Transform:
    """`output` or `export`."""
    return _data(node, OUTPUT_FORM, "as", slot, scope)


def read_timeout(node: Node | None, slot: Slot, scope: Scope) -> Expression | None:
    """`timeout`: one that is written there, or the name of one under `use.timeouts`."""
    if node is not None and isinstance(node.value, str):
        node, scope = named(node, TIMEOUTS), frozenset()
    if node is None:
        return None
    parts = node.parts(TIMEOUT_FORM, example="timeout: {after: {minutes: 5}}")
    return read_duration(parts["after"], slot, scope) if "after" in parts else None


def _data(node: Node | None, form: Form, key: str, slot: Slot, scope: Scope) -> Transform:
    if node is None:
        return NOTHING
    parts = node.parts(form, example=f"{{{key}: '${{ .result }}'}}")
    expression = read_transform(parts[key], slot, scope) if key in parts else None
    return Transform(_schema(parts["schema"]) if "schema" in parts else None, expression)


def _schema(node: Node) -> Any:
    example = "schema: {format: json, document: {type: object}}"
    required = () if node.optional("resource") else ("document",)
    parts = node.members(_CHECKED["properties"], required=required, refused=profile.SCHEMAS, example=example)
    if "format" in parts:
        parts["format"].choice(_CHECKED["properties"]["format"]["enum"], "format: json")
    return compiled_schema(parts["document"]) if "document" in parts else None


def _metadata(node: Node | None) -> dict[str, Any]:
    if node is None:
        return {}
    if not isinstance(node.value, dict):
        node.wrong_type("an object", "metadata: {owner: sales}")
        return {}
    effect = node.optional("effect")
    if effect is not None:
        effect.choice(EFFECTS, f"effect: one of {', '.join(EFFECTS)}")
    return dict(node.value)
