"""Records that a worker dies over: parked after a trial, while everything else is as in a run without them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams.runtime.trial import START_S, WAIT_S
from tests.crash.harness import Scenario
from tests.crash.logs import header
from tests.crash.scenarios import MakeScenario

ITEMS = 200
MEMORY = str(4 * 2**30)
TRIALS_S = 3 * (START_S + WAIT_S)  # of two records together, and of each by itself


LONGER = pytest.mark.crash
DEATHS = [
    pytest.param("victim", b"kill", marks=pytest.mark.crash_smoke),
    pytest.param("victim", b"hog", marks=pytest.mark.crash_smoke),
    pytest.param("victim", b"spin", marks=LONGER),
    pytest.param("prey", b"kill", marks=pytest.mark.crash_smoke),
    pytest.param("prey", b"hog", marks=LONGER),
    pytest.param("prey", b"spin", marks=LONGER),
]


@pytest.mark.parametrize(("kind", "how"), DEATHS)
def test_deadly_record_is_parked_and_the_rest_counts(scenario: MakeScenario, kind: str, how: bytes) -> None:
    run = scenario(kind, EXLIFY_TOY_MEMORY=MEMORY, EXLIFY_STALL_TIMEOUT_MS="4000")
    run.publish(run.inputs(ITEMS // 2))
    run.send(b"k1", how)
    run.publish(run.inputs(ITEMS // 2))
    run.workers.start("w")
    run.wait_until("tried", run.drained, TRIALS_S)
    run.finish()
    (parked,) = run.parked()
    assert (parked.key, parked.value) == (b"k1", how)
    assert b"tried" in header(parked, "parked.reason")
    assert len(run.workers.exits) == 2


@pytest.mark.parametrize(
    "kind", [pytest.param("victim", marks=pytest.mark.crash_smoke), pytest.param("prey", marks=LONGER)]
)
def test_record_under_which_somebody_kills_three_times_is_innocent(
    scenario: MakeScenario, tmp_path: Path, kind: str
) -> None:
    mark = tmp_path / "slow"
    run = scenario(kind, EXLIFY_TOY_MARK=str(mark))
    run.publish(run.inputs(ITEMS // 2))
    run.send(b"k1", b"slow")
    run.publish(run.inputs(ITEMS // 2))
    run.workers.start("w")
    for _ in range(3):
        killed_under(run, mark)
        run.workers.start("w")
    run.finish()
    assert run.parked() == []


def killed_under(run: Scenario, mark: Path) -> None:
    """Kills the worker while the slow record is under way."""
    mark.unlink(missing_ok=True)
    run.wait_until("slow record under way", mark.exists)
    time.sleep(0.1)
    run.workers.kill("w")
