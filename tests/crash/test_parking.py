"""Records that nobody can read, among good ones: they are parked as they are, and their partition goes on."""

from hashlib import sha256

import pytest
from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.messages import TIMER_FIRED
from tests.crash.harness import Scenario
from tests.crash.logs import header
from tests.crash.scenarios import MakeScenario

GOOD = 300
UNREADABLE = {
    b"magic": b"\x07not framed at all",
    b"unknown id": b"\x00\x7f\xff\xff\xffbody",
    b"header only": b"\x00\x00\x00",
    b"empty": b"",
    b"large": b"\x00\x7f\xff\xff\xff" + b"x" * 2_000_000,
    b"none": None,
}


def good(codec: Codec, number: int) -> bytes:
    return codec.encode(TIMER_FIRED, {"instance_id": f"i{number}", "due_ms": number})


@pytest.mark.crash_smoke
def test_unreadable_records_are_parked_with_bytes_and_headers(scenario: MakeScenario) -> None:
    run = scenario("reader")
    codec = Codec.offline()
    bad = {**UNREADABLE, b"truncated": good(codec, 1)[:-1], b"goes on": good(codec, 1) + b"more"}
    for number in range(GOOD):
        run.send(b"k%d" % (number % 7), good(codec, number))
        if number % 30 == 15:
            for key, value in bad.items():
                run.send(key, value, [("ce_id", b"%d" % number), ("ce_id", b"again"), ("empty", None)])  # type: ignore[list-item]
    run.flush()
    run.workers.start("w")
    run.drain()
    run.workers.stop("w")
    assert {record.key for record in run.outputs()} == {b"i%d" % number for number in range(GOOD)}
    check_parked(run, bad)


@pytest.mark.crash_smoke
def test_record_that_only_compression_made_small_is_parked_by_place(scenario: MakeScenario) -> None:
    run = scenario("reader")
    large = b"\x00\x7f\xff\xff\xff" + b"x" * 5_000_000
    packed = {"bootstrap.servers": run.bootstrap, "compression.type": "lz4", "message.max.bytes": 10_000_000}
    producer = Producer(packed)
    producer.produce(f"{run.name}.in", large, b"k0", 0, headers=[("ce_id", b"1")])
    assert producer.flush(30) == 0
    for number in range(GOOD):
        run.send(b"k%d" % (number % 7), good(Codec.offline(), number))
    run.flush()
    run.workers.start("w")
    run.drain()
    assert run.workers.stop("w") == 0
    (parked,) = run.parked()
    assert (parked.key, parked.value) == (b"k0", None)
    assert header(parked, "parked.value_sha256") == sha256(large).hexdigest().encode()
    assert (header(parked, "parked.topic"), header(parked, "parked.offset")) == (f"{run.name}.in".encode(), b"0")


def check_parked(run: Scenario, bad: dict[bytes, bytes | None]) -> None:
    """Every unreadable record is there, unchanged, with what it brought and where it comes from."""
    sent = [record for record in run.log.read(f"{run.name}.in", 3) if record.key in bad]
    origin = {(int(header(r, "parked.partition")), int(header(r, "parked.offset"))): r for r in run.parked()}
    assert len(sent) == len(origin) == 10 * len(bad)
    for record in sent:
        parked = origin[record.partition, record.offset]
        assert (parked.key, parked.value) == (record.key, record.value)
        assert parked.headers[: len(record.headers)] == record.headers
        assert header(parked, "parked.reason")
