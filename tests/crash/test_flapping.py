"""Two workers that come and go, in order and not, while records flow: a sequence drawn from the seed."""

import signal

import pytest

from tests.crash.harness import Scenario
from tests.crash.scenarios import MakeScenario

CHANGES = 8
WAYS = ("stop", "kill", "stop for a while")


@pytest.mark.crash
@pytest.mark.parametrize("kind", ["tally", "relay", "booker", "reminder"])
def test_flapping_workers_lose_and_double_nothing(scenario: MakeScenario, kind: str) -> None:
    run = scenario(kind)
    for name in ("a", "b"):
        run.workers.start(name)
    for _ in range(CHANGES):
        run.publish(run.inputs(150))
        run.wait_for_progress(run.random.randrange(150))
        name, way = run.random.choice("ab"), run.random.choice(WAYS)
        run.note(f"{way} {name}")
        flap(run, name, way)
    run.finish()


def flap(run: Scenario, name: str, way: str) -> None:
    """One worker goes, in one of the ways, and comes back; the other one has its partitions meanwhile."""
    if way == "stop for a while":
        run.workers.signal(name, signal.SIGSTOP)
        run.drain()  # only the other one can have done it, once the session was over
        run.workers.signal(name, signal.SIGCONT)
        return
    if way == "kill":
        run.workers.kill(name)
    else:
        run.workers.stop(name)
    run.workers.start(name)
