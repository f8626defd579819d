"""A consumer slower than its input: memory stays bounded, and pausing neither loses a record nor lets one overtake."""

import pytest

from tests.crash.scenarios import MakeScenario

MEBIBYTE = 2**20


@pytest.mark.crash
def test_paused_partitions_deliver_every_record_in_order(scenario: MakeScenario) -> None:
    run = scenario("tally", EXLIFY_MAX_BUFFERED_RECORDS="10", EXLIFY_MAX_BATCH_RECORDS="4")
    run.publish(run.inputs(20_000))
    run.workers.start("w")
    run.finish()  # the digests of tally change with every record that is missing or out of order


@pytest.mark.crash
def test_pause_does_not_outlive_a_rebalance(scenario: MakeScenario) -> None:
    run = scenario("booker", EXLIFY_MAX_BUFFERED_RECORDS="4", EXLIFY_SESSION_TIMEOUT_MS="20000")
    run.max_doubts = 0  # who gives its partitions up in order finishes its calls first
    run.publish(run.inputs(1_500))
    run.workers.start("a")
    for name in ("b", "c"):
        run.wait_for_progress(100)
        run.workers.start(name)
    run.finish()


@pytest.mark.crash
def test_backlog_larger_than_memory_stays_in_kafka(scenario: MakeScenario) -> None:
    run = scenario("booker", EXLIFY_MAX_BUFFERED_RECORDS="50")
    for _ in range(300):
        run.send(b"large", b"0:" + b"x" * MEBIBYTE)
    run.flush()
    run.workers.start("w")
    largest = 0

    def read() -> bool:
        nonlocal largest
        largest = max(largest, run.workers.resident_bytes("w"))
        return run.progress() >= 300

    run.wait_until("read", read)
    assert largest < 300 * MEBIBYTE, f"{largest / MEBIBYTE:.0f} MiB for a backlog of 300 MiB"
