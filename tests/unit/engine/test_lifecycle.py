"""The tables of states and transitions."""

from __future__ import annotations

from schemas.lifecycle import TERMINAL, Phase, Status
from streams.engine.lifecycle import ENDINGS, TASK, WORKFLOW


def test_terminal_status_is_never_left() -> None:
    for table in (WORKFLOW, TASK):
        assert not any(
            before in TERMINAL | {Status.SKIPPED} and after is not before for (before, _), after in table.items()
        )


def test_every_status_can_be_reached() -> None:
    reached = (
        {Status.PENDING, Status.WAITING, Status.INCIDENT, Status.UNDOING} | set(WORKFLOW.values()) | set(TASK.values())
    )
    assert reached == set(Status)


def test_every_phase_stands_in_a_table() -> None:
    assert {phase for _, phase in [*WORKFLOW, *TASK]} == set(Phase)


def test_each_terminal_status_has_its_phase() -> None:
    assert ENDINGS == {
        Status.COMPLETED: Phase.WORKFLOW_COMPLETED,
        Status.FAULTED: Phase.WORKFLOW_FAULTED,
        Status.CANCELLED: Phase.WORKFLOW_CANCELLED,
    }
