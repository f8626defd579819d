"""What stands under `use` and is named where it is needed: errors, timeouts and functions.

An error or a timeout means at each place what it would mean if it were written there, but for the names that loops and
handlers bind around the place: those it doesn't know.
"""

from __future__ import annotations

from streams.language.nodes import Node

ERRORS = "errors"
TIMEOUTS = "timeouts"
FUNCTIONS = "functions"
NAMED = (ERRORS, TIMEOUTS, FUNCTIONS)


def defined(node: Node, part: str) -> Node | None:
    """What `use` has under a name, wherever that is written in the document; None where it has nothing."""
    place: Node | None = Node(node.source, (), node.source.value)
    for key in ("use", part, str(node.value)):
        place = place.optional(key) if place is not None else None
    return place


def named(node: Node, part: str) -> Node | None:
    """What the name at this place stands for; a fault, and None, where `use` doesn't have it."""
    found = defined(node, part)
    if found is None:
        use = node.source.value.get("use")
        there = use.get(part) if isinstance(use, dict) else None
        known = f"there are {', '.join(there)}" if isinstance(there, dict) and there else "there is none"
        message = f"`use.{part}` has no `{node.value}`"
        node.fault(f"unknown-{part[:-1]}", message, f"name one of them: {known}")
    return found
