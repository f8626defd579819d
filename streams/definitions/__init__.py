"""Definitions at run time: deployed to a compacted topic, followed by every process that needs them.

    deploy ─▶ topic ─▶ feed (follows it) ─▶ book (what is known, which version is the latest, what an event starts)

A definition is published under its digest, for ever. The version that starts new instances of a workflow is the one
deployed last, so deploying an old file again is how to go back (`exlify definitions activate` does it). Whether a
workflow starts any stands there, too (`states`), and which versions were removed (`removing`): nobody can name them any
more, and what ran on them keeps its definition. A definition that no longer compiles is told, and holds
up nobody.
"""

from functools import cache

from prometheus_client import Gauge

from streams.ground.topic import DAY_MS, Keyed, Topic

DEFINITIONS = Topic(
    name="engine.state.definition.v1",
    messages=("WorkflowDefinition", "WorkflowState", "VersionRemoved", "OwnEventType"),
    keyed=Keyed.NONE,
    key="digest, with `removed:` before it of a removal; of a state, name of the workflow; event type and schema id",
    compacted=True,
    written_by="deploy",
)
OWN_FUNCTIONS = Topic(
    name="engine.state.function.v1",
    messages=("GenericEvent",),
    keyed=Keyed.NONE,
    key="name of the function",
    compacted=True,
    written_by="workers of own steps",
)


@cache
def outcome_topic(workflow: str) -> Topic:
    """The topic on which the outcomes of a workflow appear, once per instance; made when the workflow is deployed."""
    return Topic(
        name=f"engine.outcome.{workflow}.v1",
        messages=("InstanceOutcome",),
        written_by="orchestrate",
        retention_ms=30 * DAY_MS,
    )


KNOWN = Gauge("exlify_definitions", "Definitions known to this process, by state: usable or broken.", ["state"])

METRICS = (KNOWN,)
