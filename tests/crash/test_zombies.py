"""A worker that is stopped for longer than its session, replaced, and woken: it must end or be harmless.

The first worker is stopped (SIGSTOP) at a named point of the write order. A second one, with a state folder of its own,
takes over and goes on with the same keys. Then the first one wakes up in the middle of what it was doing.
"""

import signal

import pytest

from streams.ground.topic import changelog
from streams.runtime.crash import POINTS
from tests.crash.harness import COMPACTING, PARTITIONS, Scenario
from tests.crash.inputs import TABLE
from tests.crash.points import LATER, scenarios
from tests.crash.scenarios import MakeScenario

USUALLY_LATER = 3


def replace_stopped_workers(runs: list[Scenario], point: str) -> None:
    """Stops a worker of each at the point, and has another one do what is there."""
    for run in runs:
        run.publish(run.inputs(100))
        count = 1 if point in LATER else USUALLY_LATER
        run.workers.start("stopped", crash_at=f"{run.name}:{point}:{count}:stop")
    for run in runs:
        run.wait_under_load(f"stopped at {point}", lambda run=run: run.workers.is_stopped("stopped"))  # type: ignore[misc]
        run.publish(run.inputs(100))
        run.workers.start("successor")
    for run in runs:
        run.drain()
        run.publish(run.inputs(50))
        run.drain()


def wake(run: Scenario) -> None:
    """Lets the stopped worker go on, with more to do."""
    run.workers.signal("stopped", signal.SIGCONT)
    run.note("woken")
    run.publish(run.inputs(100))


@pytest.mark.crash
@pytest.mark.parametrize("point", POINTS)
def test_woken_zombie_does_no_harm(scenario: MakeScenario, point: str) -> None:
    runs = scenarios(scenario, point)
    replace_stopped_workers(runs, point)
    for run in runs:
        wake(run)
    for run in runs:
        run.finish()


@pytest.mark.crash
@pytest.mark.parametrize("point", ["after_handle", "after_outputs", "after_changelog", "after_store"])
def test_compaction_does_not_help_the_zombie(scenario: MakeScenario, point: str) -> None:
    runs = [scenario(kind, changelog_config=COMPACTING) for kind in ("tally", "booker")]
    replace_stopped_workers(runs, point)
    for run in runs:
        wait_for_compaction(run)
        wake(run)
    for run in runs:
        run.drain()
        wait_for_compaction(run)
        run.finish()


def wait_for_compaction(run: Scenario) -> None:
    """Writes on until the cleaner has been at what was there, in every partition."""
    topic = changelog(run.name, TABLE).name
    until = run.log.ends(topic, PARTITIONS)

    def compacted() -> bool:
        kept = [record for record in run.log.read(topic, PARTITIONS) if record.offset < until[record.partition]]
        return all(sum(record.partition == number for record in kept) < end for number, end in enumerate(until))

    run.wait_under_load("compacted", compacted)
