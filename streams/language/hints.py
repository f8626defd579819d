"""What is allowed and most likely not meant: warnings (and one fault) that need no more than the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from schemas.payload import Json
from streams.language.nodes import Node

EVENT_INPUT = "event-input"
_MEMBER = re.compile(r"\$workflow\.input\s*(?:\|\s*)?\.[A-Za-z_\"]")
ALIKE = frozenset(("object", "null"))  # kinds of what is an object where it is there
_CREDENTIAL = re.compile(r"(?i)(proxy-)?authorization|cookie|(x-)?(api|auth|access)[-_]?(key|token)")


def check_lists(definition: Node) -> None:
    """`$workflow.input` of a workflow that events start is a list of them, and has no members."""
    for node in _texts(definition):
        if _MEMBER.search(node.value):
            message = "`$workflow.input` is a list, of the events that have started the workflow"
            node.fault(EVENT_INPUT, message, "read the data of the first: $workflow.input[0].data.id")


def warn_of_circle(definition: Node, starts: Collection[str], *, every: bool = False) -> None:
    """An `emit` of the type of event that starts this workflow: each instance starts another, without end."""
    for node in _texts(definition):
        if node.path[-3:] == ("event", "with", "type") and "emit" in node.path and (every or node.value in starts):
            message = "this event starts this workflow again, and so on without end"
            node.warn("event-circle", message, "emit another type, or end the circle with an `if`")


def warn_of_secrets(definition: Node) -> None:
    """A credential that is written out: definitions stand on a topic, and whoever may read them is shown it."""
    for node in _texts(definition):
        name = str(node.path[-1]) if node.path[-2:-1] == ("headers",) else ""
        if _CREDENTIAL.fullmatch(name) and node.value.strip() and not node.value.strip().startswith("${"):
            message = f"`{name}` holds a credential, and everybody who can read the definition reads it"
            node.warn("secret", message, "write it into the address of a connection: connection://NAME/path")


def warn_of_silence(definition: Node) -> None:
    """An output of the workflow whose schema names members, and not whether there may be others: outcomes are records
    of what is named, and carry no more."""
    node: Node | None = definition
    for key in ("output", "schema", "document"):
        node = node and node.optional(key)
    if node is None or not _names_members(node.value):
        return  # such an outcome stays JSON, and carries everything
    for each in _silent(node):
        message = "members that this schema does not name are missing from the outcome, and it does not say so"
        remedy = "write `additionalProperties: true` to carry them, or false to have none"
        each.warn("output-members", message, remedy)


def _silent(schema: Node) -> Iterator[Node]:
    if not isinstance(schema.value, dict):
        return
    if _names_members(schema.value):
        if not {"additionalProperties", "patternProperties"} & schema.value.keys():
            yield schema
        properties = schema.child("properties")
        for name in properties.value:
            yield from _silent(properties.child(name))
    if "items" in schema.value:
        yield from _silent(schema.child("items"))


def _names_members(schema: Json) -> bool:
    """Whether it becomes a record with fields, as `schemas.typed` has it."""
    if not isinstance(schema, dict):
        return False
    kinds, properties = schema.get("type"), schema.get("properties")
    is_object = kinds == "object" or (
        isinstance(kinds, list) and "object" in kinds and not set(map(str, kinds)) - ALIKE
    )
    return is_object and isinstance(properties, dict) and bool(properties)


def _texts(node: Node) -> Iterator[Node]:
    if isinstance(node.value, str):
        yield node
    elif isinstance(node.value, dict | list):
        for key in node.value if isinstance(node.value, dict) else range(len(node.value)):
            yield from _texts(node.child(key))
