"""Undoing: what the steps of an instance have done is taken back, the last first, one after the other.

It begins where an instance ends otherwise than completed (people give it up or cancel it, an error that nobody catches
ends it) or gives up what was done (`Task.gives_up`), and where a `try` that says so catches an error. Then a frame of
its own goes through the ledger (`ledger`): it waits for the answers of steps that are adrift, then has one undo after
the other carried out as a task. An undo that fails for good waits for people as any task does, and no `try` around
takes its error; where nobody mends, or people give it up, what was done stands, and the outcome says so.

What has begun to be undone is undone to its end: where the flow goes on without a `try` that undoes, its undo is cut
loose and goes on beside, and the instance ends only behind it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Never

from schemas import problems
from schemas.lifecycle import Phase, Status
from schemas.payload import Json
from schemas.reasons import Reason
from schemas.steps import Problem
from streams.engine import ledger
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.errors import TaskError, problem
from streams.engine.messages import StepResult, Transition
from streams.engine.run import Ending, Run
from streams.engine.state import Certainty, Done, Frame, UndoFrame
from streams.language.graph import Flow, Task
from streams.language.undoing import Stand


def begin(run: Run, ending: Ending, *, undo: bool) -> Ending | None:
    """How the instance ends now; None where it ends later, when all is undone."""
    before = next((each for each in _open(run) if each.ending is not None), None)
    if before is not None or not undo:
        run.gives_up = True
        for each in _open(run):
            if each.current is not None:
                ledger.stands(run, each.current)
        return ending if before is None else Ending(*before.ending)  # type: ignore[misc]  # it has one
    run.cancel_below(-1, "the instance has ended")
    goes_back = ending.gives_up or ending.status is not Status.COMPLETED
    found = () if run.ledger is None else run.ledger.done
    if not (goes_back and found) and not _open(run):
        return ending
    run.drop_agenda()
    run.expires_ms, run.suspended = 0, False
    frame = UndoFrame(run.next_frame, 0, -1, run.now_ms, inside=0 if goes_back else -1, ending=tuple(ending))
    _add(run, frame)
    told: dict[str, Json] = {
        "then": ending.status.value,
        "steps": [run.graph.tasks[each.task].pointer for each in found],
    }
    if ending.error is not None:
        told["error"] = ending.error
    if isinstance(ending.data, dict):
        told |= ending.data
    run.transitions.append(Transition("", 0, 0, Phase.WORKFLOW_UNDOING, run.told(told)))
    _advance(run, frame)
    return None


def begin_inside(run: Run, frame: Frame, task: Task) -> bool:
    """What was done in a `try` is undone before its error is handled; False where nothing was."""
    found = () if run.ledger is None else run.ledger.done
    undo = UndoFrame(run.next_frame, task.index, frame.id, run.now_ms, since=frame.id, inside=task.index)
    if not any(_is_in(run, undo, each) for each in found):
        return False
    _add(run, undo)
    _advance(run, undo)
    return True


def settled(run: Run, event: StepResult) -> bool:
    """A result that no frame waits for may be that of a step adrift; then undoing goes on."""
    if not ledger.settle(run, event):
        return False
    for frame in _open(run):
        _advance(run, frame)
    return True


def around(frames: Mapping[int, Frame], frame_id: int) -> UndoFrame | None:
    """The undo that a frame belongs to."""
    while frame_id >= 0:
        frame = frames[frame_id]
        if isinstance(frame, UndoFrame):
            return frame
        frame_id = frame.parent
    return None


def given_up(run: Run, frame: UndoFrame) -> None:
    """People give up what is being undone now: it stands, and the others are undone."""
    run.cancel_below(frame.id, "the undo was given up")
    _stands(run, frame)


def _open(run: Run) -> list[UndoFrame]:
    return [each for each in run.frames.values() if isinstance(each, UndoFrame)]


def _add(run: Run, frame: UndoFrame) -> None:
    run.next_frame += 1
    run.frames[frame.id] = frame


def _advance(run: Run, frame: UndoFrame) -> None:
    """The next undo, if none is under way and all answers are there; behind the last, it goes on as it was to."""
    if frame.current is not None or (frame.ending is not None and len(_open(run)) > 1):
        return
    tasks = run.graph.tasks
    while True:
        found = [each for each in (run.ledger.done if run.ledger else ()) if _is_in(run, frame, each)]
        if any(each.certainty is Certainty.ADRIFT for each in found):
            return
        if not found:
            _finish(run, frame)
            return
        done = found[-1]
        ledger.take(run, done)
        if ledger.undo_of(tasks[done.task]) >= 0:
            break
    frame.current = done
    if done.certainty is Certainty.IN_DOUBT:
        run.settled(_look, run, frame, done)
    else:
        run.defer(ledger.undo_of(tasks[done.task]), frame.id, _given(done))


def _is_in(run: Run, frame: UndoFrame, done: Done) -> bool:
    if done.frame < frame.since or frame.inside < 0:
        return False
    task = done.task
    while task >= 0 and task != frame.inside:
        task = run.graph.tasks[task].parent
    return task >= 0


def _given(done: Done) -> Json:
    """What an undo works on."""
    return {"input": done.input, "output": done.output, "key": done.key, "fallback": done.fallback}


def _activity(run: Run, frame: UndoFrame, done: Done) -> Activity:
    """The undo, as control would enter it."""
    given = _given(done)
    task = run.graph.tasks[ledger.undo_of(run.graph.tasks[done.task])]
    return Activity(task, frame.id, given, given, run.now_ms)


def _look(run: Run, frame: UndoFrame, done: Done) -> Never:
    """Somebody has to look whether there is something to undo."""
    error = done.error or {}
    step, title = run.graph.tasks[done.task], error.get("title") or error.get("type")
    if error.get("effect") == "done":
        detail = f"`{step.name}` has had its effect and failed then ({title}), so what it made is not known."
    else:
        detail = f"Nobody knows whether `{step.name}` was done: it failed with {title}."
    detail += " If there is something to undo, retry; if there is nothing, skip."
    made = problem(problems.RUNTIME, detail, step.pointer, Reason.OUTCOME_UNKNOWN)
    raise TaskError(_activity(run, frame, done), made)


def _stand(run: Run, task: Stand, activity: Activity) -> Never:
    """No undo is declared: people see to it."""
    step = run.graph.tasks[task.parent]
    detail = (
        f"`{step.name}` is done and stands: no undo is declared. Undo it by hand, then skip; or let it stand: fail."
    )
    raise TaskError(activity, problem(problems.CONFIGURATION, detail, step.pointer, Reason.UNDO_MISSING))


def _ended(run: Run, frame: UndoFrame, task: Task, undo: Task, output: Json, flow: Flow) -> None:
    done = frame.current
    assert done is not None
    step = run.graph.tasks[done.task]
    ledger.undone(run, done)
    run.note(step, Phase.TASK_UNDONE, done.iteration, done.attempt, {"by": undo.pointer})
    frame.current = None
    _advance(run, frame)


def _failed(run: Run, frame: UndoFrame, task: Task, error: Problem) -> None:
    """An error that nothing in the undo has caught, and that was no incident where it came up."""
    assert frame.current is not None
    if run.mends:
        run.wait_for_people(_activity(run, frame, frame.current), error)
    else:
        _stands(run, frame)


def _stands(run: Run, frame: UndoFrame) -> None:
    assert frame.current is not None
    ledger.stands(run, frame.current)
    frame.current = None
    _advance(run, frame)


def _finish(run: Run, frame: UndoFrame) -> None:
    """All is undone: the instance ends, or the `try` handles its error, or the end that has waited for it comes."""
    del run.frames[frame.id]
    if frame.ending is not None:
        run.ended(Ending(*frame.ending))
    elif frame.parent >= 0:
        run.leave(run.graph.tasks[frame.task], frame.parent, None, Flow())
    else:
        for last in _open(run):
            _advance(run, last)


UNDO: Construct[Stand, UndoFrame] = Construct(
    task=Stand,
    start=_stand,
    numbered=True,  # a corrected definition may have a step in its place, whose keys are made of it
    frame=UndoFrame,
    child_ended=_ended,
    matches=lambda run, frame, task, error: True,
    takes=_failed,
    copy=copy.copy,
)
