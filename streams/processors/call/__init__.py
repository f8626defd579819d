"""Station 4, call: steps that ask an outside system, by the operations that connectors declare."""

from prometheus_client import Histogram

from connectors.catalogue import OPERATIONS
from streams.ground.metrics import SECONDS as BUCKETS
from streams.processors.orchestrate import INBOX
from streams.runtime.declaration import Declaration

SECONDS = Histogram(
    "exlify_call_seconds",
    "From the moment a call is made to its outcome, waiting for a place and short retries included.",
    ["function", "result"],
    buckets=BUCKETS,
)

DECLARATION = Declaration(
    name="call",
    summary="Carries out steps that ask an outside system.",
    worker="steps",
    make="streams.processors.call.processor:Call",
    writes=(INBOX,),
    table="call",
    functions=OPERATIONS,
    metrics=(SECONDS,),
)
