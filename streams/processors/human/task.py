"""A human task in one version: the fields of the message `HumanTask`, as its schema has them and no list besides.

A row of the table is a map of these fields. A field that the row does not have is new since it was written and takes
its default from the schema; one that the schema does not have was written by a later version and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypedDict, TypeVar, overload

import msgspec
import orjson

from schemas.catalogue import Schema, current
from schemas.messages import HUMAN_TASK
from schemas.payload import ATTRIBUTE, Json, Payload, unwrapped, wrapped
from streams.processors.human.fields import OPEN

T = TypeVar("T")


class Refusal(TypedDict):
    """An action that was not taken, and why; the detail never quotes the data."""

    action_id: str
    reason: str  # a Reason
    detail: str
    at_ms: int


class Act(TypedDict):
    """An action that was taken."""

    action_id: str
    action: str
    actor: str
    at_ms: int


class Comment(TypedDict):
    """What somebody has noted about a task."""

    action_id: str
    actor: str
    at: str  # RFC 3339
    text: str


class Rung(TypedDict):
    """To whom a task is handed on if nobody has answered it by then."""

    team: str
    after_ms: int
    calendar: str | None


class _Field(Generic[T]):
    """A field of the record that the rules know by its name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, task: None, owner: type) -> _Field[T]: ...
    @overload
    def __get__(self, task: HumanTask, owner: type) -> T: ...
    def __get__(self, task: HumanTask | None, owner: type) -> T | _Field[T]:
        if task is None:
            return self
        value: T = task.fields[self._name]
        return value


@dataclass(frozen=True)
class HumanTask:
    """All fields of the record, and by name those that the rules look at."""

    fields: Mapping[str, Any]

    task_id = _Field[str]()
    pointer = _Field[str]()
    team = _Field[str]()
    outcomes = _Field[list[str]]()
    form = _Field[Payload]()
    status = _Field[str]()
    version = _Field[int]()
    outcome = _Field[str | None]()
    data = _Field[Payload | None]()
    completed_by = _Field[str | None]()
    updated_at_ms = _Field[int]()
    last_action_id = _Field[str | None]()
    refusals = _Field[list[Refusal]]()
    acts = _Field[list[Act]]()
    assignee = _Field[str | None]()
    assigned_until_ms = _Field[int | None]()
    settles_at_ms = _Field[int | None]()
    ladder = _Field[list[Rung]]()
    rung = _Field[int]()
    hands_on_ms = _Field[int | None]()
    audit = _Field[bool]()
    comments = _Field[Payload | None]()
    assign = _Field[Payload | None]()
    given_to = _Field[str | None]()

    def knows(self, action_id: str) -> bool:
        """Whether the action was taken or refused before."""
        known = (each["action_id"] for each in (*self.acts, *self.refusals, *comments_of(self.fields)))
        return action_id == self.last_action_id or action_id in known

    def holder(self, at_ms: int) -> str | None:
        """Who has claimed the task, as long as the claim lasts."""
        return self.assignee if (self.assigned_until_ms or 0) > at_ms else None

    def changed(self, **fields: Any) -> HumanTask:
        """The task with other values in these fields."""
        return HumanTask({**self.fields, **fields})


def comments_of(fields: Mapping[str, Any]) -> list[Comment]:
    """The comments on the task with these fields, oldest first."""
    found: list[Comment] = [] if fields["comments"] is None else fields["comments"].value()
    return found


def new_task(given: Mapping[str, Json], fields: Mapping[str, Any]) -> HumanTask:
    """An open task of version 1: `fields`, and for the others what a definition has `given`, else their defaults."""
    taken = {name: _as_field(name, value) for name, value in given.items() if name in _fields()}
    return HumanTask({**_defaults(), "status": OPEN, "version": 1, **taken, **fields})


def encode_task(task: HumanTask) -> bytes:
    """A task as the value of its row."""
    return msgspec.msgpack.encode({name: unwrapped(task.fields[name]) for name in _fields()})


def decode_task(row: bytes) -> HumanTask:
    """The task of a row's value."""
    kept = {name: value for name, value in msgspec.msgpack.decode(row).items() if name in _fields()}
    return HumanTask(_defaults() | wrapped(_schema(), kept))


def _as_field(name: str, value: Json) -> Any:
    return Payload.inside(orjson.dumps(value)) if _fields()[name].get(ATTRIBUTE) else value


def _schema() -> Schema:
    return current()[HUMAN_TASK]


@cache
def _fields() -> dict[str, Mapping[str, Any]]:
    return {field["name"]: field for field in _schema()["fields"]}


def _defaults() -> dict[str, Any]:
    return {name: field["default"] for name, field in _fields().items() if "default" in field}
