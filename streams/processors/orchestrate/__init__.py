"""Station 3, orchestrate: the engine on the inbox. It owns the topics on which an instance lives."""

from dataclasses import dataclass

from prometheus_client import Counter, Histogram

from streams.ground.metrics import SECONDS
from streams.ground.setting import Group, setting
from streams.ground.topic import DAY_MS, Topic
from streams.runtime.declaration import Declaration

INBOX = Topic(
    name="engine.inbox.instance.v1",
    messages=(
        "StartInstance",
        "StepResult",
        "TimerFired",
        "CancelInstance",
        "RepairStep",
        "StepRetrying",
        "ControlInstance",
        "EventReceived",
    ),
    written_by="the gateway",
)
CORRELATION = Topic(
    name="engine.correlation.key.v1",
    messages=("AwaitEvent", "CancelAwait", "OfferedEvent", "GatheredEvent"),
    key="correlation key",
)
HISTORY = Topic(name="engine.history.instance.v1", messages=("HistoryEntry",), retention_ms=90 * DAY_MS)
DEADLINES = Topic(name="engine.deadline.instance.v1", messages=("InstanceDeadline",))
INCIDENTS = Topic(name="engine.incident.instance.v1", messages=("Incident",), retention_ms=90 * DAY_MS)
ACTS = Topic(name="engine.act.instance.v1", messages=("InstanceAct",), retention_ms=90 * DAY_MS)

ENGINE_STEPS = Counter("exlify_engine_steps_total", "Inbox records that the engine took.", ["cause"])
INSTANCES = Counter(
    "exlify_instances_total",
    "Instances by workflow and status: started, completed, faulted, cancelled.",
    ["workflow", "status"],
)
INCIDENT_CHANGES = Counter(
    "exlify_incidents_total",
    "Incidents by workflow and what became of them: open, retried, skipped, failed, cancelled.",
    ["workflow", "status"],
)
INSTANCE_SECONDS = Histogram(
    "exlify_instance_seconds", "From the start of an instance to its outcome.", ["workflow"], buckets=SECONDS
)


@dataclass(frozen=True, kw_only=True)
class OrchestrateSettings(Group):
    """The engine."""

    deduplication_window_ms: int = setting(
        "EXLIFY_DEDUPLICATION_WINDOW_MS",
        7 * DAY_MS,
        "How long an ended instance is remembered, so that its event starts no other",
        minimum=1,
    )


DECLARATION = Declaration(
    name="orchestrate",
    summary="Takes every instance from its start to its outcome.",
    worker="engine",
    make="streams.processors.orchestrate.processor:Orchestrate",
    local="streams.processors.orchestrate.local:Unattended",
    reads=(INBOX,),
    writes=(INBOX, HISTORY, INCIDENTS, ACTS, CORRELATION, DEADLINES),
    table="instance",
    settings=(OrchestrateSettings,),
    metrics=(ENGINE_STEPS, INSTANCES, INCIDENT_CHANGES, INSTANCE_SECONDS),
    rows="streams.processors.orchestrate.rows:ROWS",
)
