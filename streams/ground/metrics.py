"""Every metric, once: name, kind, labels, meaning, and what to do when it moves. Labels never hold personal data."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400)

# intake
INTAKE = Counter(
    "exlify_intake_events_total",
    "Business events read, by what became of them: started, unmatched or parked.",
    ["result"],
)
ACCEPTED = Counter(
    "exlify_gateway_events_total", "Events offered over HTTP, by answer: accepted or the problem's status.", ["result"]
)

# engine
STEPS = Counter("exlify_steps_total", "Steps carried out, by function and result.", ["function", "result"])
ENGINE_STEPS = Counter("exlify_engine_steps_total", "Inbox records that the engine took.", ["cause"])
INSTANCES = Counter(
    "exlify_instances_total",
    "Instances by workflow and status: started, completed, faulted, cancelled.",
    ["workflow", "status"],
)
INSTANCE_SECONDS = Histogram(
    "exlify_instance_seconds", "From the start of an instance to its outcome.", ["workflow"], buckets=SECONDS
)
OLDEST_SECONDS = Gauge(
    "exlify_oldest_instance_seconds",
    "Age of the oldest instance that has not ended. Rising without end: something is stuck.",
    ["workflow"],
)

# runtime
RECORDS = Counter("exlify_records_total", "Records finished, by processor and topic.", ["processor", "topic"])
PARKED = Counter(
    "exlify_parked_records_total",
    "Records that could not be read and went to the parking topic. Look at any.",
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
LANES = Gauge("exlify_lanes", "Partition numbers that a processor owns in this process.", ["processor"])
RECOVERED = Counter("exlify_recovered_records_total", "Changelog records read at recovery.", ["processor"])
REBALANCES = Counter("exlify_rebalances_total", "Assignments taken. Many: members come and go.", ["processor"])
READY = Gauge("exlify_ready", "1 once a processor has its partitions and its state.", ["processor"])

# decisions
DECISIONS = Counter("exlify_decisions_total", "Decisions by model and route.", ["model", "route"])

# definitions
DEFINITIONS = Gauge("exlify_definitions", "Definitions known to this process, by state: usable or broken.", ["state"])
