"""History in, CloudEvents out, in the structured form of JSON: whoever subscribes needs neither Avro nor a registry.

It keeps nothing. An entry of history that comes again gives the same events again, with the same ids, and entries of an
instance come in their order. Definitions are read for the namespace, and for which tasks listen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from schemas.cloudevents import SPEC_VERSION
from schemas.lifecycle import Phase
from schemas.messages import HISTORY_ENTRY
from schemas.payload import Json, UnreadablePayloadError
from schemas.times import rfc3339
from streams.language.constructs.listen import Listen
from streams.language.graph import Graph
from streams.processors import lifecycle
from streams.processors.context import Context
from streams.processors.lifecycle import LIFECYCLE, OFF, OUTPUTS, TASKS, LifecycleSettings
from streams.processors.sought import Sought
from streams.runtime.processor import Effects, FastProcessor, Message, Output, StateView

PREFIX = "io.serverlessworkflow."
CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=UTF-8")
ERROR_MEMBERS = ("type", "title", "status", "detail", "instance")
# What is told of each phase, and the name of the time in it.
OF_INSTANCES = {
    Phase.WORKFLOW_STARTED: ("started", "startedAt"),
    Phase.WORKFLOW_SUSPENDED: ("suspended", "suspendedAt"),
    Phase.WORKFLOW_RESUMED: ("resumed", "resumedAt"),
    Phase.WORKFLOW_CANCELLED: ("cancelled", "cancelledAt"),
    Phase.WORKFLOW_FAULTED: ("faulted", "faultedAt"),
    Phase.WORKFLOW_COMPLETED: ("completed", "completedAt"),
}
OF_TASKS = {
    Phase.TASK_STARTED: ("started", "startedAt"),
    Phase.TASK_RETRIED: ("retried", "retriedAt"),
    Phase.TASK_CANCELLED: ("cancelled", "cancelledAt"),
    Phase.TASK_FAULTED: ("faulted", "faultedAt"),
    Phase.TASK_COMPLETED: ("completed", "completedAt"),
}
OF_LISTENING = {
    Phase.TASK_STARTED: ("correlation-started", "startedAt"),
    Phase.TASK_COMPLETED: ("correlation-completed", "completedAt"),
}


class Lifecycle(FastProcessor):
    """One event for each change that the language has an event for."""

    declaration = lifecycle.DECLARATION

    def __init__(self, context: Context) -> None:
        self._definitions = context.definitions
        self._told = context.settings.of(LifecycleSettings).told
        self._sought = Sought(context.definitions)
        self._listening: dict[str, frozenset[str]] = {}  # pointers of tasks that listen, by digest

    async def open(self) -> None:
        """Waits until the definitions deployed so far are known."""
        await self._definitions.start()

    def handle(self, batch: Sequence[Message], state: StateView) -> Effects:
        """The events of each entry, in the order of its changes."""
        effects, told = Effects([], {}), Counter[str]()
        for message in batch if self._told != OFF else ():
            if message.name == HISTORY_ENTRY:
                graph = self._sought.graph(message.data["digest"], lambda: _digests(batch))
                for event in self._events(message.data, graph):
                    told[event["type"]] += 1
                    effects.outputs.append(Output(LIFECYCLE, message.record.key, orjson.dumps(event), (CONTENT_TYPE,)))
        effects.counts += [partial(_count, kind, number) for kind, number in told.items()]
        return effects

    def _events(self, entry: Mapping[str, Any], graph: Graph | None) -> Iterator[dict[str, Json]]:
        namespace = graph.namespace if graph is not None else ""
        name = ".".join(filter(None, (f"{entry['workflow']}-{entry['instance_id']}", namespace)))
        at = rfc3339(entry["at_ms"])
        listening = self._listens(entry["digest"], graph)
        for number, change in enumerate(entry["transitions"]):
            for kind, data in self._told_of(change, name, at, listening):
                if kind == "workflow.started":
                    definition = {"name": entry["workflow"], "namespace": namespace, "version": entry["version"]}
                    data = {**data, "definition": definition}
                yield {
                    "specversion": SPEC_VERSION,
                    "id": f"{entry['instance_id']}/{entry['seq']}/{number}/{kind}",
                    "source": f"/workflows/{namespace}/{entry['workflow']}",
                    "type": f"{PREFIX}{kind}.v1",
                    "subject": entry["instance_id"],
                    "time": at,
                    "datacontenttype": "application/json",
                    "data": data,
                }

    def _told_of(
        self, change: Mapping[str, Any], name: str, at: str, listening: frozenset[str]
    ) -> Iterator[tuple[str, dict[str, Json]]]:
        """The events of one change: their types, and their data."""
        phase = change["phase"]
        if (found := OF_INSTANCES.get(phase)) is not None:
            yield f"workflow.{found[0]}", {"name": name, found[1]: at, **self._given(change, found[0])}
        if (found := OF_TASKS.get(phase)) is None or self._told not in (TASKS, OUTPUTS):
            return
        task: dict[str, Json] = {"workflow": name, "task": change["pointer"]}
        if phase == Phase.TASK_STARTED:
            yield "task.created", {**task, "createdAt": at}
        yield f"task.{found[0]}", {**task, found[1]: at, **self._given(change, found[0])}
        if change["pointer"] in listening and (correlating := OF_LISTENING.get(phase)) is not None:
            yield f"workflow.{correlating[0]}", {"name": name, correlating[1]: at}

    def _given(self, change: Mapping[str, Any], kind: str) -> dict[str, Json]:
        """The error of what faulted; the output of what is complete, where that is to be told."""
        wanted = kind == "faulted" or (kind == "completed" and self._told == OUTPUTS)
        if not wanted or change["data"] is None:
            return {}
        try:
            value = change["data"].value()
        except UnreadablePayloadError:
            return {}
        if kind == "completed":
            return {"output": value}
        return {"error": {each: value[each] for each in ERROR_MEMBERS if value.get(each) is not None}}

    def _listens(self, digest: str, graph: Graph | None) -> frozenset[str]:
        if graph is None:
            return frozenset()
        if digest not in self._listening:
            self._listening[digest] = frozenset(each.pointer for each in graph.tasks if isinstance(each, Listen))
        return self._listening[digest]


def _digests(batch: Sequence[Message]) -> list[str]:
    return [message.data["digest"] for message in batch if message.name == HISTORY_ENTRY]


def _count(kind: str, number: int) -> None:
    lifecycle.EVENTS.labels(kind).inc(number)
