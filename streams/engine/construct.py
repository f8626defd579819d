"""What a construct of the language declares to the engine: one record, from which every table of the engine is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from schemas.payload import Json
from schemas.steps import Problem
from streams.engine.activity import Activity
from streams.engine.incident import withdrawn
from streams.engine.messages import EventReceived, StepResult
from streams.engine.run import Run, Table, Undo
from streams.engine.state import Frame, IncidentFrame
from streams.engine.tree import Exports, FrameTable, Tree
from streams.language.graph import Flow, Task

OneTask = TypeVar("OneTask", bound=Task)
OneFrame = TypeVar("OneFrame", bound=Frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due(Generic[OneTask, OneFrame]):
    """A time of its own that a frame waits for, beside its `timeout`."""

    at_ms: Callable[[OneFrame], int]  # 0 for never
    fire: Callable[[Run, OneFrame, OneTask], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Construct(Generic[OneTask, OneFrame]):
    """One kind of task. What is left out it does not do; one that opens no frame needs nothing but `start`."""

    task: type[OneTask]
    start: Callable[[Run, OneTask, Activity], None]  # control enters it
    numbered: bool = False  # its entries have numbers, because each is a step of its own

    frame: type[OneFrame] | None = None
    child_ended: Callable[[Run, OneFrame, OneTask, Task, Json, Flow], None] | None = None  # a task in it has an output
    matches: Callable[[Run, OneFrame, OneTask, Problem], bool] | None = (
        None  # whether it takes an error of a task in it
    )
    takes: Callable[[Run, OneFrame, OneTask, Problem], None] | None = None
    answered: Callable[[Run, OneFrame, OneTask, StepResult], None] | None = None  # the result that it waits for is here
    received: Callable[[Run, OneFrame, OneTask, EventReceived], None] | None = None  # an event that it listens for
    due: Due[OneTask, OneFrame] | None = None
    working: Callable[[OneFrame, OneTask], bool] | None = None  # somebody who is no person works on it

    copy: Callable[[OneFrame], OneFrame] | None = None  # to be changed; frames that nobody changes are their own copy
    withdraw: Callable[[Tree, OneFrame, OneTask, str], None] | None = None  # takes back what it has asked for
    binds: Callable[[OneFrame, OneTask], Mapping[str, Json]] | None = None  # variables for the expressions in it
    exports: Callable[[OneFrame, OneTask, int], Exports] | None = None  # contexts of its branches


def by_frame(constructs: Iterable[Construct[Any, Any]], what: str) -> dict[type[Frame], Any]:
    """What constructs declare under a name, by the type of their frames; a row only for those that do."""
    declared = ((each.frame, getattr(each, what)) for each in constructs)
    return {frame: found for frame, found in declared if frame is not None and found is not None}


def table_of(constructs: Iterable[Construct[Any, Any]], undo: Undo) -> Table:
    """The table that a run is given. An incident is of no construct: it may stand for a task of any."""
    listed = tuple(constructs)
    others = {"withdraw": by_frame(listed, "withdraw") | {IncidentFrame: withdrawn}}
    return Table(
        start={each.task: each.start for each in listed},
        numbered=frozenset(each.task for each in listed if each.numbered),
        child_ended=by_frame(listed, "child_ended"),
        matches=by_frame(listed, "matches"),
        takes=by_frame(listed, "takes"),
        undo=undo,
        of_frames=FrameTable(**{each.name: by_frame(listed, each.name) for each in fields(FrameTable)} | others),
    )
