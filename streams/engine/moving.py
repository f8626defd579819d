"""An instance that goes on with another definition: every open task has to be there, at the same place or where it is
said to stand.

Tasks are recognised by their pointer; who moves an instance may say that one, with all in it, stands elsewhere. What
has been decided already by the tasks that are open (the branches of a fork, the steps that are waited for, what was
kept of inputs) has to fit the corrected definition, or it is refused with all that does not fit.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from types import MappingProxyType

import msgspec

from schemas.ids import step_id
from streams.engine.constructs.call import StepFrame, asked_of
from streams.engine.state import Done, Frame, IncidentFrame, Instance, Ledger, UndoFrame
from streams.language.constructs.call import Call
from streams.language.constructs.fork import Fork
from streams.language.constructs.listen import Listen
from streams.language.constructs.map_ import Map
from streams.language.graph import Graph, Task

TOLD = 5  # misfits in a refusal; who mends the first will see the others


def on_corrected(
    graph: Graph,
    state: Instance[Frame],
    corrected: Graph | None,
    instance_id: str,
    numbered: Container[type[Task]],
    moves: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Graph, Instance[Frame]] | str:
    """The corrected graph and the state on it, or why that cannot be; `moves` are pointers by those before.

    Each entry into a `numbered` task has a number.
    """
    if corrected is None:
        return "the corrected definition is not known"
    if (corrected.namespace, corrected.name) != (graph.namespace, graph.name):
        return f"the corrected definition is of another workflow, {corrected.name}"
    by_pointer = {task.pointer: task.index for task in corrected.tasks}
    known = {task.pointer for task in graph.tasks}
    strange = [f"there has been no {each}" for each in moves if each not in known]
    strange += [f"there is no {each}" for each in moves.values() if each not in by_pointer]
    places = {each: by_pointer[to] for each in known if (to := place_of(each, moves)) in by_pointer}
    misfits = [*strange, *_misfits(graph, state, corrected, places)]
    if misfits:
        more = f"; and {len(misfits) - TOLD} more" if len(misfits) > TOLD else ""
        return "the corrected definition does not fit: " + "; ".join(misfits[:TOLD]) + more
    there = {task.index: places[task.pointer] for task in graph.tasks if task.pointer in places}
    entries: dict[int, int] = {}
    for task, count in state.entries.items():
        if task in there:
            entries[there[task]] = max(count, entries.get(there[task], 0))
    frames = []
    for frame in state.frames:
        old, new = graph.tasks[frame.task], corrected.tasks[there[frame.task]]
        if isinstance(frame, IncidentFrame) and frame.begun and type(old) not in numbered and type(new) in numbered:
            number = entries.get(new.index, 0)
            entries[new.index] = number + 1
            frame = msgspec.structs.replace(frame, iteration=number)  # as if it were entered now
        frames.append(_moved(frame, old.pointer, corrected, there, instance_id))
    version = corrected.version
    ledger = None if state.ledger is None else _moved_ledger(state.ledger, graph, there)
    return corrected, msgspec.structs.replace(
        state, digest=corrected.digest, version=version, entries=entries, frames=frames, ledger=ledger
    )


def place_of(pointer: str, moves: Mapping[str, str]) -> str:
    """Where a task stands in the other definition: as the innermost move says that it, or what it is in, is in."""
    place = pointer
    while place:
        if place in moves:
            return moves[place] + pointer[len(place) :]
        place = place.rpartition("/")[0]
    return pointer


def _moved_ledger(ledger: Ledger, graph: Graph, there: Mapping[int, int]) -> Ledger:
    return msgspec.structs.replace(ledger, done=[_moved_done(each, graph, there) for each in ledger.done])


def _moved_done(done: Done, graph: Graph, there: Mapping[int, int]) -> Done:
    asked = done.asked or graph.tasks[done.task].pointer
    return msgspec.structs.replace(done, task=there[done.task], asked=asked)


def _moved(frame: Frame, pointer: str, corrected: Graph, there: Mapping[int, int], instance_id: str) -> Frame:
    moved = msgspec.structs.replace(frame, task=there[frame.task])
    if isinstance(moved, UndoFrame):
        moved.inside = there.get(moved.inside, -1)
        if moved.current is not None:
            moved.current = msgspec.structs.replace(moved.current, task=there[moved.current.task])
    if corrected.tasks[moved.task].pointer != pointer and isinstance(moved, (StepFrame, IncidentFrame)):
        before = moved.asked or pointer
        moved.key = moved.key or step_id(instance_id, before, moved.iteration, moved.attempt)
        if isinstance(moved, StepFrame):
            moved.asked = before
    if isinstance(moved, IncidentFrame) and moved.flow is not None and moved.flow[1] >= 0:
        moved.flow = (moved.flow[0], there[moved.flow[1]])
    return moved


def _misfits(graph: Graph, state: Instance[Frame], corrected: Graph, places: Mapping[str, int]) -> Iterator[str]:
    if corrected.keeps_input and not graph.keeps_input:
        yield "it reads $workflow.input, which this instance has not kept"
    elif corrected.reads_input and corrected.lists_events != graph.lists_events:
        yield "$workflow.input means another thing to it than to the definition that this instance has begun with"
    tasks = {frame.id: frame.task for frame in state.frames}
    undoing = {frame.id for frame in state.frames if type(frame) is UndoFrame}
    if undoing and not corrected.undoes:
        yield "what was done is being undone, and nothing says there how"
    current = [frame.current for frame in state.frames if isinstance(frame, UndoFrame) and frame.current is not None]
    for done in [*(() if state.ledger is None else state.ledger.done), *current]:
        if graph.tasks[done.task].pointer not in places:
            yield f"{graph.tasks[done.task].pointer} is done and may have to be undone, and is not there"
    for frame in state.frames:
        old = graph.tasks[frame.task]
        if old.pointer not in places:
            yield f"there is no {old.pointer}"
            continue
        new = corrected.tasks[places[old.pointer]]
        if (
            frame.parent >= 0
            and frame.parent not in undoing
            and new.parent != places.get(graph.tasks[tasks[frame.parent]].pointer)
        ):
            yield f"{old.pointer} is in something else there, {new.pointer}"
        if type(frame) is IncidentFrame:
            yield from _misfits_of_incident(frame, graph, old, new, places)
        else:
            yield from _misfits_of_open(frame, graph, old, new, places)


def _misfits_of_incident(
    frame: IncidentFrame, graph: Graph, old: Task, new: Task, places: Mapping[str, int]
) -> Iterator[str]:
    """A task that has failed may be another one now, unless its work is done."""
    if frame.output and type(new) is not type(old):
        yield f"{old.pointer} is done, and is of another kind now"
    if frame.flow is not None and frame.flow[1] >= 0 and graph.tasks[frame.flow[1]].pointer not in places:
        yield f"there is no {graph.tasks[frame.flow[1]].pointer}, where {old.pointer} leads to"
    if new.keeps_input and not frame.kept:
        yield f"{old.pointer} reads its input at its end, which was not kept"


def _misfits_of_open(frame: Frame, graph: Graph, old: Task, new: Task, places: Mapping[str, int]) -> Iterator[str]:
    if type(new) is not type(old):
        yield f"{old.pointer} is open, and is of another kind now"
        return
    if new.keeps_input and not frame.kept:
        yield f"{old.pointer} is open and reads its input at its end, which was not kept"
    if type(frame) is StepFrame and isinstance(old, Call) and isinstance(new, Call):
        asked, now = asked_of(frame, old), asked_of(frame, new)
        if (frame.pages is None) != (not new.paged):
            yield f"{old.pointer} is open, and {'asks' if new.paged else 'no longer asks'} for pages there now"
        if asked != now:
            yield f"{old.pointer} waits for the answer of {asked}, and calls {now or 'nothing'} there now"
    if isinstance(old, Fork) and isinstance(new, Fork):
        if [places.get(graph.tasks[each].pointer) for each in old.branches] != list(new.branches):
            yield f"{old.pointer} is open, and has other branches now"
        if old.compete != new.compete:
            yield f"{old.pointer} is open, and its branches {'' if new.compete else 'no longer '}compete now"
    if isinstance(old, Map) and isinstance(new, Map) and old.collects != new.collects:
        yield f"{old.pointer} is open, and {'keeps' if new.collects else 'no longer keeps'} what fails there now"
    if isinstance(old, Listen) and old.pointer != new.pointer:
        yield f"{old.pointer} is open, and what it listens for would not find it at {new.pointer}"
    if isinstance(old, Listen) and isinstance(new, Listen) and _listened(old) != _listened(new):
        yield f"{old.pointer} is open, and listens for other events now"


def _listened(task: Listen) -> tuple[object, ...]:
    return task.strategy, task.wanted, bool(task.until), [each.identity for each in task.filters]
