"""Station 3, orchestrate: the engine on the inbox. It owns the topics on which an instance lives."""

from prometheus_client import Counter, Histogram

from streams.ground.metrics import SECONDS
from streams.ground.topic import DAY_MS, Topic
from streams.runtime.declaration import Declaration

INBOX = Topic(
    name="engine.inbox.instance.v1",
    messages=("StartInstance", "StepResult", "TimerFired", "CancelInstance"),
    written_by="the gateway",
)
HISTORY = Topic(name="engine.history.instance.v1", messages=("HistoryEntry",), retention_ms=90 * DAY_MS)


ENGINE_STEPS = Counter("exlify_engine_steps_total", "Inbox records that the engine took.", ["cause"])
INSTANCES = Counter(
    "exlify_instances_total",
    "Instances by workflow and status: started, completed, faulted, cancelled.",
    ["workflow", "status"],
)
INSTANCE_SECONDS = Histogram(
    "exlify_instance_seconds", "From the start of an instance to its outcome.", ["workflow"], buckets=SECONDS
)

DECLARATION = Declaration(
    name="orchestrate",
    summary="Takes every instance from its start to its outcome.",
    worker="engine",
    make="streams.processors.orchestrate.processor:Orchestrate",
    reads=(INBOX,),
    writes=(INBOX, HISTORY),
    table="instance",
    metrics=(ENGINE_STEPS, INSTANCES, INSTANCE_SECONDS),
    rows="streams.processors.orchestrate.rows:ROWS",
)
