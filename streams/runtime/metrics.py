"""What the runtime tells about every processor; labels never hold personal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from schemas.reasons import Effect, Reason
from streams.ground.metrics import SECONDS, remembered

RECORDS = Counter("exlify_records_total", "Records finished, by processor and topic.", ["processor", "topic"])
PARKED = Counter(
    "exlify_parked_records_total",
    "Records that could not be used and went to the parking topic, by the topic they came from. Look at any.",
    ["processor", "topic"],
)
PARKING_HELD = Gauge(
    "exlify_parking_held",
    "Partitions that stand since more of their records would be parked than may be in a minute. Stop the bad deploy.",
    ["processor", "topic"],
)
HOP_SECONDS = Histogram(
    "exlify_hop_seconds",
    "From a record's timestamp to its handling, the first of every batch.",
    ["processor"],
    buckets=SECONDS,
)
LAG = Gauge(
    "exlify_consumer_lag_records",
    "Records that a processor has not read yet. Rising: add workers.",
    ["processor", "topic"],
)
STANDING = Gauge(
    "exlify_position_standing_seconds",
    "For how long the position of a partition with work has not moved; of the one that has stood longest.",
    ["processor", "topic"],
)
LANES = Gauge("exlify_lanes", "Partition numbers that a processor owns in this process.", ["processor"])
SHORTENED = Counter(
    "exlify_shortened_inputs_total",
    "Partitions that ended before what had been read of them: a broker lost records, or a topic was made anew.",
    ["processor", "topic"],
)
RECOVERED = Counter("exlify_recovered_records_total", "Changelog records read at recovery.", ["processor"])
REBALANCES = Counter("exlify_rebalances_total", "Assignments taken. Many: members come and go.", ["processor"])
READY = Gauge("exlify_ready", "1 once a processor has its partitions and its state.", ["processor"])

STEPS = Counter(
    "exlify_steps_total",
    "Steps carried out, by function and result (a reason, OK if it went well).",
    ["function", "result"],
)
IN_DOUBT = Counter(
    "exlify_steps_in_doubt_total",
    "Steps of which nobody can tell whether the system outside has changed. Each needs somebody who looks.",
    ["function"],
)

records_of, hop_of, _steps = remembered(RECORDS), remembered(HOP_SECONDS), remembered(STEPS)


def count_step(function: str, result: Mapping[str, Any]) -> None:
    """Counts a step by the fields of its StepResult."""
    error = result["error"]
    _steps(function, error["reason"] if error else Reason.OK.value).inc()
    if error and error["effect"] == Effect.UNKNOWN.value:
        IN_DOUBT.labels(function).inc()


ALL = (
    STEPS,
    IN_DOUBT,
    RECORDS,
    PARKED,
    PARKING_HELD,
    HOP_SECONDS,
    LAG,
    STANDING,
    LANES,
    SHORTENED,
    RECOVERED,
    REBALANCES,
    READY,
)
