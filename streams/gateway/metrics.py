"""What the gateway tells about itself; labels never hold personal data."""

from prometheus_client import Counter, Gauge

ACCEPTED = Counter(
    "exlify_gateway_events_total", "Events offered over HTTP, by answer: accepted or the problem's status.", ["result"]
)
UNHOSTED = Gauge(
    "exlify_own_steps_unhosted",
    "Commands of own functions that definitions call and nobody hosts now. Start their worker, and they go on.",
    ["function"],
)
UNHOSTED_PROCESSORS = Gauge(
    "exlify_processor_unhosted",
    "1 for each processor that no worker hosts now. What comes for it waits in Kafka.",
    ["processor"],
)

UNMATCHED = Counter(
    "exlify_gateway_unmatched_events_total",
    "Events accepted over HTTP that no workflow waits for, as far as is known here.",
)

ALL = (ACCEPTED, UNMATCHED, UNHOSTED, UNHOSTED_PROCESSORS)
