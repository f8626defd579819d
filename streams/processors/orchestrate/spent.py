"""Where the time of an instance has gone, told from its history: what each of its steps waited for, and how long. Pure.

At each moment of its life an instance waits for its open steps. Where several are open, in branches, the moment is
shared among them evenly: so the parts of an instance add up to its whole life, and those of many to theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from connectors.catalogue import OPERATIONS
from schemas.lifecycle import Phase
from schemas.messages import STEP_RESULT, STEP_RETRYING
from schemas.payload import Payload, UnreadablePayloadError
from streams.engine.moving import place_of
from streams.language.constructs import ALL
from streams.language.constructs.call import Call
from streams.language.constructs.defined import Defined
from streams.language.constructs.listen import Listen
from streams.language.constructs.map_ import Map
from streams.language.constructs.run import Run
from streams.language.constructs.wait import Wait
from streams.language.graph import Graph, Task
from streams.processors.human import HUMAN
from streams.processors.orchestrate.retrace import Entry
from streams.processors.orchestrate.ways import Way

Place = tuple[str, int]  # pointer and iteration of a step
Move = tuple[int, Mapping[str, str]]  # the number of its entry; places in the definition behind it, by those before

SYSTEM_FUNCTIONS = frozenset(operation.name for operation in OPERATIONS)
HOLDERS: tuple[type[Task], ...] = (
    Map,
    Defined,
    *(each.task for each in ALL if each.key in ("do", "for", "fork", "try")),
)
WAITS: Mapping[type[Task], Way] = {Listen: Way.EVENTS, Run: Way.WORKFLOWS, Wait: Way.TIMER}
ENDS = (Phase.TASK_COMPLETED, Phase.TASK_FAULTED, Phase.TASK_CANCELLED, Phase.TASK_SKIPPED)
CLOSED = (Phase.WORKFLOW_COMPLETED, Phase.WORKFLOW_FAULTED, Phase.WORKFLOW_CANCELLED)


@dataclass(slots=True)
class Spell:
    """One time that control came to a step, from its beginning to its end or until now."""

    pointer: str
    started_ms: int
    usual: Way
    marks: list[tuple[int, Way]]  # from when on it waits for what, in order of time
    ended_ms: int | None = None
    asked: list[str] = field(default_factory=list)  # the function of each try, if it is a call

    def turn(self, at_ms: int, way: Way) -> None:
        """From now on it waits for this; what was expected for later does not come."""
        self.marks = [mark for mark in self.marks if mark[0] <= at_ms]
        self.marks.append((at_ms, way))

    def taken(self, taken_ms: int | None, at_ms: int) -> None:
        """Whoever has answered took it up then, by his clock; before that, it waited for him."""
        began_ms, way = self.marks[-1]
        if taken_ms is not None and way is self.usual and began_ms < taken_ms <= at_ms:
            self.marks[-1:] = [(began_ms, Way.WORKER), (taken_ms, way)]

    def parts(self, end_ms: int) -> Iterable[tuple[int, int, Way]]:
        """Beginning, end and way of its stretches."""
        end = end_ms if self.ended_ms is None else self.ended_ms
        for (begin, way), (until, _) in zip(self.marks, [*self.marks[1:], (end, self.usual)], strict=True):
            if begin < min(until, end):
                yield begin, min(until, end), way


@dataclass(slots=True)
class Spent:
    """The time of one instance."""

    elapsed_ms: int = 0
    shares: dict[tuple[str, Way], float] = field(default_factory=dict)  # by pointer; they add up to `elapsed_ms`
    spells: list[Spell] = field(default_factory=list)


def spent(entries: Sequence[Entry], graph: Graph, now_ms: int) -> Spent:
    """The time of an instance from its whole history, in order; one that has not ended lives until now."""
    tasks = {task.pointer: task for task in graph.tasks}
    is_open: dict[Place, Spell] = {}
    told, ended_ms = Spent(), None
    moves = _moves(entries)
    for number, (entry, name, cause) in enumerate(entries):
        at_ms = entry["at_ms"]
        later = [places for moved, places in moves if moved > number]
        if name == STEP_RESULT and (spell := _retried(is_open, cause, moves)) is not None:
            spell.taken(cause.get("taken_ms"), at_ms)
        for transition in entry["transitions"]:
            if transition["phase"] in CLOSED:
                ended_ms = at_ms
            else:
                pointer, iteration = _place(transition, later)
                _change(told.spells, is_open, tasks.get(pointer), (pointer, iteration), transition, at_ms)
        if name == STEP_RETRYING and (spell := _retried(is_open, cause, moves)) is not None:
            spell.turn(at_ms, Way.RETRIES)
            spell.marks.append((max(at_ms, cause["due_ms"]), spell.usual))
    if entries:
        first = entries[0][0]["at_ms"]
        end = max(first, now_ms) if ended_ms is None else ended_ms
        told.elapsed_ms, told.shares = end - first, _shared(told.spells, first, end)
    return told


def _moves(entries: Sequence[Entry]) -> list[Move]:
    """The moves of the instance to other definitions."""
    return [
        (number, cause["places"])
        for number, (entry, _, cause) in enumerate(entries)
        if any(each["phase"] == Phase.WORKFLOW_MOVED for each in entry["transitions"])
    ]


def _place(told: Mapping[str, Any], moves: Iterable[Mapping[str, str]]) -> Place:
    """The place of a step in the definition that the instance is on after these moves."""
    return reduce(place_of, moves, told["pointer"]), told["iteration"]


def _retried(is_open: Mapping[Place, Spell], step: Mapping[str, Any], moves: Sequence[Move]) -> Spell | None:
    """The spell of a step that is tried again; it may be called by the place at which it was asked."""
    return is_open.get(_place(step, ())) or is_open.get(_place(step, [places for _, places in moves]))


def _change(
    spells: list[Spell],
    is_open: dict[Place, Spell],
    task: Task | None,
    place: Place,
    told: Mapping[str, Any],
    at_ms: int,
) -> None:
    phase = told["phase"]
    holder = task is None or isinstance(task, HOLDERS)
    spell = is_open.get(place)
    if phase == Phase.INCIDENT_OPENED or (phase == Phase.TASK_STARTED and not holder):
        usual = _usual(task)
        way = usual if phase == Phase.TASK_STARTED else Way.REPAIR
        if spell is None:
            is_open[place] = spell = Spell(place[0], at_ms, usual, [])
            spells.append(spell)
            if isinstance(task, Call) and phase == Phase.TASK_STARTED:
                spell.asked.append(task.function)
        spell.turn(at_ms, way)
    elif spell is None:
        return
    elif phase in ENDS or (phase == Phase.TASK_RETRIED and holder):
        is_open.pop(place).ended_ms = at_ms
    elif phase == Phase.TASK_RETRIED:
        if function := _function(told["data"]):
            spell.usual = _way_of(function)
        spell.asked += [function] if function else spell.asked[-1:]
        spell.turn(at_ms, spell.usual)


def _usual(task: Task | None) -> Way:
    waits = next((way for kind, way in WAITS.items() if isinstance(task, kind)), None)  # first: a `run` is a call, too
    if waits is None and isinstance(task, Call):
        return _way_of(task.function)
    return waits or Way.WORKING


def _way_of(function: str) -> Way:
    if function == HUMAN.name:
        return Way.PEOPLE
    return Way.SYSTEMS if function in SYSTEM_FUNCTIONS else Way.WORKING


def _function(data: Payload | None) -> str | None:
    """The function that a step has fallen back on; None where it is tried again as it is."""
    try:
        told = data.value() if data is not None else None
    except UnreadablePayloadError:
        return None
    function = told.get("function") if isinstance(told, dict) else None
    return function if isinstance(function, str) else None


def _shared(spells: Sequence[Spell], start_ms: int, end_ms: int) -> dict[tuple[str, Way], float]:
    """The life of an instance, each moment shared evenly among the steps that are open then."""
    changes: dict[int, list[tuple[bool, str, Way]]] = defaultdict(list)
    for spell in spells:
        for begin, end, way in spell.parts(end_ms):
            changes[begin].append((True, spell.pointer, way))
            changes[end].append((False, spell.pointer, way))
    shares: dict[tuple[str, Way], float] = defaultdict(float)
    standing: dict[tuple[str, Way], int] = defaultdict(int)
    count, before = 0, start_ms
    for at in sorted({*changes, end_ms}):
        took = at - before
        if took and not count:
            shares["", Way.WORKING] += took
        for key, number in standing.items() if took and count else ():
            if number:
                shares[key] += took * number / count
        for begins, pointer, way in changes[at]:
            standing[pointer, way] += 1 if begins else -1
            count += 1 if begins else -1
        before = at
    return dict(shares)
