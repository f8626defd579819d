"""Deploys a definition: checks it, makes the topic of its outcomes, and publishes it under its digest."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from schemas.codec import Codec
from schemas.functions import Function
from schemas.messages import WORKFLOW_DEFINITION
from streams import language
from streams.definitions import DEFINITIONS, outcome_topic
from streams.definitions.outcome_types import OutcomeType, declared, registered
from streams.ground.provision import provision
from streams.ground.publish import Outgoing, Publishing
from streams.ground.settings import Settings
from streams.ground.topic import own_step_topic
from streams.language.constructs.call import Call
from streams.language.graph import Graph


async def deploy(
    publisher: Publishing,
    codec: Codec,
    settings: Settings,
    yaml: str,
    functions: Mapping[str, Function],
    *,
    by: str,
    file: str = language.UNNAMED,
) -> Graph:
    """Publishes a definition and gives its graph; from its acknowledgement on, every worker may start instances of it.

    Raises DefinitionError with every fault, UnavailableError if Kafka or the registry does not answer. Deploying the
    same text again is harmless.
    """
    graph = await asyncio.to_thread(language.load, yaml, file, functions)
    await provision(settings, (outcome_topic(graph.name), *map(own_step_topic, own_functions(graph, functions))))
    outcome = await registered(codec, declared(graph))
    await put_in_front(publisher, codec, graph, yaml, outcome, by=by)
    return graph


async def put_in_front(
    publisher: Publishing, codec: Codec, graph: Graph, yaml: str, outcome: OutcomeType | None, *, by: str
) -> dict[str, Any]:
    """Publishes a definition that is in order, so that new instances start on it; gives what was said."""
    told = described(graph, yaml, by, time.time_ns() // 1_000_000)
    if outcome is not None:
        told |= outcome.fields()
    value = codec.encode(WORKFLOW_DEFINITION, told)
    await publisher.publish([Outgoing(DEFINITIONS, graph.digest.encode(), value)])
    return told


def own_functions(graph: Graph, functions: Mapping[str, Function]) -> list[str]:
    """The own functions that a definition calls."""
    called = dict.fromkeys(task.function for task in graph.tasks if isinstance(task, Call))
    return [name for name in called if functions[name].own]


def described(graph: Graph, yaml: str, by: str, at_ms: int) -> dict[str, Any]:
    """The message WorkflowDefinition of a graph."""
    return {
        "digest": graph.digest,
        "name": graph.name,
        "version": graph.version,
        "namespace": graph.namespace,
        "yaml": yaml,
        "event_types": list(graph.event_types),
        "deployed_at_ms": at_ms,
        "deployed_by": by,
    }
