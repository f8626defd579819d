"""Kill -9 at every named point of the write order, at its first and at a later occurrence, for every kind."""

import pytest

from streams.runtime.crash import POINTS
from tests.crash.conftest import MakeScenario
from tests.crash.toys import KINDS, Booker

KILLED = -9
NEEDS_TABLE = {"after_changelog", "after_store", "after_recovery"}
HOSTED = ("tally", "relay", "booker", "reminder")
CASES = [(kind, point) for kind in HOSTED for point in POINTS if KINDS[kind].has_table or point not in NEEDS_TABLE]
ONCE_A_START = {"after_recovery", "after_fence"}


@pytest.mark.crash
@pytest.mark.parametrize(("kind", "point"), CASES)
def test_kill_at_this_point_changes_nothing(scenario: MakeScenario, kind: str, point: str) -> None:
    run = scenario(kind)
    run.max_doubts = 2 * Booker.concurrency
    for count in (1, 2 if point == "after_recovery" else 1 if point in ONCE_A_START else 5):
        run.publish(run.inputs(150))
        run.note(f"kill at {point}:{count}")
        run.workers.start("w", crash_at=f"{run.name}:{point}:{count}", restarts=False)
        run.wait_under_load("killed", lambda: run.workers.exit_code("w") is not None)
        assert run.workers.exit_code("w") == KILLED, run.report(["the worker did not reach the point"])
    run.workers.start("w")
    run.publish(run.inputs(50))
    run.finish()
