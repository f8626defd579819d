"""`listen`: waits for events: for one, for any of several, for all, or for every one until something is so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.events import EVERY_EVENT, FILTER, EventFilter, read_filter
from streams.language.events import EXAMPLE as EVENT
from streams.language.forms import CONDITION, Form, closed, either
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_condition

DATA: Final = "data"
ENVELOPE: Final = "envelope"
RAW: Final = "raw"
READS = (DATA, ENVELOPE, RAW)
MAX_EVENTS = 32  # that one task names

_EXAMPLE = f"listen: {{to: {{one: {EVENT}}}}}"
_STRATEGIES = ("one", "any", "all")
_ANY: Form = {"type": "array", "maxItems": MAX_EVENTS, "items": FILTER}
_EVENTS = {"one": FILTER, "any": _ANY, "all": {**_ANY, "minItems": 1}}
_UNTIL = either(CONDITION, {**closed(_EVENTS), "minProperties": 1, "maxProperties": 1})
TO_FORM = closed({**_EVENTS, "until": _UNTIL})
FORM = closed({"to": TO_FORM, "read": {"enum": list(READS)}}, ["to"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """What ends the listening to every one of some events: a condition on what has come, or other events."""

    condition: Expression | None = None
    every: bool = False  # all of the events, not any


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """What is listened for, and until when."""

    strategy: str  # one, any, all
    filters: tuple[EventFilter, ...]  # of the events that are wanted, and behind them those that end the listening
    wanted: int  # how many of the filters are of the first kind
    until: tuple[Until, ...] = ()  # at most one; with it every event that is wanted is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenModel(TaskModel):
    """`listen`."""

    strategy: str
    filters: tuple[EventFilter, ...]
    wanted: int
    until: tuple[Until, ...]
    read: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(Task):
    """Waits for events; the list of those that were taken becomes the output."""

    strategy: str  # one, any, all
    filters: tuple[EventFilter, ...]  # of the events that are wanted, and behind them those that end the listening
    wanted: int  # how many of the filters are of the first kind
    until: tuple[Until, ...] = ()  # at most one; with it every event that is wanted is taken
    read: str = DATA


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> ListenModel:
    return ListenModel(**common, **read_listen(node, scope))


def read_listen(node: Node, scope: Scope) -> dict[str, Any]:
    """What a task has under `listen`, as members of its model."""
    parts = node.child("listen").parts(FORM, example=_EXAMPLE)
    read = parts["read"].choice(FORM["properties"]["read"]["enum"], "read: data") if "read" in parts else DATA
    to = read_consumed(parts["to"], scope) if "to" in parts else Consumed(strategy="one", filters=(), wanted=0)
    return {**{name: getattr(to, name) for name in ("strategy", "filters", "wanted", "until")}, "read": read}


def read_consumed(node: Node, scope: Scope) -> Consumed:
    """One of `one`, `any` and `all`, and `until`; every fault is noted."""
    strategy, wanted = _events(node, scope, also=("until",))
    ending: tuple[EventFilter, ...] = ()
    until: tuple[Until, ...] = ()
    condition = node.optional("until")
    if condition is not None:
        if strategy != "any":
            condition.fault("listen", "`until` belongs to `any`", "listen to any: [...]", key=True)
        until, ending = _until(condition, scope)
    filters = (*wanted, *ending)
    if len({each.unsaid for each in filters if each.values}) > 1:
        message = "these events are to be related to each other, and not all by the same values"
        node.fault("correlate", message, "name the same values everywhere, or say what to `expect`")
    return Consumed(strategy=strategy, filters=filters, wanted=len(wanted), until=until)


def _events(node: Node, scope: Scope, also: tuple[str, ...] = ()) -> tuple[str, tuple[EventFilter, ...]]:
    parts = node.members((*_STRATEGIES, *also), example=_EXAMPLE)
    there = [name for name in _STRATEGIES if name in parts]
    if len(there) != 1:
        if isinstance(node.value, dict):
            node.fault("listen", f"`{node.name}` takes one of `one`, `any` and `all`", f"write {_EXAMPLE}", key=True)
        return "one", ()
    strategy = there[0]
    events = parts[strategy]
    if strategy == "one":
        return strategy, (read_filter(events, scope),)
    listed = events.items(f"{strategy}: [{EVENT}]")
    if events.value == []:
        if strategy == "any":
            return strategy, (EVERY_EVENT,)
        events.fault("empty-list", "`all: []` waits for nothing", f"write all: [{EVENT}]")
    if len(listed) > MAX_EVENTS:
        events.fault("limit", f"more than {MAX_EVENTS} events", "listen in branches of a `fork`")
    return strategy, tuple(read_filter(each, scope) for each in listed)


def _until(node: Node, scope: Scope) -> tuple[tuple[Until, ...], tuple[EventFilter, ...]]:
    if isinstance(node.value, dict):
        strategy, filters = _events(node, scope)
        return (Until(every=strategy == "all"),), filters
    return (Until(condition=read_condition(node, BODY, scope)),), ()


def _compiled(model: ListenModel, links: Links, fields: Fields) -> Listen:
    return Listen(**fields, **compiled_listen(model))


def compiled_listen(model: ListenModel) -> Fields:
    """What is listened for, as fields of a task."""
    return {name: getattr(model, name) for name in ("strategy", "filters", "wanted", "until", "read")}


LISTEN = Construct(
    key="listen",
    summary="`to` with `one`, `any` (and `until`) or `all`, `read`; waits for events; the list of them is the output",
    keys={"listen": FORM},
    required=("listen",),
    model=ListenModel,
    task=Listen,
    read=_read,
    compiled=_compiled,
    late=lambda model: (each.condition for each in model.until),
)
