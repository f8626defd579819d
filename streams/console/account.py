"""From the history of an instance to its steps, and to who did what: what the engine noted, as people follow it. Pure.

A step here is one time that control came to a task (its tries included). Readers of history pass over words that they
do not know, so this does, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.lifecycle import Phase, Status
from schemas.messages import CANCEL_INSTANCE, START_INSTANCE, STEP_RESULT
from schemas.payload import Payload, UnreadablePayloadError
from streams.console import words
from streams.engine.moving import place_of
from streams.language.constructs.call import Call
from streams.language.constructs.defined import Defined
from streams.language.constructs.fork import Fork
from streams.language.constructs.set_ import Set
from streams.language.constructs.switch import Switch
from streams.language.constructs.wait import Wait
from streams.language.graph import Graph, Task

ENDS: Mapping[str, Status] = {
    Phase.TASK_COMPLETED: Status.COMPLETED,
    Phase.TASK_FAULTED: Status.FAULTED,
    Phase.TASK_CANCELLED: Status.CANCELLED,
    Phase.TASK_SKIPPED: Status.SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A history entry, decoded, with the record that caused it."""

    seq: int
    at_ms: int
    status: str
    cause: str  # name of the record; empty where it cannot be decoded
    caused_by: Mapping[str, Any]
    transitions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """When a failed step is tried again by itself, and how often yet."""

    due_ms: int
    number: int
    most: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Step:
    """One time that control came to a task."""

    pointer: str
    iteration: int
    name: str
    title: str
    kind: str  # decide, human, http, sql.query ..., switch, set, wait, fork, for, try, raise; empty where not known
    depth: int  # of lists and branches that it stands in, below the first
    status: str = Status.RUNNING.value
    started_ms: int
    ended_ms: int | None = None
    attempts: int = 1
    case: str | None = None  # that a switch chose
    output: Payload | None = None
    problem: Mapping[str, Any] | None = None
    asked: Any = None  # what its function was called with, where that is known
    until_ms: int | None = None  # when it ends by itself, where that is known
    next_try: NextTry | None = None

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"step-{self.name}-{self.iteration}"

    @property
    def idle(self) -> bool:
        """Whether it only lets time pass, for a person or by itself."""
        return self.kind in ("human", "wait", "listen", FOREACH) or self.status == STOPPED

    def looks_after(self, other: Step) -> bool:
        """Whether a step is one that this `foreach` has for an event; with none, it waits for the next."""
        return other.pointer.startswith(f"{self.pointer}/foreach/")

    @property
    def shown(self) -> str:
        """Its status as people are told it."""
        return "retrying" if self.next_try is not None else self.status

    def took_ms(self, now_ms: int) -> int:
        """How long it took, or has taken so far."""
        return (self.ended_ms if self.ended_ms is not None else max(now_ms, self.started_ms)) - self.started_ms


@dataclass(slots=True, kw_only=True)
class Account:
    """What became of an instance."""

    steps: list[Step] = field(default_factory=list)
    started: Mapping[str, Any] | None = None  # the StartInstance
    cancelled: Mapping[str, Any] | None = None  # the CancelInstance
    cancelled_ms: int | None = None
    controlled: list[Mapping[str, Any]] = field(default_factory=list)  # suspended, resumed, moved: when, by whom, why
    output: Payload | None = None  # of the whole
    problem: Mapping[str, Any] | None = None  # that it ended by

    def open(self) -> list[Step]:
        """Steps that have not ended and hold no others, as those that do are only as far as what they hold."""
        running = [each for each in self.steps if each.status == Status.RUNNING and each.kind not in HOLDERS]
        return [each for each in running if each.kind != FOREACH or not any(map(each.looks_after, running))]

    def stopped(self) -> list[Step]:
        """Steps that have failed and wait for somebody's decision."""
        return [each for each in self.steps if each.status == STOPPED]


STOPPED = Status.INCIDENT.value  # of a step that has failed and waits for somebody's decision
UNDONE = "undone"  # of a step whose effect was taken back
FOREACH = "foreach"
HOLDERS = ("for", "fork", "map", "try", "do", "function")
CONTROLS: Mapping[str, str] = {
    Phase.WORKFLOW_SUSPENDED: "suspend",
    Phase.WORKFLOW_RESUMED: "resume",
    Phase.WORKFLOW_MOVED: "move",
}


def account(entries: Iterable[Entry], graph: Graph | None) -> Account:
    """The steps in the order in which they began."""
    tasks = {task.pointer: task for task in graph.tasks} if graph else {}
    told = Account()
    steps: dict[tuple[str, int], Step] = {}
    for entry in entries:
        _cause(told, entry)
        for transition in entry.transitions:
            phase = transition["phase"]
            if phase.startswith("workflow."):
                _whole(told, phase, transition["data"])
                if phase in CONTROLS:
                    about = as_object(transition["data"]) or {}
                    told.controlled.append(_control(phase, about, entry.at_ms))
                    steps = _moved(told, about, tasks) if phase == Phase.WORKFLOW_MOVED else steps
            elif phase.startswith(("task.", "incident.")):
                place = (transition["pointer"], transition["iteration"])
                if (step := steps.get(place)) is None:
                    step = steps[place] = _new(place, tasks, graph, entry.at_ms)
                    told.steps.append(step)
                _change(step, entry, transition)
    return told


def retrying(told: Account, rows: Iterable[Mapping[str, Any]]) -> None:
    """Tells of the steps that wait for their next try, by the rows of the read model, that they do."""
    steps = {(step.pointer, step.iteration): step for step in told.steps if step.status == Status.RUNNING}
    for row in rows:
        if step := steps.get((row["pointer"], row["iteration"])):
            step.next_try = NextTry(
                due_ms=row["due_ms"], number=row["retry"], most=row["retries"], reason=row["reason"] or ""
            )


def _cause(told: Account, entry: Entry) -> None:
    if entry.cause == START_INSTANCE and told.started is None:
        told.started = entry.caused_by
    elif entry.cause == CANCEL_INSTANCE:
        told.cancelled, told.cancelled_ms = entry.caused_by, entry.at_ms


def _control(phase: str, about: Mapping[str, Any], at_ms: int) -> Mapping[str, Any]:
    said = {"actor": about.get("actor") or "somebody", "why": about.get("why") or ""}
    return {"at_ms": at_ms, "action": CONTROLS[phase], **said}


def _moved(told: Account, about: Mapping[str, Any], tasks: Mapping[str, Task]) -> dict[tuple[str, int], Step]:
    """The steps by where they stand now, on another definition."""
    for step in told.steps:
        step.pointer = place_of(step.pointer, about.get("places") or {})
        if (task := tasks.get(step.pointer)) is not None:
            step.name, step.title, step.kind = task.name, title_of(task), kind_of(task)
    return {(step.pointer, step.iteration): step for step in told.steps}


def _whole(told: Account, phase: str, data: Payload | None) -> None:
    if phase == Phase.WORKFLOW_COMPLETED:
        told.output = data
    elif phase == Phase.WORKFLOW_FAULTED:
        told.problem = as_object(data)


def _change(step: Step, entry: Entry, transition: Mapping[str, Any]) -> None:
    step.attempts = max(step.attempts, transition["attempt"] + 1)
    if transition["phase"] == Phase.INCIDENT_OPENED:
        step.status, step.problem = STOPPED, as_object(transition["data"])
    elif transition["phase"] == Phase.TASK_RETRIED:
        step.status = Status.RUNNING.value
    elif transition["phase"] == Phase.TASK_UNDONE:
        step.status = UNDONE
    ended = ENDS.get(transition["phase"])
    if ended is None:
        return
    step.status, step.ended_ms = ended.value, entry.at_ms
    data: Payload | None = transition["data"]
    if ended is Status.FAULTED:
        step.problem = as_object(data) or (entry.caused_by.get("error") if _is_result(entry, step) else None)
    elif step.kind == "switch":
        step.case = str((as_object(data) or {}).get("case", "")) or None
    elif ended is Status.COMPLETED:
        step.output = entry.caused_by.get("output") if data is None and _is_result(entry, step) else data


def _is_result(entry: Entry, step: Step) -> bool:
    return entry.cause == STEP_RESULT and entry.caused_by.get("pointer") == step.pointer


def _new(place: tuple[str, int], tasks: Mapping[str, Task], graph: Graph | None, at_ms: int) -> Step:
    pointer, iteration = place
    task = tasks.get(pointer)
    name = task.name if task else pointer.rpartition("/")[2]
    return Step(
        pointer=pointer,
        iteration=iteration,
        name=name,
        title=title_of(task) if task else words.titled(name),
        kind=kind_of(task) if task else "",
        depth=_depth(task, graph),
        started_ms=at_ms,
    )


def title_of(task: Task) -> str:
    """What people call a task: the title that its definition gives, else its name as words."""
    given = task.metadata.get("title")
    return given if isinstance(given, str) and given else words.titled(task.name)


def kind_of(task: Task) -> str:
    """What a task does: the function that a `call` calls, else the keyword."""
    if isinstance(task, Call):
        return task.function
    if isinstance(task, Defined):
        return "function"
    kinds: dict[type, str] = {Switch: "switch", Set: "set", Wait: "wait", Fork: "fork"}
    return kinds.get(type(task)) or type(task).__name__.lower()


def _depth(task: Task | None, graph: Graph | None) -> int:
    depth = 0
    while task is not None and graph is not None and task.parent > 0:
        task = graph.tasks[task.parent]
        depth += task.told
    return depth


def as_object(data: Payload | None) -> dict[str, Any] | None:
    """The JSON object of a payload; None where it is none, or not to be read."""
    if data is None:
        return None
    try:
        value = data.value()
    except UnreadablePayloadError:
        return None
    return value if isinstance(value, dict) else None
