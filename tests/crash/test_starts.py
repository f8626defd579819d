"""Starts with a backlog and a table, where stock Faust drops what it had queued while it recovered."""

import pytest

from tests.crash.scenarios import MakeScenario

RESTARTS = 40
FRESH = 10
BACKLOG = 60


@pytest.mark.crash
def test_restart_with_backlog_misses_nothing(scenario: MakeScenario) -> None:
    run = scenario("tally", EXLIFY_SESSION_TIMEOUT_MS="1000")
    for _ in range(RESTARTS):
        run.publish(run.inputs(BACKLOG))
        run.workers.start("w")
        run.drain()
        run.workers.stop("w")
    problems = run.problems()
    assert not problems, run.report(problems)


@pytest.mark.crash
@pytest.mark.parametrize("_", range(FRESH))
def test_first_start_with_backlog_misses_nothing(scenario: MakeScenario, _: int) -> None:
    run = scenario("tally")
    run.publish(run.inputs(2_000))
    run.workers.start("w")
    run.finish()
