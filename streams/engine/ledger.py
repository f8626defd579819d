"""What the steps of an instance have done, in the order in which they did it, as long as it may have to be undone.

Kept only for steps of which the definition says how they are undone, or has people see to it (`Call.undo`); an instance
of a workflow that undoes nothing has no ledger. A step whose answer is not wanted any more may do its work all the
same: it is adrift until its answer says what became of it. A step of which nobody knows whether it was done is in
doubt, and people look at it when its turn has come.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas.ids import step_id
from schemas.lifecycle import Phase
from schemas.payload import Json, UnreadablePayloadError
from schemas.reasons import Effect
from schemas.steps import COMPLETED, Problem
from streams.engine.activity import Activity, Stage
from streams.engine.errors import without_body
from streams.engine.messages import StepResult, Transition
from streams.engine.state import Certainty, Done, Frame, IncidentFrame, Instance, Ledger
from streams.engine.tree import Tree
from streams.engine.weight import PER_BYTE
from streams.language.graph import Task

_IN_DOUBT = (Effect.UNKNOWN, Effect.DONE)


def undo_of(task: Task) -> int:
    """The number of the task that undoes it, -1 for none."""
    found: int = getattr(task, "undo", -1)
    return found


def in_doubt(error: Mapping[str, Json]) -> bool:
    """Whether a step that has failed may have had its effect."""
    return error.get("effect") in _IN_DOUBT


def add(tree: Tree, done: Done) -> None:
    """One more, as the last."""
    ledger = tree.ledger or Ledger()
    tree.keep(done.input)
    tree.keep(done.output)
    tree.ledger = msgspec.structs.replace(ledger, done=[*ledger.done, done])


def take(tree: Tree, done: Done) -> None:
    """It is not to be undone any more, or is being undone."""
    assert tree.ledger is not None
    tree.ledger = msgspec.structs.replace(tree.ledger, done=[each for each in tree.ledger.done if each is not done])


def undone(tree: Tree, done: Done) -> None:
    """Remembers for the outcome that it was undone."""
    ledger = tree.ledger or Ledger()
    tree.ledger = msgspec.structs.replace(ledger, undone=[*ledger.undone, tree.graph.tasks[done.task].pointer])


def stands(tree: Tree, done: Done) -> None:
    """Remembers for the outcome that it was not undone."""
    ledger = tree.ledger or Ledger()
    tree.ledger = msgspec.structs.replace(ledger, standing=[*ledger.standing, tree.graph.tasks[done.task].pointer])


def entry(
    tree: Tree,
    step: Frame | Activity,
    task: Task,
    certainty: Certainty,
    output: Json = None,
    error: Problem | None = None,
) -> Done:
    """What is remembered of a step; `step` is its frame, or its activity once that is closed."""
    kept = (step.input,) if isinstance(step, Activity) else step.kept
    number = step.frame if isinstance(step, Activity) else step.id
    asked = "" if isinstance(step, Activity) else step.asked
    key = step.key or step_id(tree.instance_id, asked or task.pointer, step.iteration, step.attempt)
    return Done(
        task.index, step.iteration, step.attempt, number, tree.now_ms, key, kept[0] if kept else None, output,
        getattr(step, "fallback", 0), certainty, error, asked,
    )  # fmt: skip


def note_doubt(tree: Tree, step: Frame | Activity, task: Task, error: Problem) -> None:
    """A step has failed, and goes on as failed: if it may have had its effect, that is remembered."""
    begun = not isinstance(step, Activity) or step.stage is Stage.BEGUN
    if begun and in_doubt(error) and undo_of(task) >= 0:
        add(tree, entry(tree, step, task, Certainty.IN_DOUBT, error=dict(without_body(error))))


def note_left(tree: Tree, frame: IncidentFrame) -> None:
    """An incident comes to no decision."""
    if not frame.output:
        note_doubt(tree, frame, tree.graph.tasks[frame.task], frame.error)


def is_adrift(state: Instance[Frame], tasks: tuple[Task, ...], event: StepResult) -> bool:
    """Whether a result is that of a step adrift."""
    found = () if state.ledger is None else state.ledger.done
    return any(_is_of(each, tasks[each.task], event) for each in found)


def settle(tree: Tree, event: StepResult) -> bool:
    """A step that is adrift has answered: what it has done counts from now on. False where it is not adrift."""
    tasks, found = tree.graph.tasks, () if tree.ledger is None else tree.ledger.done
    done = next((each for each in found if _is_of(each, tasks[each.task], event)), None)
    if done is None:
        return False
    take(tree, done)
    error = None if event.error is None else {name: part for name, part in event.error.items() if part is not None}
    if event.status == COMPLETED:
        add(
            tree,
            msgspec.structs.replace(done, certainty=Certainty.DONE, at_ms=tree.now_ms, output=_output(tree, event)),
        )
        told = "done"
    elif error is not None and in_doubt(error):
        add(tree, msgspec.structs.replace(done, certainty=Certainty.IN_DOUBT, at_ms=tree.now_ms, error=error))
        told = "unknown"
    else:
        told = "not done"
    data = tree.told({"effect": told})
    tree.transitions.append(Transition(event.pointer, event.iteration, event.attempt, Phase.TASK_SETTLED, data))
    return True


def _is_of(done: Done, task: Task, event: StepResult) -> bool:
    at = (done.asked or task.pointer, done.iteration, done.attempt)
    return done.certainty is Certainty.ADRIFT and at == (event.pointer, event.iteration, event.attempt)


def _output(tree: Tree, event: StepResult) -> Json:
    """What it has answered; nothing where that cannot be read: it is done all the same."""
    if event.output is None:
        return None
    tree.bound += len(event.output.raw) * PER_BYTE
    try:
        return event.output.value()
    except UnreadablePayloadError:
        return None
