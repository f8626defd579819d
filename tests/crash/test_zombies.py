"""A worker that is stopped for longer than its session, replaced, and woken: it must end or be harmless.

The first worker is stopped (SIGSTOP) at a named point of the write order. A second one, with a state folder of its own,
takes over and goes on with the same keys. Then the first one wakes up in the middle of what it was doing.
"""

import signal

import pytest

from streams.runtime.crash import POINTS
from streams.topics import changelog_topic
from tests.crash.conftest import MakeScenario
from tests.crash.harness import COMPACTING, PARTITIONS, Scenario
from tests.crash.test_kill_points import HOSTED, NEEDS_TABLE, ONCE_A_START
from tests.crash.toys import KINDS, TABLE, Booker

CASES = [(kind, point) for kind in HOSTED for point in POINTS if KINDS[kind].has_table or point not in NEEDS_TABLE]


def replace_stopped_worker(run: Scenario, point: str) -> None:
    """Stops a worker at the point, and has another one do what is there."""
    run.publish(run.inputs(100))
    run.workers.start("stopped", crash_at=f"{run.name}:{point}:{1 if point in ONCE_A_START else 3}:stop")
    run.wait_under_load(f"stopped at {point}", lambda: run.workers.is_stopped("stopped"))
    run.publish(run.inputs(100))
    run.workers.start("successor")
    run.drain()
    run.publish(run.inputs(50))
    run.drain()


def wake(run: Scenario) -> None:
    """Lets the stopped worker go on, with more to do."""
    run.workers.signal("stopped", signal.SIGCONT)
    run.note("woken")
    run.publish(run.inputs(100))
    run.drain()


@pytest.mark.crash
@pytest.mark.parametrize(("kind", "point"), CASES)
def test_woken_zombie_does_no_harm(scenario: MakeScenario, kind: str, point: str) -> None:
    run = scenario(kind)
    run.max_doubts = Booker.concurrency
    replace_stopped_worker(run, point)
    wake(run)
    run.finish()


@pytest.mark.crash
@pytest.mark.parametrize("point", ["after_handle", "after_outputs", "after_changelog", "after_store"])
@pytest.mark.parametrize("kind", ["tally", "booker"])
def test_compaction_does_not_help_the_zombie(scenario: MakeScenario, kind: str, point: str) -> None:
    run = scenario(kind, changelog_config=COMPACTING)
    run.max_doubts = Booker.concurrency
    replace_stopped_worker(run, point)
    wait_for_compaction(run)
    wake(run)
    wait_for_compaction(run)
    run.finish()


def wait_for_compaction(run: Scenario) -> None:
    """Writes on until the cleaner has been at what was there, in every partition."""
    topic = changelog_topic(run.name, TABLE)
    until = run.log.ends(topic, PARTITIONS)

    def compacted() -> bool:
        kept = [record for record in run.log.read(topic, PARTITIONS) if record.offset < until[record.partition]]
        return all(sum(record.partition == number for record in kept) < end for number, end in enumerate(until))

    run.wait_under_load("compacted", compacted)
