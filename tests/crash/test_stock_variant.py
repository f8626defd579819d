"""The same harness on the stock acknowledgement: it must report what is lost, or the suite proves nothing.

Each failure is one that the runtime of this project survives, shown by the same test with `variant` empty.
"""

from pathlib import Path

import pytest

from tests.crash.harness import Scenario
from tests.crash.scenarios import MakeScenario


def killed_behind_its_commit(run: Scenario, folder: Path) -> None:
    """Killed once positions are committed."""
    run.publish(run.inputs(3_000))
    run.workers.start("w", crash_at=f"{run.name}:after_commit:1", restarts=False)
    run.wait_until("killed", lambda: run.workers.exit_code("w") is not None)
    run.workers.start("w")
    run.drain()


def killed_before_it_sent(run: Scenario, folder: Path) -> None:
    """Killed in the middle of a backlog, after a handler has returned: the batch's outputs are not on the wire yet."""
    run.publish(run.inputs(3_000))
    run.workers.start("w", crash_at=f"{run.name}:after_store:40", restarts=False)
    run.wait_until("killed", lambda: run.workers.exit_code("w") is not None)
    run.workers.start("w")
    run.drain()


def handler_that_fails_once(run: Scenario, folder: Path) -> None:
    """A handler meets an outage in the middle, which is over when the record comes again."""
    items = run.inputs(500)
    marker = f"{items[250].id.decode()}={folder / 'failed'}"
    run.publish(items)
    run.workers.start("w", EXLIFY_TOY_FAIL_ONCE=marker)
    run.drain()


FAILURES = [killed_behind_its_commit, killed_before_it_sent, handler_that_fails_once]


@pytest.mark.crash
@pytest.mark.parametrize("failure", FAILURES)
def test_failure_is_survived_by_this_runtime(scenario: MakeScenario, tmp_path: Path, failure) -> None:  # type: ignore[no-untyped-def]
    run = scenario("tally", EXLIFY_COMMIT_INTERVAL_MS="20")
    failure(run, tmp_path)
    run.finish()


@pytest.mark.crash
@pytest.mark.parametrize("failure", FAILURES)
def test_failure_is_reported_of_stock_acknowledgement(scenario: MakeScenario, tmp_path: Path, failure) -> None:  # type: ignore[no-untyped-def]
    run = scenario("tally", EXLIFY_COMMIT_INTERVAL_MS="20", EXLIFY_TOY_VARIANT="stock")
    failure(run, tmp_path)
    run.workers.stop_all()
    problems = run.problems()
    assert any(problem.startswith("lost") for problem in problems), run.report(["the harness saw no loss", *problems])
