"""The short subset of the crash suite that runs with the other tests."""

import signal

import pytest

from tests.crash.points import KILLED
from tests.crash.scenarios import MakeScenario


@pytest.mark.crash_smoke
@pytest.mark.parametrize(
    ("kind", "point"), [("tally", "after_outputs"), ("booker", "after_changelog"), ("own", "after_changelog")]
)
def test_kill_between_two_writes_changes_nothing(scenario: MakeScenario, kind: str, point: str) -> None:
    run = scenario(kind)
    run.publish(run.inputs(100))
    run.workers.start("w", crash_at=f"{run.name}:{point}:3", restarts=False)
    run.wait_until("killed", lambda: run.workers.exit_code("w") is not None)
    assert run.workers.exit_code("w") == KILLED
    run.workers.start("w")
    run.finish()


@pytest.mark.crash_smoke
def test_woken_zombie_leaves_the_state_right(scenario: MakeScenario) -> None:
    run = scenario("tally")
    run.publish(run.inputs(100))
    run.workers.start("stopped", crash_at=f"{run.name}:after_outputs:3:stop")
    run.wait_until("stopped", lambda: run.workers.is_stopped("stopped"))
    run.workers.start("successor")
    run.drain()
    run.workers.signal("stopped", signal.SIGCONT)
    run.publish(run.inputs(100))
    run.finish()
