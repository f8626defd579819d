"""What a diagram shows of a graph: tasks and frames, and how the flow goes from one to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streams.console.account import kind_of, title_of
from streams.console.words import titled
from streams.language.constructs.call import Call
from streams.language.constructs.defined import Defined
from streams.language.constructs.do import Do
from streams.language.constructs.for_ import For
from streams.language.constructs.foreach import Foreach
from streams.language.constructs.fork import Fork
from streams.language.constructs.map_ import Map
from streams.language.constructs.raise_ import Raise
from streams.language.constructs.switch import Switch
from streams.language.constructs.try_ import Try
from streams.language.graph import Directive, Flow, Graph, Task
from streams.language.undoing import Stand

Inside = dict[int, list[Task]]  # tasks by the task that holds them

LEAVE = -1  # the target of a link that leaves its list
END = -2  # of one that ends the workflow

CAUGHT, SKIPPED = "caught", "skipped"  # labels of links beside those of a switch


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One way for the flow: from an item of a list to another, out of the list, or to the end."""

    source: int
    target: int
    label: str = ""
    cases: tuple[str, ...] = ("",)  # of the switch that goes this way, or why else the flow does; empty: as usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A task; with lists in it, a frame around them."""

    pointer: str
    name: str
    title: str
    kind: str
    note: str
    lists: tuple[Listing, ...] = ()
    handler: Listing | None = None  # of a try
    handler_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Tasks one after the other, and the ways between them; the first is where it begins."""

    items: tuple[Block, ...]
    links: tuple[Link, ...]


def outline(graph: Graph) -> Listing:
    """The whole workflow."""
    inside: Inside = {}
    for task in graph.tasks:
        inside.setdefault(task.parent, []).append(task)
    return _listing(inside, 0)


def blocks(listing: Listing) -> Iterator[Block]:
    """Every task of a list and of those inside it."""
    for block in listing.items:
        yield block
        for inner in (*block.lists, *([block.handler] if block.handler else [])):
            yield from blocks(inner)


def _listing(inside: Inside, do: int) -> Listing:
    """The tasks of a `do`."""
    members = inside.get(do, [])
    places = {each.index: place for place, each in enumerate(members)}
    links = tuple(link for each in members for link in _links(each, places))
    return Listing(items=tuple(_block(inside, each) for each in members), links=links)


def _block(inside: Inside, task: Task) -> Block:
    common: dict[str, Any] = {
        "pointer": task.pointer,
        "name": task.name,
        "title": title_of(task),
        "kind": kind_of(task),
    }
    match task:
        case Fork():
            lists = _alone(inside, task)
            return Block(**common, note=f"all {len(lists)}", lists=lists)
        case Map():
            note = f"for each {task.each}, {task.at_a_time} at a time"
            return Block(**common, note=note, lists=_alone(inside, task))
        case Defined():
            return Block(**common, note=str(task.document["call"]), lists=_alone(inside, task))
        case For() | Foreach():
            return Block(**common, note=f"for each {task.each}", lists=(_listing(inside, task.body),))
        case Try():
            handler = _listing(inside, task.handler) if task.handler >= 0 else None
            return Block(
                **common,
                note="" if handler else f"{_caught(task)} is passed over",
                lists=(_listing(inside, task.body),),
                handler=handler,
                handler_note=f"on {_caught(task)}",
            )
        case Do():
            return Block(**common, note="", lists=(_listing(inside, task.index),))
    undo = next(iter(inside.get(task.index, ())), None)
    return Block(**common, note=_note(task) + (f"; {_undone(undo)}" if undo is not None else ""))


def _alone(inside: Inside, holder: Task) -> tuple[Listing, ...]:
    """The tasks of a holder, a list for each of them."""
    leave = (Link(source=0, target=LEAVE),)
    return tuple(Listing(items=(_block(inside, each),), links=leave) for each in inside.get(holder.index, ()))


def _undone(undo: Task) -> str:
    """How a step is undone."""
    return "no undo" if isinstance(undo, Stand) else f"undone by {kind_of(undo)}"


def _links(task: Task, places: dict[int, int]) -> Iterator[Link]:
    """The ways out of a task; those to the same place are one."""
    found: dict[int, Link] = {}
    for label, flow in _flows(task):
        target = _target(task, flow, places)
        known = found.get(target)
        text = titled(label).lower() if label else ""
        if known is None:
            found[target] = Link(source=places[task.index], target=target, label=text, cases=(label,))
        else:
            both = " / ".join(part for part in (known.label, text) if part)
            found[target] = Link(source=known.source, target=target, label=both, cases=(*known.cases, label))
    yield from found.values()


def _flows(task: Task) -> Iterator[tuple[str, Flow]]:
    if isinstance(task, Switch):
        for case in task.cases:
            yield case.name, case.then
        if all(case.when is not None for case in task.cases):
            yield "", task.then
    elif not isinstance(task, Raise):
        yield "", task.then
    if isinstance(task, Try) and task.caught is not None:
        yield CAUGHT, task.caught
    goes_on = task.then.directive is Directive.CONTINUE and not isinstance(task, Raise)
    if task.condition is not None and not goes_on:
        yield SKIPPED, Flow()


def _target(task: Task, flow: Flow, places: dict[int, int]) -> int:
    if flow.directive is Directive.GOTO:
        return places[flow.target]
    if flow.directive is Directive.CONTINUE and task.next >= 0:
        return places[task.next]
    return END if flow.directive is Directive.END else LEAVE


def _caught(task: Try) -> str:
    parts = [f"{name} {value}" for name in ("status", "title", "type") if (value := _member(task, name)) is not None]
    return ", ".join(parts) or "any error"


def _member(task: Try, name: str) -> str | None:
    value = getattr(task.errors, name, None)
    return None if value is None else str(value)


def _note(task: Task) -> str:
    """What is worth saying of a task in half a line, where the definition says it without an expression."""
    written = task.document
    match task:
        case Call():
            given = written.get("with")
            return _note_of_call(task.function, given if isinstance(given, dict) else {})
        case Raise():
            return "raises an error"
    kind = kind_of(task)
    notes = {"set": "sets data", "wait": "lets time pass"}
    return notes.get(kind, "")


def _note_of_call(function: str, given: dict[str, object]) -> str:
    def plain(name: str) -> str:
        value = given.get(name)
        return value if isinstance(value, str) and "${" not in value else ""

    match function:
        case "decide":
            return f"model {plain('model')}".strip()
        case "human":
            return f"team {plain('team')}".strip()
        case "http":
            place = plain("endpoint").partition("://")[2] or plain("endpoint")
            return f"{plain('method').upper()} {place.partition('/')[0]}".strip() or "HTTP"
    return f"{function} {plain('connection')}".strip()
