"""Kill -9 at every named point of the write order, at its first and at a later occurrence, for every kind."""

import pytest

from streams.runtime.crash import POINTS
from tests.crash.conftest import MakeScenario
from tests.crash.harness import Scenario
from tests.crash.toys import KINDS

KILLED = -9
HOSTED = ("tally", "relay", "booker", "reminder")
NEEDS_TABLE = {"after_changelog", "after_store", "after_recovery"}
LATER = {"after_fence": 1, "after_recovery": 2}  # these are reached once a start, and once a partition
USUALLY_LATER = 5


def scenarios(make: MakeScenario, point: str) -> list[Scenario]:
    """One of each kind that comes to this point. They run side by side: most of the time they wait."""
    return [make(kind) for kind in HOSTED if KINDS[kind].has_table or point not in NEEDS_TABLE]


@pytest.mark.crash
@pytest.mark.parametrize("point", POINTS)
def test_kill_at_this_point_changes_nothing(scenario: MakeScenario, point: str) -> None:
    runs = scenarios(scenario, point)
    for count in (1, LATER.get(point, USUALLY_LATER)):
        for run in runs:
            run.publish(run.inputs(150))
            run.note(f"kill at {point}:{count}")
            run.workers.start("w", crash_at=f"{run.name}:{point}:{count}", restarts=False)
        for run in runs:
            run.wait_under_load("killed", lambda run=run: run.workers.exit_code("w") is not None)  # type: ignore[misc]
            assert run.workers.exit_code("w") == KILLED, run.report(["the worker did not reach the point"])
    for run in runs:
        run.workers.start("w")
        run.publish(run.inputs(50))
    for run in runs:
        run.finish()
