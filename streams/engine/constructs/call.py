"""`call`: a step. Its function's processor gets a command, and the task waits for the result of exactly this step."""

from __future__ import annotations

from schemas import problems
from schemas.payload import Json, UnreadablePayloadError
from schemas.steps import COMPLETED
from streams.engine.activity import Activity
from streams.engine.construct import Construct
from streams.engine.data import encode, evaluate
from streams.engine.errors import TaskError, failed, received
from streams.engine.messages import CancelStep, StepCommand, StepResult
from streams.engine.run import Run
from streams.engine.state import Frame
from streams.engine.tree import Tree
from streams.engine.weight import PER_BYTE
from streams.language.constructs.call import Call


class StepFrame(Frame, tag=4):
    """A call: waits for the result of exactly this iteration and attempt."""

    iteration: int = 0  # type: ignore[misc]  # of its own, where other frames share that of the class
    attempt: int = 0  # type: ignore[misc]
    key: str = ""  # type: ignore[misc]


def _start(run: Run, task: Call, activity: Activity) -> None:
    arguments = encode(evaluate(run, task.arguments, activity.input, activity), activity, run.limits)
    frame = run.open(StepFrame, activity)
    frame.iteration, frame.attempt, frame.key = activity.iteration, activity.attempt, activity.key
    graph = run.graph
    run.issued[frame.id] = StepCommand(
        run.instance_id, task.pointer, frame.iteration, frame.attempt, task.function, arguments,
        run.deadline_ms(frame.id), graph.name, graph.version, graph.digest, task.effect, run.instance.business_key,
        frame.key or None,
    )  # fmt: skip


def _answered(run: Run, frame: StepFrame, task: Call, result: StepResult) -> None:
    activity = run.close(frame)
    if result.status != COMPLETED:
        raise TaskError(activity, received(result.error, result.pointer))
    output: Json = None
    if result.output is not None:
        try:
            output = result.output.value()
            run.bound += len(result.output.raw) * PER_BYTE
        except UnreadablePayloadError as error:
            raise failed(activity, problems.RUNTIME, f"The step's output cannot be read: {error}") from None
    run.complete(activity, output)


def _withdraw(tree: Tree, frame: StepFrame, task: Call, reason: str) -> None:
    """Unsent if the command is of this engine step, else the processor is told."""
    if tree.issued.pop(frame.id, None) is None:
        tree.cancels.append(
            CancelStep(tree.instance_id, task.pointer, frame.iteration, frame.attempt, reason, task.function)
        )


CALL = Construct(
    task=Call,
    start=_start,
    numbered=True,
    frame=StepFrame,
    answered=_answered,
    working=lambda task: not task.waits_for_people,
    withdraw=_withdraw,
)
