"""The typed model of a definition: its tasks as a tree, in the words of the specification.

The reader makes it, lint judges it, the compiler flattens it into the graph. Expressions and schemas are already
compiled. What a kind of task has beside this stands with its construct (`constructs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.payload import Json
from streams.language.graph import NOTHING, Expression, Transform
from streams.language.source import Path

CONTINUE = "continue"
DIRECTIVES = (CONTINUE, "exit", "end")
MAX_NAME = 64  # characters of the name of a task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskModel:
    """What all tasks have in common. By itself it stands in for a task with a fault of which no kind is known."""

    name: str
    path: Path  # where it stands in the document
    condition: Expression | None = None
    input: Transform = NOTHING
    output: Transform = NOTHING
    export: Transform = NOTHING
    timeout: Expression | None = None
    then: str = CONTINUE
    metadata: Mapping[str, Json] = field(default_factory=dict)
    document: Mapping[str, Json] = field(default_factory=dict)
    elsewhere: bool = False  # some of its expressions don't stand in it, but under `use`
