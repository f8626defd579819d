"""`wait`: nothing until a time has passed."""

from __future__ import annotations

from dataclasses import dataclass

from streams.language.common import Common
from streams.language.construct import Construct, Fields, Links
from streams.language.forms import DURATION
from streams.language.graph import Expression, Task
from streams.language.model import TaskModel
from streams.language.nodes import Node
from streams.language.reader import Reader
from streams.language.slots import BODY, Scope, read_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitModel(TaskModel):
    """`wait`."""

    duration: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Task):
    """Nothing until a time has passed."""

    duration: Expression  # evaluates to milliseconds


def _read(reader: Reader, node: Node, common: Common, scope: Scope) -> WaitModel:
    return WaitModel(**common, duration=read_duration(node.child("wait"), BODY, scope))


def _compiled(model: WaitModel, links: Links, fields: Fields) -> Wait:
    return Wait(**fields, duration=model.duration)


WAIT = Construct(
    key="wait",
    summary="a duration",
    keys={"wait": DURATION},
    required=("wait",),
    model=WaitModel,
    task=Wait,
    read=_read,
    compiled=_compiled,
)
