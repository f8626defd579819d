"""The broker is killed and comes back, three times while records flow: nothing is lost and nothing is doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.kafka import KafkaServer
from tests.crash.scenarios import MakeScenario
from tests.support.servers import made

OUTAGES = 3


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker of this test's own, which it may kill."""
    server = made(KafkaServer, tmp_path / "broker")
    server.start()
    yield server
    server.stop()


@pytest.mark.crash
@pytest.mark.parametrize("kind", ["tally", "booker", "reminder"])
def test_broker_outages_lose_and_double_nothing(scenario: MakeScenario, mortal: KafkaServer, kind: str) -> None:
    run = scenario(kind, bootstrap=mortal.address)
    run.workers.start("w")
    for _ in range(OUTAGES):
        run.publish(run.inputs(300))
        run.wait_for_progress(run.random.randrange(150))
        run.note("broker killed")
        mortal.kill()
        mortal.start()
    run.publish(run.inputs(100))
    run.max_doubts = 16 * (OUTAGES + run.workers.launches)  # a call ends, and its result cannot be written
    run.finish()
