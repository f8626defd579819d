"""What is told about messages that come in; labels are names of `messages.yaml`."""

from prometheus_client import Counter, Gauge

MESSAGES = Counter(
    "exlify_messages_total",
    "Messages of queues, topics and mailboxes, by what became of them: published or broken.",
    ["source", "fate"],
)
STUCK = Gauge(
    "exlify_messages_stuck",
    "1 while the messages of a source cannot be taken or published. The log of the gateway says why.",
    ["source"],
)

ALL = (MESSAGES, STUCK)
