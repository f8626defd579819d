"""The figures of a load are those of a count by hand."""

from __future__ import annotations

from typing import Any

from streams.cli._behind import note
from streams.cli._load import Load


def outcome(number: int, status: str = "completed", reason: str | None = None) -> dict[str, Any]:
    error = None if status == "completed" else {"reason": reason, "title": "Away"}
    return {"instance_id": str(number), "status": status, "error": error}


def test_figures_are_those_of_what_was_sent_and_came_out() -> None:
    load = Load(sent={str(number): 1_000 + 100 * number for number in range(20)})  # ten a second, the last at 2,900
    for number in range(18):
        load.took(outcome(number), 1_000 + 100 * number + 50 + number)
    load.took(outcome(18, "faulted", "UNREACHED"), 4_000)
    load.took(outcome(18, "faulted", "UNREACHED"), 4_100)
    load.took(outcome(99), 4_200)  # of somebody else
    told = load.report(10, 2.0)
    assert (told["sent"], told["ended"], told["open"], told["repeated"]) == (20, 19, 1, 1)
    assert (told["statuses"], told["reasons"]) == ({"completed": 18, "faulted": 1}, {"UNREACHED": 1})
    assert told["latency_ms"] == {"p50": 59, "p95": 1_200, "p99": 1_200, "max": 1_200}
    assert (told["rate_sent"], told["throughput"]) == (10.0, round(19 / 3.0, 2))
    assert (told["open_when_sent"], told["kept_up"]) == (2, True)


def test_rate_that_is_too_high_is_told() -> None:
    load = Load(sent={str(number): 1_000 + number for number in range(1_000)})
    for number in range(1_000):
        load.took(outcome(number), 1_000 + 10 * number)
    told = load.report(1_000, 1.0)
    assert told["open_when_sent"] == 1_000 - 100 and told["throughput"] == round(1_000 / 9.99, 2)
    assert not Load(sent=dict.fromkeys(map(str, range(50)), 1)).report(100, 1.0)["kept_up"]  # half of what was wanted


def test_load_of_which_nothing_came_out_has_no_times() -> None:
    told = Load(sent={"1": 1}).report(1, 1.0)
    assert told["latency_ms"] == {"p50": None, "p95": None, "p99": None, "max": None} and told["open"] == 1


def test_recovery_is_until_no_more_are_open_than_before_the_faults() -> None:
    load = Load(sent={str(number): 1_000 * number for number in range(10)}, faulty_from_ms=3_500, faulty_until_ms=6_500)
    for number in range(4):
        load.took(outcome(number), 1_000 * number + 100)
    for number, at_ms in ((4, 7_100), (5, 7_200), (6, 7_300), (7, 7_400), (8, 8_100), (9, 9_100)):
        load.took(outcome(number), at_ms)
    assert load.recovery() == {"faults_ms": 3_000, "open_before": 1, "open_at_end": 3, "back_after_ms": 800}
    assert load.limits() == {"most_a_second": 4, "most_open": 4}
    assert Load(sent={"1": 1}).recovery() is None
    stuck = Load(sent={"1": 1, "2": 2}, faulty_from_ms=0, faulty_until_ms=5)
    assert (stuck.recovery() or {})["back_after_ms"] is None


def test_processor_that_fell_behind_most_is_told_first_with_all_that_it_had_to_read_at_once() -> None:
    load = Load()
    note(load.behind, [{"lag": {"intake": 5, "call": 0}}, {"lag": {"intake": 4}}, {"lag": {}}])
    note(load.behind, [{"lag": {"intake": 7, "call": 12}}, {"lag": {"intake": 0}}])
    assert list(load.report(1.0, 1.0)["behind"].items()) == [("call", 12), ("intake", 9)]
