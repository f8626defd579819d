"""What is allowed and most likely not meant: warnings that need no more than the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from streams.language.nodes import Node

_FIRST_EVENT = re.compile(r"\$workflow\.input\s*(\|\s*\.)?\[")


def warn_of_lists(definition: Node) -> None:
    """`$workflow.input` of a workflow that events start: to the specification a list of them, here the event's data."""
    for node in _texts(definition):
        if _FIRST_EVENT.search(node.value):
            message = "`$workflow.input` is the data of the event here, and not a list of events"
            node.warn("event-input", message, "read the data itself: $workflow.input.id instead of [0].data.id")


def warn_of_circle(definition: Node, starts: Collection[str]) -> None:
    """An `emit` of the type of event that starts this workflow: each instance starts another, without end."""
    for node in _texts(definition):
        if node.path[-3:] == ("event", "with", "type") and "emit" in node.path and node.value in starts:
            message = "this event starts this workflow again, and so on without end"
            node.warn("event-circle", message, "emit another type, or end the circle with an `if`")


def _texts(node: Node) -> Iterator[Node]:
    if isinstance(node.value, str):
        yield node
    elif isinstance(node.value, dict | list):
        for key in node.value if isinstance(node.value, dict) else range(len(node.value)):
            yield from _texts(node.child(key))
