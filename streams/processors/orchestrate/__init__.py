"""Station 3, orchestrate: the engine on the inbox. It owns the topics on which an instance lives."""

from functools import cache

from streams.ground.topic import DAY_MS, Topic
from streams.runtime.declaration import Declaration

INBOX = Topic(
    name="engine.inbox.instance.v1",
    messages=("StartInstance", "StepResult", "TimerFired", "CancelInstance"),
    written_by="the gateway",
)
HISTORY = Topic(name="engine.history.instance.v1", messages=("HistoryEntry",), retention_ms=90 * DAY_MS)


@cache
def outcome_topic(workflow: str) -> Topic:
    """The topic on which the outcomes of a workflow appear, once per instance; made when it is deployed."""
    return Topic(name=f"engine.outcome.{workflow}.v1", messages=("InstanceOutcome",), retention_ms=30 * DAY_MS)


DECLARATION = Declaration(
    name="orchestrate",
    summary="Takes every instance from its start to its outcome.",
    worker="engine",
    make="streams.processors.orchestrate.processor:Orchestrate",
    reads=(INBOX,),
    writes=(INBOX, HISTORY),
    table="instance",
)
