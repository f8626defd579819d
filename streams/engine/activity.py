"""A task while it is being worked on, which is what expressions, errors and history speak of."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

from schemas.payload import Json
from streams.language.graph import Flow, Task


class Stage(IntEnum):
    """How far a task has come: what would have to be done again if it failed now."""

    ENTERED = 0  # its `if`
    BEGUN = 1  # its work
    ENDED = 2  # what becomes of its raw output: the work is done and never done again


class Activity(Struct, gc=False):
    """A task while it is being worked on; `frame` is -1 as long as it has none. `output` is what `output.as` made.

    `iteration` and `attempt` are those of its step; everything that names the step takes them from here. `key` is the
    idempotency key of its effects, where that is not the id of the step.
    """

    task: Task
    parent: int
    raw: Json
    input: Json
    started_ms: int
    iteration: int = 0
    attempt: int = 0
    frame: int = -1
    raw_output: Json = None
    output: Json = None
    stage: Stage = Stage.ENTERED
    whole: bool = True  # `raw` is what it was entered with, and not lost because nobody kept it
    expires_ms: int = 0  # when its `timeout` ends it, 0 for never
    key: str = ""
    flow: Flow | None = None  # where its construct has the flow go, if not where its `then` says


Place = Activity | str  # where an expression stands: in a task, or in the workflow's own part with this pointer
