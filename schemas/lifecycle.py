"""The words for where an instance or a task is, and for what happened to it: of history, outcomes, lists and doors.

What may follow what is the engine's (`streams.engine.lifecycle`).
"""

from enum import StrEnum


class Status(StrEnum):
    """Where an instance or a task is."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    INCIDENT = "incident"  # instances only: a step has failed, and somebody has to decide how it goes on
    UNDOING = "undoing"  # instances only: what its steps have done is taken back
    SUSPENDED = "suspended"  # instances only: somebody lets it stand still
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    COMPLETED = "completed"
    SKIPPED = "skipped"  # tasks only


class Phase(StrEnum):
    """What happened: the words of history."""

    WORKFLOW_STARTED = "workflow.started"
    WORKFLOW_SUSPENDED = "workflow.suspended"
    WORKFLOW_RESUMED = "workflow.resumed"
    WORKFLOW_MOVED = "workflow.moved"
    WORKFLOW_UNDOING = "workflow.undoing"  # before it ends
    WORKFLOW_COMPLETED = "workflow.completed"
    WORKFLOW_FAULTED = "workflow.faulted"
    WORKFLOW_CANCELLED = "workflow.cancelled"
    TASK_STARTED = "task.started"
    TASK_COMPLETED = "task.completed"
    TASK_FAULTED = "task.faulted"
    TASK_CANCELLED = "task.cancelled"
    TASK_SKIPPED = "task.skipped"
    TASK_RETRIED = "task.retried"
    TASK_RECEIVED = "task.received"  # an event that it listens for
    TASK_SETTLED = "task.settled"  # what became of a step that nobody has waited for any more
    TASK_UNDONE = "task.undone"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_SKIPPED = "incident.skipped"
    INCIDENT_FAILED = "incident.failed"
    REPAIR_REFUSED = "repair.refused"
    CONTROL_REFUSED = "control.refused"
    RESULT_KEPT = "result.kept"
    RESULT_IGNORED = "result.ignored"


TERMINAL = frozenset({Status.CANCELLED, Status.FAULTED, Status.COMPLETED})

# Those of an instance, in the order in which people are shown them, and those of one that has not ended.
OF_INSTANCES = tuple(status for status in Status if status is not Status.SKIPPED)
OPEN = tuple(status for status in OF_INSTANCES if status not in TERMINAL)
