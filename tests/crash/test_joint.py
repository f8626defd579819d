"""Kills between those who shared a write: their intents, of which some led to a call already, and their results."""

import pytest

from tests.crash.points import KILLED
from tests.crash.scenarios import MakeScenario
from tests.crash.toys import Booker

ITEMS = 150


@pytest.mark.crash_smoke
@pytest.mark.parametrize("point", ["after_intent", "after_finish"])
def test_kill_between_members_of_a_joint_write_changes_nothing(scenario: MakeScenario, point: str) -> None:
    run = scenario("booker")
    run.publish(run.inputs(ITEMS))
    for member in (Booker.concurrency // 2, 3 * Booker.concurrency + 1):
        run.note(f"kill at member {member}")
        run.workers.start("w", crash_at=f"{run.name}:{point}:{member}", restarts=False)
        run.wait_until("killed", lambda: run.workers.exit_code("w") is not None)
        assert run.workers.exit_code("w") == KILLED
    run.workers.start("w")
    run.finish()
