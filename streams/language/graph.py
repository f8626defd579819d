"""The graph: what the engine runs, and all that it ever sees of a definition.

A definition (YAML) is compiled once into this immutable structure: every task has an index, expressions are parsed,
flow directives point at indices, durations are known or are expressions. Nothing here is ever stored; state refers to
tasks by index under the digest of the definition, so a graph is rebuilt from the same YAML with the same indices for
ever.

What a kind of task has beside what all have stands with its construct (`constructs`).

Tasks are numbered in document order, depth first; task 0 is the root `do`. A list of tasks (the value of `do`, of
`for.do`, of `try`, of `catch.do`, of a fork branch) is always a `Do` task of its own, so that scopes are frames and a
goto stays inside its list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from schemas.payload import Json
from streams.language.schedules import Schedule

OWNER = "operators"
NORMAL = "normal"
PRIORITIES = ("high", NORMAL, "low")  # the highest first


class Expression(Protocol):
    """A parsed jq expression or a JSON template that contains some."""

    text: str
    variables: frozenset[str]  # names of the variables it reads, without the dollar sign

    def evaluate(self, data: Json, variables: Mapping[str, Json]) -> Json:
        """The value for `data` as `.`; raises `ExpressionError` (streams.language.expressions) if it fails or runs
        too long."""
        ...


class Validator(Protocol):
    """A JSON Schema, compiled."""

    def check(self, data: Json) -> str | None:
        """None if `data` is valid, else one line that names the place and the reason, without the data."""
        ...


class Trigger(Protocol):
    """Which events start an instance, where more than the attributes of one says so (`triggers`)."""

    @property
    def gathers(self) -> bool:
        """Whether several events make one start."""
        ...

    @property
    def wanted(self) -> int:
        """How many of the filters, the first, are of events that become input."""
        ...

    @property
    def until(self) -> Sequence[object]:
        """What ends a set whose number of events is not fixed; empty where it is."""
        ...

    @property
    def types(self) -> tuple[str, ...]:
        """The types of the events; none where every event is meant."""
        ...

    @property
    def read(self) -> str:
        """What of an event becomes input."""
        ...

    @property
    def within_ms(self) -> int:
        """For how long an event waits for the others."""
        ...

    def fits(self, attributes: Mapping[str, str], data: Json) -> bool:
        """Whether an event is one of those that are wanted."""
        ...

    def keys(self, workflow: str, attributes: Mapping[str, str], data: Json) -> dict[str, list[int]]:
        """The sets to which an event belongs, each with the numbers of the filters that let it through."""
        ...

    def complete(self, came: Sequence[Sequence[int]], values: Sequence[Json]) -> list[int] | None:
        """The places of those that make a whole set, of what has come; None while something is missing."""
        ...


class Directive(Enum):
    """Where the flow goes when a task has ended (`then`)."""

    CONTINUE = "continue"  # the next task of the list, or the end of the list
    EXIT = "exit"  # leave the list
    END = "end"  # end the workflow, gracefully
    GOTO = "goto"  # a sibling


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow directive with its target resolved."""

    directive: Directive = Directive.CONTINUE
    target: int = -1  # index of the sibling, for GOTO only


@dataclass(frozen=True, slots=True)
class Transform:
    """`input`, `output` or `export` of a task or workflow: a schema and an expression, each optional.

    Input: schema first, then expression. Output and export: expression first, then schema.
    """

    schema: Validator | None = None
    expression: Expression | None = None


NOTHING = Transform()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What all tasks have in common."""

    index: int
    pointer: str  # JSON Pointer in the document, e.g. /do/0/verify/fork/branches/1/check
    name: str
    parent: int  # -1 for the root
    next: int = -1  # the sibling that follows, -1 for the last
    condition: Expression | None = None  # `if`
    input: Transform = NOTHING
    output: Transform = NOTHING
    export: Transform = NOTHING
    timeout: Expression | None = None  # evaluates to milliseconds
    then: Flow = Flow()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    told: bool = True  # in history; lists that only hold the body of a task, and the root, are no tasks to people
    gives_up: bool = False  # what was done is undone before the workflow ends behind it
    keeps_input: bool = False  # an expression evaluated at its end reads $input or $task, so the frame has to keep it
    growth: int = 0  # how often its expressions can write down what they read; 0: not known (`growth`)
    document: Mapping[str, Json] = field(default_factory=dict)  # the task as written, for $task.definition


@dataclass(frozen=True, slots=True)
class Deadline:
    """In which time an instance should end; nothing but an alert follows where it has not."""

    within_ms: int
    calendar: str | None = None  # counts working time of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One version of a workflow, ready to run."""

    digest: str  # sha256 of the canonical document, hex
    namespace: str
    name: str
    version: str
    document: Mapping[str, Json]  # the definition as data, for $workflow.definition
    bytes: int = 0  # of the document as JSON
    pointer_bytes: int = 0  # of the longest pointer of its tasks, at most
    tasks: tuple[Task, ...]  # tasks[i].index == i; tasks[0] is the root Do
    event_types: tuple[str, ...] = ()  # business events that start it (schedule.on)
    trigger: Trigger | None = None  # which events start it, where those filters cannot say it
    schedule: Schedule | None = None  # when it starts by itself
    read: str = "data"  # of an event that starts it: its data, the event itself, or the data as a text
    event_filters: tuple[Mapping[str, Json], ...] = ()  # as written under schedule.on..with, one for each event type
    input: Transform = NOTHING
    output: Transform = NOTHING
    timeout: Expression | None = None  # of the whole workflow, milliseconds
    keeps_input: bool = False  # some expression reads $workflow
    reads_input: bool = False  # and maybe its input
    lists_events: bool = False  # which is the list of the events that have started it
    owner: str = OWNER  # `metadata.owner`: the team that is asked what becomes of what fails
    priority: str = NORMAL  # `metadata.priority`: whose starts come first when there is too much to begin
    deadline: Deadline | None = None  # `metadata.deadline`: by when people are told that it has not ended
    undoes: bool = False  # some step says how it is undone
    faults: bool = False  # `metadata.onError: fault`: what nobody catches ends it, also where people could mend it
