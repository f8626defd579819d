"""`wait`: nothing until a time has passed."""

from __future__ import annotations

from dataclasses import dataclass

from streams.ground.calendars import Calendar
from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import DURATION
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_duration
from streams.language.working_time import read_calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitModel(TaskModel):
    """`wait`."""

    duration: Expression
    calendar: Calendar | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Task):
    """Nothing until a time has passed."""

    duration: Expression  # evaluates to milliseconds
    calendar: Calendar | None = None  # by whose working time they are counted; None: all time


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> WaitModel:
    calendar = read_calendar(node.optional("metadata"))
    return WaitModel(**common, duration=read_duration(node.child("wait"), BODY, scope), calendar=calendar)


def _compiled(model: WaitModel, links: Links, fields: Fields) -> Wait:
    return Wait(**fields, duration=model.duration, calendar=model.calendar)


WAIT = Construct(
    key="wait",
    summary="a duration; in working time with `metadata.calendar`",
    keys={"wait": DURATION},
    required=("wait",),
    model=WaitModel,
    task=Wait,
    read=_read,
    compiled=_compiled,
)
