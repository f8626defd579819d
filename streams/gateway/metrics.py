"""What the gateway tells about itself; labels never hold personal data."""

from prometheus_client import Counter

ACCEPTED = Counter(
    "exlify_gateway_events_total", "Events offered over HTTP, by answer: accepted or the problem's status.", ["result"]
)

UNMATCHED = Counter(
    "exlify_gateway_unmatched_events_total",
    "Events accepted over HTTP that no workflow waits for, as far as is known here.",
)

ALL = (ACCEPTED, UNMATCHED)
