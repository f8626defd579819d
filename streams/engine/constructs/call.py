"""`call`: a step. Its function's processor gets a command, and the task waits for the result of exactly this step.

Where a step fails for good and falls back on another function, that is a step of its own: the next attempt, with
arguments of its own, and what it answers is made the answer of the task. Its command is tried again by whoever
recovers (`processors.recover`); the engine hears of that and goes on waiting.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from schemas import problems
from schemas.ids import step_id
from schemas.lifecycle import Phase
from schemas.payload import Json, Payload, UnreadablePayloadError
from schemas.reasons import Effect
from schemas.recovery import encode as encode_policy
from schemas.steps import COMPLETED, Problem
from streams.engine import ledger
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import encode, evaluate
from streams.engine.errors import BODY, TaskError, failed, for_people, received, without_body
from streams.engine.messages import CancelStep, StepCommand, StepResult
from streams.engine.paging import Pages, asking, joined
from streams.engine.run import Run
from streams.engine.state import Certainty, Frame
from streams.engine.tree import Tree
from streams.engine.weight import PER_BYTE
from streams.language.constructs.call import Call
from streams.language.probing import KEY
from streams.language.recovery import ERROR, Target


class StepFrame(Frame, tag=4):
    """A call: waits for the result of exactly this iteration and attempt.

    `fallback` counts whom it has fallen back on: 0 for nobody, and nobody is asked yet where it is negative. `error` is
    what the one before has failed with.
    """

    iteration: int = 0  # type: ignore[misc]  # of its own, where other frames share that of the class
    attempt: int = 0  # type: ignore[misc]
    key: str = ""  # type: ignore[misc]
    fallback: int = 0
    error: dict[str, Json] | None = None
    asked: str = ""  # type: ignore[misc]
    pages: Pages | None = None  # of a list in pages: those before the one that it waits for


def _start(run: Run, task: Call, activity: Activity) -> None:
    ask(run, task, activity, evaluate(run, task.arguments, activity.input, activity))


def ask(run: Run, task: Call, activity: Activity, asked: Json) -> None:
    """The step's processor is asked, and the task waits for its answer."""
    arguments = encode(asked, activity, run.limits)
    keep = bool(task.fallback or task.paged) or task.undo >= 0
    frame = run.open(StepFrame, activity, keep_input=keep)
    frame.iteration, frame.attempt, frame.key = activity.iteration, activity.attempt, activity.key
    if task.paged:
        frame.pages = Pages()
    _issue(run, frame, task, activity, arguments)


def _issue(run: Run, frame: StepFrame, task: Call, activity: Activity, arguments: Payload) -> None:
    probe = _probe(run, frame, task, activity)
    graph = run.graph
    run.issued[frame.id] = StepCommand(
        run.instance_id, task.pointer, frame.iteration, frame.attempt, task.function, arguments,
        run.deadline_ms(frame.id), graph.name, graph.version, graph.digest, task.effect, run.instance.business_key,
        frame.key or None, task.recovery, probe, bool(task.fallback) or task.undo >= 0,
    )  # fmt: skip


def _probe(run: Run, frame: StepFrame, task: Call, activity: Activity) -> Payload | None:
    """How the system is asked whether the step was done: by the key of the step, which the frame keeps for that."""
    for probe in task.probe:
        frame.key = frame.key or step_id(run.instance_id, task.pointer, frame.iteration, frame.attempt)
        asked = evaluate(run, probe.arguments, activity.input, activity, scope=frame.id)
        return encode({"function": probe.function, "arguments": asked}, activity, run.limits)
    return None


def _answered(run: Run, frame: StepFrame, task: Call, result: StepResult) -> None:
    activity = run.close(frame)
    if result.status != COMPLETED:
        error = _in_all(_with_body(run, received(result.error, result.pointer), result), frame)
        position = _next(task, frame.fallback, error)
        if position is None:
            raise TaskError(activity, error)
        _fall_back(run, frame, task, activity, position, error)
        return
    output: Json = None
    if result.output is not None:
        try:
            output = result.output.value()
            run.bound += len(result.output.raw) * PER_BYTE
        except UnreadablePayloadError as error:
            if task.undo >= 0:
                _done(run, frame, task, None)
            raise failed(activity, problems.RUNTIME, f"The step's output cannot be read: {error}") from None
    if frame.pages is not None and result.output is not None:
        pages = _turned(run, frame, task, activity, output, len(result.output.raw))
        if pages is None:
            return
        output = pages.items
    if task.undo >= 0:
        _doubt_before(run, frame, task)
        _done(run, frame, task, output)
    answer = _target(frame, task).answer if frame.fallback else None
    if answer is not None:
        output = evaluate(run, answer, output, activity)
    run.complete(activity, output)


def _turned(run: Run, before: StepFrame, task: Call, activity: Activity, output: Json, size: int) -> Pages | None:
    """All pages, if this was the last; else the next one is asked for, as a step of its own."""
    assert before.pages is not None
    asked = evaluate(run, task.arguments, activity.input, activity)
    declared = asked.get(task.paged)
    pages = joined(before.pages, output, size, declared, run.limits.record_bytes, task.pointer)
    if isinstance(pages, dict):
        raise TaskError(activity, pages)
    run.bound = max(run.bound, pages.bytes * PER_BYTE)
    if pages.at is None:
        return pages
    run.keep(pages.items)
    run.note(task, Phase.TASK_COMPLETED, before.iteration, before.attempt)
    iteration = run.next_iteration(task.index)
    frame = msgspec.structs.replace(
        before, id=run.next_frame, iteration=iteration, attempt=0, key="", asked="", pages=pages
    )
    run.next_frame += 1
    run.frames[frame.id] = frame
    run.note(task, Phase.TASK_STARTED, iteration)
    activity = run.activity(frame)
    _issue(run, frame, task, activity, encode(asking(asked, task.paged, pages), activity, run.limits))
    return None


def _with_body(run: Run, error: Problem, result: StepResult) -> Problem:
    """The error with what the system outside has said, if that can be read."""
    if result.output is None:
        return error
    run.bound += len(result.output.raw) * PER_BYTE
    try:
        return {**error, BODY: result.output.value()}
    except UnreadablePayloadError:
        return error


def _done(tree: Tree, frame: StepFrame, task: Call, output: Json, certainty: Certainty = Certainty.DONE) -> None:
    """It may have to be undone."""
    ledger.add(tree, ledger.entry(tree, frame, task, certainty, output))


def _doubt_before(tree: Tree, frame: StepFrame, task: Call) -> None:
    """What somebody may have done who was asked before may have to be undone, too."""
    if frame.error is not None:
        ledger.note_doubt(tree, msgspec.structs.replace(frame, fallback=0), task, frame.error)


def _in_all(error: Problem, frame: StepFrame) -> Problem:
    """The error of who was asked last: what one before may have done, it does not undo."""
    before = frame.error if frame.fallback else None
    in_doubt = before is not None and before.get("effect") == Effect.UNKNOWN
    harmless = error.get("effect") in (None, Effect.NONE)
    return {**error, "effect": Effect.UNKNOWN.value} if in_doubt and harmless else error


def _next(task: Call, fallback: int, error: Problem) -> int | None:
    """Whom the step falls back on now; in doubt, nobody who would do what may have been done."""
    certain = error.get("effect") in (None, Effect.NONE)
    for position in range(fallback, len(task.fallback)):
        if certain or task.fallback[position].in_doubt:
            return position + 1
    return None


def _fall_back(run: Run, before: StepFrame, task: Call, activity: Activity, position: int, error: Problem) -> None:
    """Another function is asked, with a key of its own. The `timeout` of the task goes on.

    The frame keeps the key of the step itself: should people have it done again, it is known by that.
    """
    target = task.fallback[position - 1]
    key = before.key or step_id(run.instance_id, task.pointer, before.iteration, before.attempt)
    frame = msgspec.structs.replace(
        before,
        id=run.next_frame,
        attempt=before.attempt + 1,
        key=key,
        fallback=-position,
        pages=None,
        error=for_people(error) | {name: error[name] for name in (BODY,) if name in error},
        asked="",
    )
    run.next_frame += 1
    run.frames[frame.id] = frame
    activity = run.activity(frame)
    told = {"by": "fallback", "function": target.function, "because": without_body(error)}
    run.note(task, Phase.TASK_RETRIED, frame.iteration, frame.attempt, told)
    value = evaluate(run, target.arguments, activity.input, activity, scope=frame.id)
    arguments = encode(value, activity, run.limits)
    frame.fallback = position
    graph = run.graph
    run.issued[frame.id] = StepCommand(
        run.instance_id, task.pointer, frame.iteration, frame.attempt, target.function, arguments,
        run.deadline_ms(frame.id), graph.name, graph.version, graph.digest, target.effect, run.instance.business_key,
        None, None if target.policy is None else encode_policy(target.policy), None,
        position < len(task.fallback) or task.undo >= 0,
    )  # fmt: skip


def asked_of(frame: StepFrame, task: Call) -> str | None:
    """The function whose answer the frame waits for; None where the task has not so many to fall back on."""
    if not frame.fallback:
        return task.function
    return _target(frame, task).function if frame.fallback <= len(task.fallback) else None


def _target(frame: StepFrame, task: Call) -> Target:
    return task.fallback[abs(frame.fallback) - 1]


def _withdraw(tree: Tree, frame: StepFrame, task: Call, reason: str) -> None:
    """Unsent if the command is of this engine step, else the processor is told."""
    if task.undo >= 0:
        _doubt_before(tree, frame, task)
    if frame.fallback < 0 or tree.issued.pop(frame.id, None) is not None:
        return
    asked = _target(frame, task) if frame.fallback else task
    pointer = frame.asked or task.pointer
    adrift = task.undo >= 0 and not asked.waits_for_people and not tree.gives_up
    if adrift:
        _done(tree, frame, task, None, Certainty.ADRIFT)
    tree.cancels.append(
        CancelStep(tree.instance_id, pointer, frame.iteration, frame.attempt, reason, asked.function, adrift)
    )


def _working(frame: StepFrame, task: Call) -> bool:
    asked = _target(frame, task) if frame.fallback else task
    return not asked.waits_for_people


def _binds(frame: StepFrame, task: Call) -> Mapping[str, Json]:
    key: Mapping[str, Json] = {KEY: frame.key} if task.probe else {}
    return key if frame.error is None else {**key, ERROR: frame.error}


CALL = Construct(
    task=Call,
    start=_start,
    numbered=True,
    frame=StepFrame,
    answered=_answered,
    working=_working,
    withdraw=_withdraw,
    binds=_binds,
)
