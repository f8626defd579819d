"""The states of an instance and of a task, and what may follow what.

Theory of operation. An instance is one state machine, each entry into a task is another, and both are tables from
(status, phase) to the next status: a *phase* is what happened, in the vocabulary of the definition language's
lifecycle events, and is what history records; a *status* is where that leaves the instance or the task. A pair that
is not in the table cannot happen, so the tables are promises that tests hold every history to:

- Whatever started ends exactly once: completed, faulted or cancelled.
- A terminal status is never left. Late results and second deliveries are ignored, they don't move the machine.
- A task whose `if` is false is skipped without having started; one whose `if` fails has faulted without having started.
- An incident leaves the task where it is: it has not ended, and goes on when somebody has decided how (`repair`).

`running` and `waiting` are the same for the engine. They are told apart for people: an instance is *running* while a
step processor works on at least one of its steps, and *waiting* while all that it waits for is time or a person. With
an *incident* one of its steps has failed and waits for somebody's decision, whatever its other branches do. One that is
*suspended* stands still until somebody lets it go on (`control`): its tasks stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from schemas.lifecycle import TERMINAL, Phase, Status

Table = Mapping[tuple[Status, Phase], Status]

WORKFLOW: Table = MappingProxyType(
    {
        (Status.PENDING, Phase.WORKFLOW_STARTED): Status.RUNNING,
        (Status.RUNNING, Phase.WORKFLOW_UNDOING): Status.RUNNING,
        (Status.SUSPENDED, Phase.WORKFLOW_UNDOING): Status.RUNNING,
        (Status.RUNNING, Phase.WORKFLOW_COMPLETED): Status.COMPLETED,
        (Status.RUNNING, Phase.WORKFLOW_FAULTED): Status.FAULTED,
        (Status.RUNNING, Phase.WORKFLOW_CANCELLED): Status.CANCELLED,
        (Status.RUNNING, Phase.RESULT_IGNORED): Status.RUNNING,
        (Status.RUNNING, Phase.REPAIR_REFUSED): Status.RUNNING,
        (Status.RUNNING, Phase.CONTROL_REFUSED): Status.RUNNING,
        (Status.RUNNING, Phase.WORKFLOW_MOVED): Status.RUNNING,
        (Status.RUNNING, Phase.WORKFLOW_SUSPENDED): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.WORKFLOW_RESUMED): Status.RUNNING,
        (Status.SUSPENDED, Phase.WORKFLOW_MOVED): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.RESULT_KEPT): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.RESULT_IGNORED): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.REPAIR_REFUSED): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.CONTROL_REFUSED): Status.SUSPENDED,
        (Status.SUSPENDED, Phase.WORKFLOW_FAULTED): Status.FAULTED,
        (Status.SUSPENDED, Phase.WORKFLOW_CANCELLED): Status.CANCELLED,
    }
)

TASK: Table = MappingProxyType(
    {
        (Status.PENDING, Phase.TASK_SKIPPED): Status.SKIPPED,
        (Status.PENDING, Phase.TASK_FAULTED): Status.FAULTED,
        (Status.PENDING, Phase.TASK_CANCELLED): Status.CANCELLED,
        (Status.PENDING, Phase.TASK_STARTED): Status.RUNNING,
        (Status.RUNNING, Phase.TASK_RECEIVED): Status.RUNNING,
        (Status.RUNNING, Phase.TASK_COMPLETED): Status.COMPLETED,
        (Status.RUNNING, Phase.TASK_FAULTED): Status.FAULTED,
        (Status.RUNNING, Phase.TASK_CANCELLED): Status.CANCELLED,
        **{
            (status, phase): status
            for status in (Status.COMPLETED, Status.FAULTED, Status.CANCELLED)
            for phase in (Phase.TASK_SETTLED, Phase.TASK_UNDONE)
        },
        **{
            (status, phase): status
            for status in (Status.PENDING, Status.RUNNING)
            for phase in (Phase.INCIDENT_OPENED, Phase.INCIDENT_SKIPPED, Phase.INCIDENT_FAILED, Phase.TASK_RETRIED)
        },
    }
)

# How a phase that ends an instance leaves it; the one place where the engine turns a status into a phase.
ENDINGS: Mapping[Status, Phase] = MappingProxyType(
    {after: phase for (_, phase), after in WORKFLOW.items() if after in TERMINAL}
)
