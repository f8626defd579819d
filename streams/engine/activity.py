"""A task while it is being worked on, which is what expressions, errors and history speak of."""

from __future__ import annotations

from msgspec import Struct

from schemas.payload import Json
from streams.language.graph import Task


class Activity(Struct, gc=False):
    """A task while it is being worked on; `frame` is -1 as long as it has none. `output` is what `output.as` made.

    `iteration` and `attempt` are those of its step; everything that names the step takes them from here.
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


Place = Activity | str  # where an expression stands: in a task, or in the workflow's own part with this pointer
