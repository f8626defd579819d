"""What a task listens for: filters on attributes and data of an event, and the values that relate it to an instance.

A filter is known by what it says of events alone, whichever definition says it: so an event is judged once for all who
listen so. What an instance adds are values that it expects. Both together give the *correlation key*, under which waits
and events meet. Where an instance does not say what it expects of a value, the first event that it takes does; until
then it waits under a key without that value. So an event has two keys at most, and a wait has one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.ids import correlation_key
from schemas.payload import Json
from streams.language import profile
from streams.language.expressions import NO_VARIABLES, Constant, ExpressionError
from streams.language.forms import CONDITION, EXPRESSION, FIXED_TEXT, JSON, closed
from streams.language.graph import Expression
from streams.language.jq.numbers import whole
from streams.language.nodes import Node
from streams.language.slots import BODY, Scope, Slot, read_condition, read_expression, read_template

EXAMPLE = "{with: {type: com.example.order.paid.v1}, correlate: {order: {from: .orderId, expect: '${ .id }'}}}"
MAX_VALUES = 8  # of a filter
_FIXED = "write a fixed text, and relate events to the instance by `correlate`"

_ON_EVENT = Slot("what is read of an event", frozenset())
_ATTRIBUTES = closed(
    {"type": FIXED_TEXT, "source": FIXED_TEXT, "subject": FIXED_TEXT, "id": FIXED_TEXT, "data": CONDITION}, ["type"]
)
_VALUE = closed({"from": EXPRESSION, "expect": JSON}, ["from"])
_VALUE["properties"]["from"] = {"type": "string", "pattern": r"\S"}  # its braces may be left out
FILTER = closed(
    {"with": _ATTRIBUTES, "correlate": {"type": "object", "maxProperties": MAX_VALUES, "additionalProperties": _VALUE}},
    ["with"],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value that relates an event to an instance: how it is read of an event, and what the instance expects."""

    name: str
    read: Expression
    expected: Expression | None  # None: what the first event says


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """One event that is listened for."""

    attributes: Mapping[str, str]
    data: Expression | None
    values: tuple[Value, ...]
    identity: str  # the same for filters that say the same of events

    @property
    def type(self) -> str:
        """The type of event; empty where every event is meant, or a fault was noted."""
        return self.attributes.get("type", "")

    @property
    def unsaid(self) -> frozenset[str]:
        """Names of the values of which the instance does not say what it expects: the first event does."""
        return frozenset(each.name for each in self.values if each.expected is None)

    def read(self, attributes: Mapping[str, str], data: Json) -> dict[str, Json] | None:
        """The values of an event that passes the filter; None where it does not, or cannot be related to anything."""
        if any(attributes.get(name) != wanted for name, wanted in self.attributes.items()):
            return None
        try:
            if self.data is not None and not self.data.evaluate(data, NO_VARIABLES):
                return None
            values = {each.name: each.read.evaluate(data, NO_VARIABLES) for each in self.values}
        except ExpressionError:
            return None
        return None if None in values.values() else values

    def keys(self, values: Mapping[str, Json]) -> tuple[str, ...]:
        """The correlation keys of an event with these values: of who has said all that it expects, and of others."""
        sure = values.keys() - self.unsaid
        return tuple(dict.fromkeys(self.key({name: values[name] for name in names}) for names in (sure, values)))

    def key(self, expected: Mapping[str, Json]) -> str:
        """The correlation key of who expects these values."""
        told = [(each.name, expected[each.name]) for each in self.values if each.name in expected]
        return correlation_key(self.identity, [(name, plain(value)) for name, value in told])


def plain(value: Json) -> Json:
    """The value with one form for each number, so that 5 and 5.0 are the same."""
    if isinstance(value, float):
        return whole(value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def read_filter(node: Node, scope: Scope) -> EventFilter:
    """A filter; every fault is noted."""
    parts = node.parts(FILTER, example=EXAMPLE)
    attributes: dict[str, str] = {}
    data: Expression | None = None
    if "with" in parts:
        members = parts["with"].parts(_ATTRIBUTES, refused=profile.EVENT_ATTRIBUTES_OF_LISTEN, example=EXAMPLE)
        for name, part in members.items():
            if name == "data":
                data = read_condition(part, _ON_EVENT, frozenset())
            else:
                attributes[name] = part.fixed_text(_FIXED)
    values = _values(parts["correlate"], scope) if "correlate" in parts else ()
    said = [attributes, data.text if data is not None else None]
    read = [[each.name, each.read.text, each.expected is not None] for each in values]
    return EventFilter(attributes=attributes, data=data, values=values, identity=_identity(said, read))


def _identity(said: Any, read: Any) -> str:
    return correlation_key("filter", [("said", [said, read])])


EVERY_EVENT = EventFilter(attributes={}, data=None, values=(), identity=_identity([{}, None], []))


def _values(node: Node, scope: Scope) -> tuple[Value, ...]:
    example = "correlate: {order: {from: .orderId, expect: '${ .id }'}}"
    if not isinstance(node.value, dict):
        node.wrong_type("an object", example)
        return ()
    if len(node.value) > MAX_VALUES:
        node.fault("limit", f"more than {MAX_VALUES} values", "relate by fewer of them")
    found = []
    for name in sorted(map(str, node.value)):
        parts = node.child(name).parts(_VALUE, example=example)
        expected = read_template(parts["expect"], BODY, scope) if "expect" in parts else None
        if isinstance(expected, Constant) and expected.value is None:
            parts["expect"].fault("value", "nothing is ever related by null", f"write {example}")
        read: Expression = read_expression(parts["from"], _ON_EVENT, frozenset()) if "from" in parts else Constant(None)
        found.append(Value(name=name, read=read, expected=expected))
    return tuple(found)


def all_filters(graph: Any) -> tuple[EventFilter, ...]:
    """What the tasks of a graph listen for."""
    return tuple(found for task in graph.tasks for found in getattr(task, "filters", ()))
