"""Kill -9 at every named point of the write order, at its first and at a later occurrence, for every kind."""

import pytest

from streams.runtime.crash import POINTS
from tests.crash.points import KILLED, LATER, scenarios
from tests.crash.scenarios import MakeScenario

USUALLY_LATER = 5


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
